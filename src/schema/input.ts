// What a value says as it was written, before any schema has looked at it.

import { Written, plainValue } from './written.ts';

/** What an empty variable leaves. */
export function isEmptyText(input: unknown): boolean {
  return typeof input === 'string' && input.trim() === '';
}

/** `true` where a section is expected: the section, with nothing said in it. */
export function isSwitchedOn(input: unknown): boolean {
  const value = plainValue(input);
  return value === true || (typeof value === 'string' && /^true$/i.test(value));
}

export function isSwitchedOff(input: unknown): boolean {
  const value = plainValue(input);
  return value === false || (typeof value === 'string' && /^false$/i.test(value));
}

export function isMap(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null && !Array.isArray(input) && !(input instanceof Date || input instanceof Written);
}
