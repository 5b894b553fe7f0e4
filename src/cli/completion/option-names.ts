// Names of options of the install configuration that a word may become, level by level: `--entryPoints.web.ad`.

import { isMap } from '../../schema/input.ts';
import type { Field, Schema } from '../../schema/schema.ts';

/**
 * `given` is the name so far, without its dashes. What goes on ends in a dot, what takes a value in `=`. Names that
 * people choose are those of `written`, a configuration as it was written.
 */
export function optionNames(schema: Schema<unknown>, given: string, written: unknown): readonly string[] {
  const parts = given.split('.');
  const last = parts.pop()!.toLowerCase();
  let at: Schema<unknown> | undefined = schema;
  let value = written;
  for (const part of parts) {
    at = inside(at, part);
    value = childOf(value, part);
    if (at === undefined) return [];
  }
  const before = parts.map((part) => `${part}.`).join('');
  return namesAt(at, value)
    .filter((name) => name.toLowerCase().startsWith(last))
    .map((name) => before + name);
}

function namesAt(schema: Schema<unknown>, written: unknown): readonly string[] {
  if (schema.fields === null) {
    const isOfMaps = schema.itemSuffix === '.<name>' && isMap(written);
    return isOfMaps ? Object.keys(written).map((name) => name + endingOf(schema.item!)) : [];
  }
  return Object.entries(schema.fields).flatMap(([name, field]) => (isMeant(field) ? namesOf(name, field.schema) : []));
}

/** What is not built, or has no effect, is nothing to be led to. */
function isMeant({ later, differs, schema }: Field<unknown>): boolean {
  return later === null && !(differs !== undefined && schema.label === 'any');
}

/** A section is also switched on by its name alone. */
function namesOf(name: string, schema: Schema<unknown>): readonly string[] {
  const whole = name + endingOf(schema);
  return whole.endsWith('.') && schema.fields !== null ? [name, whole] : [whole];
}

function endingOf(schema: Schema<unknown>): string {
  if (schema.fields !== null || schema.itemSuffix === '.<name>') return '.';
  return schema.label === 'boolean' ? '' : '=';
}

function inside(schema: Schema<unknown>, part: string): Schema<unknown> | undefined {
  if (schema.fields === null) return schema.item;
  const name = Object.keys(schema.fields).find((key) => key.toLowerCase() === part.toLowerCase());
  return name === undefined ? undefined : schema.fields[name]!.schema;
}

function childOf(value: unknown, part: string): unknown {
  if (!isMap(value)) return undefined;
  return Object.entries(value).find(([key]) => key.toLowerCase() === part.toLowerCase())?.[1];
}
