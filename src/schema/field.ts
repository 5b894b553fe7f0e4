// Options of an object: whether they have to be there, what they are when they are left out, and how they differ from
// Traefik's.

import type { Field, Schema } from './schema.ts';

export function required<T>(schema: Schema<T>, doc: string): Field<T> {
  return { schema, doc, isRequired: true, fallback: undefined, later: null };
}

export function optional<T>(schema: Schema<T>, doc: string): Field<T | undefined> {
  return { schema, doc, isRequired: false, fallback: undefined, later: null };
}

export function withDefault<T>(schema: Schema<T>, fallback: T, doc: string): Field<T> {
  if (schema.label === 'duration' && typeof fallback !== 'number')
    throw new TypeError(`the default of a duration is a number of milliseconds, found ${JSON.stringify(fallback)}`);
  return { schema, doc, isRequired: false, fallback, later: null };
}

/** An option of the reference that later work brings. */
export function later(doc: string, effect: 'ignored' | 'refused' = 'ignored'): Field<undefined> {
  return { schema: anything, doc, isRequired: false, fallback: undefined, later: effect };
}

/** Says what this program has in place of an option that is not built. */
export function replacedBy(field: Field<undefined>, instead: string): Field<undefined> {
  return { ...field, instead };
}

/** An option of Traefik's that has nothing to do here: taken, and without effect on purpose, as `doc` says. */
export function needless<T>(schema: Schema<T>, doc: string): Field<T | undefined> {
  return { ...optional(schema, doc), differs: doc };
}

/** Says how the option differs from Traefik's of that name. */
export function differing<T>(field: Field<T>, differs: string): Field<T> {
  return { ...field, differs };
}

/** Says what another default than Traefik's is. */
export function differingDefault<T>(field: Field<T>, differs: string): Field<T> {
  return { ...field, differs, differsLeftOut: true };
}

/** Marks an option that Traefik does not have. */
export function own<T>(field: Field<T>): Field<T> {
  return { ...field, isOwn: true };
}

/** Marks an option whose change takes effect without a restart; what is in it is live as well. */
export function live<T>(field: Field<T>): Field<T> {
  return { ...field, isLive: true };
}

const anything: Schema<undefined> = { label: 'any', fields: null, json: {}, decode: () => undefined };
