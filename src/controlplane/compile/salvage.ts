// What can be read of an object whose options are wrong in part: a router with a mistake in one option still knows its
// rule, and so keeps its place. What is wrong with the object has been reported; nothing is reported here.

import { DecodeContext } from '../../schema/decode-context.ts';
import { INVALID } from '../../schema/invalid.ts';
import { isMap } from '../../schema/input.ts';
import type { Schema } from '../../schema/schema.ts';
import type { ConfigDocument } from '../config/document/document.ts';
import type { RoutingObject } from '../config/routing/routing-config.ts';

/** What stands at a path of the document, keys compared without regard to case; undefined for nothing. */
export function rawAt(document: ConfigDocument, path: readonly (string | number)[]): unknown {
  let value: unknown = document.value;
  for (const segment of path) {
    if (Array.isArray(value)) value = value[Number(segment)];
    else if (isMap(value)) value = value[keyOf(value, String(segment)) ?? ''];
    else return undefined;
  }
  return value;
}

/** As written first: looking through all names of a section for each of them would take the square of their number. */
function keyOf(map: Readonly<Record<string, unknown>>, name: string): string | undefined {
  if (Object.hasOwn(map, name)) return name;
  return Object.keys(map).find((key) => key.toLowerCase() === name.toLowerCase());
}

/**
 * The options that can be read, with defaults for those that cannot; null when one of `needed` is not among the first,
 * or stands for something that is not known here.
 */
export function salvage<T extends object>(
  object: RoutingObject<T>,
  schema: Schema<T>,
  needed: readonly (keyof T & string)[],
): T | null {
  const raw = rawAt(object.document, object.path);
  if (!isMap(raw) || schema.fields === null) return null;
  const read: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema.fields)) {
    const key = keyOf(raw, name);
    const given = key === undefined ? undefined : raw[key];
    const context = new DecodeContext('', () => null);
    const isSubstituted = JSON.stringify(given)?.includes('${') === true;
    const decoded = given == null || isSubstituted ? INVALID : field.schema.decode(given, context);
    const isGood = decoded !== INVALID && context.errorCount === 0;
    if (!isGood && needed.includes(name as keyof T & string)) return null; // Names are those of the schema.
    read[name] = isGood ? decoded : field.fallback;
  }
  return read as T; // Every field is read, or has the default that its schema says.
}
