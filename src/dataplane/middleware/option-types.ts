// Types of options that several middlewares have: field names and values, patterns and their replacements, networks.

import { parseNetwork } from '../../core/ip.ts';
import type { DecodeContext } from '../../schema/decode-context.ts';
import { INVALID } from '../../schema/invalid.ts';
import { checked } from '../../schema/object.ts';
import { string } from '../../schema/scalar.ts';
import type { Schema } from '../../schema/schema.ts';
import { patternError } from '../match/pattern.ts';
import { unknownGroups } from '../match/replacement.ts';

const fieldText = string();

/**
 * Values that cannot begin another field. Line breaks, as in a policy that is written over several lines, become spaces
 * (RFC 9110 §5.5), and text beyond ASCII its bytes in UTF-8, which is what fields are made of here.
 */
export const fieldValue: Schema<string> = {
  ...fieldText,
  decode(input, context) {
    const given = fieldText.decode(input, context);
    if (given === INVALID) return INVALID;
    const value = given.replace(/[\r\n]+[\t ]*/g, ' ').trim();
    if (/[\0-\x08\x0b-\x1f\x7f]/.test(value)) {
      return context.invalid('the value holds control characters', 'text without control characters', value);
    }
    return /[\x80-\uffff]/.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value;
  },
};

/** Fields that delimit messages or belong to a connection: setting them would make two readers see two messages. */
const PROXY_OWN = new Set([
  'connection', 'content-length', 'expect', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
]); // prettier-ignore

/** What is wrong with a field that configuration wants to set, or null. */
export function fieldNameError(name: string): string | null {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return `"${name}" is no field name`;
  return PROXY_OWN.has(name.toLowerCase()) ? `"${name}" belongs to the connection and is set by the proxy alone` : null;
}

export const fieldName: Schema<string> = checked(
  { ...string(), isAbsent: (input) => input === '' },
  (name, context) => {
    const wrong = fieldNameError(name);
    if (wrong !== null) context.invalid(wrong, 'the name of a header field', name);
  },
);

/** RE2 syntax, as in rules. */
export const regex: Schema<string> = checked(string({ isVerbatim: true }), (pattern, context) => {
  const wrong = patternError(pattern);
  if (wrong !== null) context.invalid(wrong, 'an RE2 regular expression', pattern);
});

const address = string();

export const network: Schema<string> = {
  ...address,
  decode(input, context) {
    const given = address.decode(input, context);
    if (given === INVALID) return INVALID;
    const text = given.trim();
    if (parseNetwork(text) !== null) return text;
    return context.invalid(
      `"${text}" is neither an address nor a network`,
      'an address or a network such as 10.0.0.0/8',
      text,
    );
  },
};

/** Text with group references. */
export const replacement = string({
  isVerbatim: true,
  pattern: /^[^\0-\x1f\x7f]*$/,
  expected: 'text without line breaks or control characters',
});

/** Warns of references that stand for nothing. */
export function checkReplacement(
  { regex: pattern, replacement: template }: { readonly regex: string; readonly replacement: string },
  context: DecodeContext,
): void {
  for (const reference of unknownGroups(pattern, template)) {
    const name = /^\$(\d+)\w/.exec(reference)?.[1];
    const hint = name === undefined ? '' : `; write \${${name}} when text follows`;
    context.at('replacement', () =>
      context.report(
        'warning',
        'option-without-effect',
        `the pattern has no group ${reference}, which stands for nothing${hint}`,
      ),
    );
  }
}
