// Configuration as it may be shown: secrets are hidden, substituted values stand as they were written, times are text.
// Everything that shows configuration goes through here: API, page, differences, origins.

import { hideSecrets, HIDDEN, isSecretName } from '../../core/hide-secrets.ts';
import type { PathSegment, Substituted } from '../../schema/decode-context.ts';
import { isMap } from '../../schema/input.ts';
import { indexInSource } from '../../schema/forgiving.ts';
import type { Schema } from '../../schema/schema.ts';
import { Written } from '../../schema/written.ts';

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
  if (schema?.shown !== undefined && value !== undefined) return schema.shown(value);
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      walk(item, schema?.item ?? null, [...path, indexInSource(value, index)], written),
    );
  }
  if (!isMap(value)) return typeof value === 'string' ? hideSecrets(value) : value;
  const shown: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    if (part === undefined) continue;
    const inner = [...path, name];
    const isHidden = isHiddenByName(name, part, schema) && !written.has(keyOf(inner));
    shown[name] = isHidden ? HIDDEN : walk(part, schemaOf(name, schema), inner, written);
  }
  return shown;
}

/** Names that users choose, such as those of header fields, tell what they hold. */
function isHiddenByName(name: string, part: unknown, schema: Schema<unknown> | null): boolean {
  return schema?.fields == null && !isSection(part) && isSecretName(name);
}

function schemaOf(name: string, schema: Schema<unknown> | null): Schema<unknown> | null {
  return schema?.fields?.[name]?.schema ?? schema?.item ?? null;
}

/**
 * A decoded value in which texts that may not be shown stand as they are shown, and everything else as it is: it can be
 * compiled like the value itself. The same object where there is nothing to hide.
 */
export function hide<T>(value: T, schema: Schema<unknown>, substituted: readonly Substituted[]): T {
  return hideIn(value, schema, placesOf(substituted), undefined) as T; // Texts have become other texts.
}

/** What was written at a place, and below it: most values have nothing there, and cost no path. */
interface WrittenAt {
  text: string | undefined;
  readonly below: Map<string, WrittenAt>;
}

function placesOf(substituted: readonly Substituted[]): WrittenAt | undefined {
  if (substituted.length === 0) return undefined;
  const root: WrittenAt = { text: undefined, below: new Map() };
  for (const { path, written } of substituted) {
    let at = root;
    for (const segment of path) {
      const name = String(segment).toLowerCase();
      let next = at.below.get(name);
      if (next === undefined) at.below.set(name, (next = { text: undefined, below: new Map() }));
      at = next;
    }
    at.text = written;
  }
  return root;
}

/** `said` is what the part was written as in whose place this stands. */
function hideIn(
  value: unknown,
  schema: Schema<unknown> | null,
  at: WrittenAt | undefined,
  said: string | undefined,
): unknown {
  if (value === undefined || value === null) return value;
  const text = at?.text ?? said;
  // What only a plugin's schema marks has been noted as if it had been written so.
  if (schema?.isSecret === true || text === HIDDEN) return text ?? HIDDEN;
  if (typeof value === 'string') return text ?? textShown(value, schema);
  if (Array.isArray(value)) {
    const item = schema?.item ?? null;
    let isSame = true;
    const hidden = value.map((one: unknown, index) => {
      const inner = at?.below.get(String(indexInSource(value, index)));
      const shown = hideIn(one, item, inner, text);
      isSame &&= shown === one;
      return shown;
    });
    return isSame ? value : hidden;
  }
  if (!isMap(value)) return value;
  // A copy is made for the first part that is to be hidden.
  let hidden: Record<string, unknown> | null = null;
  for (const name of Object.keys(value)) {
    const part = value[name];
    // Most options are left out.
    if (part === undefined || (Array.isArray(part) && part.length === 0)) continue;
    const inner = at?.below.get(name.toLowerCase());
    const isHidden = inner?.text === undefined && isHiddenByName(name, part, schema);
    const shown = isHidden ? (text ?? HIDDEN) : hideIn(part, schemaOf(name, schema), inner, text);
    if (shown === part) continue;
    hidden ??= { ...value };
    hidden[name] = shown;
  }
  return hidden ?? value;
}

/** How texts alone are shown: of other values, this says in which unit. */
function textShown(value: string, schema: Schema<unknown> | null): unknown {
  return schema?.shown === undefined ? hideSecrets(value) : schema.shown(value);
}

function isSection(value: unknown): boolean {
  return (isMap(value) && !(value instanceof Written)) || Array.isArray(value);
}

/**
 * The same of a value that was not decoded: keys as people spell them, text where a list may stand. What stands under a
 * name that nobody knows is hidden: it may be the secret whose option is misspelt.
 */
export function redactWritten(value: unknown, schema: Schema<unknown> | null): unknown {
  if (schema === null) return walk(plain(value), null, [], new Map());
  const isSecret = schema.isSecret === true || (schema.item?.isSecret === true && !isSection(value));
  if (isSecret && value !== undefined && value !== null) return HIDDEN;
  if (Array.isArray(value)) return value.map((item) => redactWritten(item, schema.item ?? null));
  if (!isMap(value) || value instanceof Written) {
    const text = plain(value);
    if (typeof text !== 'string') return text;
    return schema.shown === undefined || schema.label === 'duration' ? hideSecrets(text) : schema.shown(text);
  }
  const fields = new Map(Object.entries(schema.fields ?? {}).map(([name, field]) => [name.toLowerCase(), field]));
  const names = new Map(Object.keys(schema.fields ?? {}).map((name) => [name.toLowerCase(), name]));
  const shown: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    if (schema.fields === null) {
      const isHidden = !isSection(part) && isSecretName(name);
      shown[name] = isHidden ? HIDDEN : redactWritten(part, schema.item ?? null);
      continue;
    }
    const field = fields.get(name.toLowerCase());
    const canonical = names.get(name.toLowerCase()) ?? name;
    if (field === undefined) shown[name] = hideAll(part);
    // An option that is not built has no schema to tell.
    else if (field.later !== null && !isSection(part) && isSecretName(name)) shown[canonical] = HIDDEN;
    else shown[canonical] = redactWritten(part, field.later === null ? field.schema : null);
  }
  return shown;
}

/** The text of a routing object, which is JSON; null when there is none. */
export function parseWritten(text: string): unknown {
  try {
    return JSON.parse(text, (_, value: unknown) => (typeof value === 'string' ? value.replace(/^\0/, '') : value));
  } catch {
    return null;
  }
}

/** Keeps the shape. */
function hideAll(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideAll);
  if (!isMap(value) || value instanceof Written) return value === null || value === undefined ? value : HIDDEN;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, hideAll(part)]));
}

function plain(value: unknown): unknown {
  return value instanceof Written ? value.text : value;
}
