// Lists, and maps whose names somebody chose.

import type { DecodeContext } from './decode-context.ts';
import { isEmptyText, isMap, isSwitchedOff, isSwitchedOn } from './input.ts';
import { INVALID, type Invalid } from './invalid.ts';
import type { Schema } from './schema.ts';
import { Written } from './written.ts';

/** A list or map; its `isAbsent` says what an empty one of it is. */
export function holder<T>(
  label: string,
  item: Schema<unknown>,
  itemSuffix: string,
  decode: Schema<T>['decode'],
): Schema<T> {
  const isAbsent = itemSuffix === '[]' ? isEmptyList : (input: unknown) => isEmptyText(input) || isSwitchedOff(input);
  return { label, fields: null, item, itemSuffix, json: {}, isAbsent, decode };
}

function isEmptyList(input: unknown): boolean {
  return isEmptyText(input) || (Array.isArray(input) && input.length === 0);
}

/** Entries of a list: of text with commas, as labels and environment variables have it; one scalar is a list of one. */
export function listItems(input: unknown, item: Schema<unknown>, context: DecodeContext): readonly unknown[] | Invalid {
  const given = typeof input === 'string' ? context.substitute(input) : input;
  if (given === INVALID) return INVALID;
  if (typeof given === 'string') {
    return given
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  }
  if (Array.isArray(given)) return given as readonly unknown[];
  const isScalar = typeof given === 'number' || typeof given === 'boolean' || given instanceof Written;
  // A single section for a list of them, as people write who have one server.
  if (isScalar ? item.fields === null : item.fields !== null && isMap(given)) return [given];
  return context.wrongType('a list', input);
}

/** What an empty variable leaves in a list is no entry. */
export function isEmptyEntry(entry: unknown, context: DecodeContext): boolean {
  return typeof entry === 'string' && entry.includes('${') && context.peek(entry) === '';
}

/**
 * One entry that is wrong makes the list wrong: for what keeps somebody out, and for entries that count together.
 * Others are a `forgivingList`.
 */
export function list<T>(item: Schema<T>, options: { min?: number } = {}): Schema<readonly T[]> {
  return holder(`list of ${item.label}s`, item, '[]', (input, context) => {
    const items = listItems(input, item, context);
    if (items === INVALID) return INVALID;
    if (items.length < (options.min ?? 0)) return context.invalid('the list is empty', 'at least one entry', 'none');
    let isValid = true;
    const decoded: T[] = [];
    items.forEach((entry, index) => {
      if (context.at(index, () => isEmptyEntry(entry, context))) return;
      const value = context.at(index, () => item.decode(entry, context));
      if (value === INVALID) isValid = false;
      else decoded.push(value);
    });
    return isValid ? decoded : INVALID;
  });
}

/** A map whose keys the user chooses; `checkKey` says what is wrong with one. */
export function record<T>(
  value: Schema<T>,
  checkKey: (key: string) => string | null = () => null,
): Schema<Readonly<Record<string, T>>> {
  return holder(`map of ${value.label}s`, value, '.<name>', (input, context) => {
    const entries = mapEntries(input, context);
    if (entries === INVALID) return INVALID;
    let isValid = true;
    const decoded: Record<string, T> = {};
    for (const [key, entry] of entries) {
      const found = context.at(key, () => decodeEntry(key, entry, value, checkKey, context));
      if (found === INVALID) isValid = false;
      else decoded[key] = found;
    }
    return isValid ? decoded : INVALID;
  });
}

export function mapEntries(input: unknown, context: DecodeContext): readonly [string, unknown][] | Invalid {
  if (isMap(input)) return Object.entries(input);
  if (!isSwitchedOn(input)) return context.wrongType('a map', input);
  context.report('warning', 'option-without-effect', '"true" says nothing here: write names and values below it');
  return [];
}

export function decodeEntry<T>(
  key: string,
  entry: unknown,
  value: Schema<T>,
  checkKey: (key: string) => string | null,
  context: DecodeContext,
): T | Invalid {
  if (context.refuseKey(key)) return INVALID;
  const wrong = checkKey(key);
  if (wrong !== null) return context.invalid(wrong, 'another name', key);
  // `name:` with nothing behind it is empty text.
  const isText = value.fields === null && value.item === undefined;
  return value.decode(entry === null && isText ? '' : entry, context);
}
