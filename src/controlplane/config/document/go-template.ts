// Go templates in configuration files: Traefik runs them before it reads the file, this program does not.

import type { Diagnostic } from '../../../model/diagnostic.ts';

const ENVIRONMENT = /\{\{-?\s*(?:env|getenv)\s+["`]([A-Za-z_][A-Za-z0-9_]*)["`]\s*-?\}\}/;

/** What to say about templates in the text; null when there are none. */
export function templateDiagnostic(source: string, text: string, isParsed: boolean): Diagnostic | null {
  const offset = firstTemplate(text);
  if (offset === null) return null;
  const variable = ENVIRONMENT.exec(text)?.[1];
  const instead =
    variable === undefined
      ? 'write the values out, generate the file before it gets here, or use a provider that discovers them'
      : `write "\${${variable}}" for {{env "${variable}"}}, and the values out for other templates`;
  return {
    severity: isParsed ? 'warning' : 'error',
    code: 'go-template',
    message: `Go templates are not run; ${instead}${isParsed ? '' : '. Nothing of the file is read until then'}`,
    source,
    path: '',
    ...placeOf(text, offset),
  };
}

/** Of providers, which is a template wherever it stands: on its own line, or below its name. */
const DEFAULT_RULE = /\bdefaultRule["']?\s*[:=]/i;

/** Comments may say what they like. */
function firstTemplate(text: string): number | null {
  let offset = 0;
  let before = '';
  for (const line of text.split('\n')) {
    const found = line.indexOf('{{');
    const isRule = DEFAULT_RULE.test(line) || /^.*\bdefaultRule["']?\s*:\s*[|>][+-]?\s*$/i.test(before);
    const isComment = line.trimStart().startsWith('#') || /^[^"'`]*\s#/.test(line.slice(0, found));
    if (found >= 0 && !isRule && !isComment) return offset + found;
    offset += line.length + 1;
    before = line;
  }
  return null;
}

/** 1-based line and column of an offset. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  return { line: before.split('\n').length, column: offset - lastBreak };
}
