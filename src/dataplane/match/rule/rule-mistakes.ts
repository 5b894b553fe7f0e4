// Texts that are no rule at all: what stands where a rule should, and the rule that was meant.

import type { RuleError } from './rule-error.ts';

/** One error for the whole text; null for whatever has at least the form of a matcher. */
export function wholeMistake(text: string, example: string): RuleError | null {
  const trimmed = text.trim();
  if (trimmed === '' || text.includes('(')) return null;
  const offset = text.indexOf(trimmed);
  const error = (message: string): RuleError => ({ message, offset, length: trimmed.length, expected: example });
  if (/^[A-Za-z]+\s*:/.test(trimmed)) {
    const present = fromVersion1(trimmed);
    return error(
      `this is a rule of Traefik 1${present === null ? `; rules look like ${example}` : `; write ${present}`}`,
    );
  }
  // Operators without matchers have errors of their own.
  if (/[&|!,\s`"']/.test(trimmed)) return null;
  const isTcp = example.startsWith('HostSNI');
  if (trimmed.startsWith('/')) {
    return error(isTcp ? `rules look like ${example}` : `a path alone is no rule; write PathPrefix(\`${trimmed}\`)`);
  }
  if (/^\w+$/.test(trimmed)) return error(`a word alone is no rule; rules look like ${example}`);
  if (/^(?:\*|[\w*-]+(?:\.[\w*-]+)+)\.?$/.test(trimmed)) {
    return error(`a name alone is no rule; write ${isTcp ? 'HostSNI' : 'Host'}(\`${trimmed}\`)`);
  }
  return null;
}

/** Matchers of Traefik 1, and what they are now. What changed paths as well is a middleware now. */
const VERSION_1: Readonly<Record<string, (value: string) => string>> = {
  host: (value) => `Host(\`${value}\`)`,
  path: (value) => `Path(\`${value}\`)`,
  pathstrip: (value) => `Path(\`${value}\`)`,
  pathprefix: (value) => `PathPrefix(\`${value}\`)`,
  pathprefixstrip: (value) => `PathPrefix(\`${value}\`)`,
  method: (value) => `Method(\`${value}\`)`,
};

/** Null for what has no counterpart that can be written down by itself, as placeholders have. */
function fromVersion1(text: string): string | null {
  const parts: string[] = [];
  for (const part of text.split(';')) {
    const [, name, list] = /^\s*([A-Za-z]+)\s*:\s*(\S.*?)\s*$/.exec(part) ?? [];
    const write = name === undefined ? undefined : VERSION_1[name.toLowerCase()];
    if (write === undefined || list === undefined || /[{}`]/.test(list)) return null;
    const alternatives = list.split(',').map((value) => write(value.trim()));
    parts.push(alternatives.length === 1 ? alternatives[0]! : `(${alternatives.join(' || ')})`);
  }
  return parts.join(' && ');
}
