// Reading what a source answers in JSON: of another program, perhaps of another version than is known here. What is
// not as expected is as if it were not there.

import { isMap } from '../../../schema/input.ts';

export type JsonMap = Readonly<Record<string, unknown>>;

const EMPTY: JsonMap = {};

export function mapOf(value: unknown): JsonMap {
  return isMap(value) ? value : EMPTY;
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** 0 for what is none. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Keys with texts; others are left out. */
export function textsOf(value: unknown): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const [key, text] of Object.entries(mapOf(value))) {
    // Such a key would change what it is put into.
    if (typeof text === 'string' && key !== '__proto__') texts[key] = text;
  }
  return texts;
}
