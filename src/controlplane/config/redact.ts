// Configuration as it may be shown: secrets are hidden, substituted values stand as they were written.

import type { PathSegment, Substituted } from '../../schema/decode-context.ts';
import { isMap, type Schema } from '../../schema/schema.ts';

/** Traefik's sign for it. */
const HIDDEN = 'xxxx';

/** A copy of a decoded value. Options without a value are left out. */
export function redact(value: unknown, schema: Schema<unknown>, substituted: readonly Substituted[] = []): unknown {
  const written = new Map(substituted.map((one) => [keyOf(one.path), one.written]));
  return walk(value, schema, [], written);
}

function keyOf(path: readonly PathSegment[]): string {
  return path.map((segment) => String(segment).toLowerCase()).join('\0');
}

function walk(
  value: unknown,
  schema: Schema<unknown> | null,
  path: readonly PathSegment[],
  written: ReadonlyMap<string, string>,
): unknown {
  const text = written.size === 0 ? undefined : written.get(keyOf(path));
  if (text !== undefined) return text;
  if (schema?.isSecret === true && value !== undefined) return HIDDEN;
  if (Array.isArray(value)) {
    return value.map((item, index) => walk(item, schema?.item ?? null, [...path, index], written));
  }
  if (!isMap(value)) return value;
  const shown: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    if (part === undefined) continue;
    shown[name] = walk(part, schema?.fields?.[name]?.schema ?? schema?.item ?? null, [...path, name], written);
  }
  return shown;
}
