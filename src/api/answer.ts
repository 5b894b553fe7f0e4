// What an answer of the API is made of. One definition gives its type, which handlers and the dashboard are held to,
// and its JSON Schema, which the OpenAPI description shows; so neither can say what the other does not.

import type { JsonSchema } from '../schema/schema.ts';

export interface Answer<T> {
  readonly schema: JsonSchema;
  /** Never there: it carries the type. */
  readonly as?: T;
}

export type AnswerOf<A> = A extends Answer<infer T> ? T : never;

type Parts = Readonly<Record<string, Answer<unknown>>>;

/** A name that ends with `?` is of a property that is not always there. */
export type ShapeOf<P extends Parts> = {
  readonly [K in keyof P & string as K extends `${string}?` ? never : K]: AnswerOf<P[K]>;
} & {
  readonly [K in keyof P & string as K extends `${infer Name}?` ? Name : never]?: AnswerOf<P[K]>;
};

export const text: Answer<string> = { schema: { type: 'string' } };
export const integer: Answer<number> = { schema: { type: 'integer' } };
export const flag: Answer<boolean> = { schema: { type: 'boolean' } };
export const anything: Answer<unknown> = { schema: {} };
export const anyObject: Answer<object> = { schema: { type: 'object' } };

export function oneOf<const V extends string>(values: readonly V[], description?: string): Answer<V> {
  return { schema: description === undefined ? { enum: values } : { enum: values, description } };
}

export function nullable<T>({ schema }: Answer<T>): Answer<T | null> {
  const { type } = schema;
  const isPlain = typeof type === 'string' && type !== 'object';
  return { schema: isPlain ? { ...schema, type: [type, 'null'] } : { anyOf: [schema, { type: 'null' }] } };
}

export function listOf<T>(item: Answer<T>): Answer<readonly T[]> {
  return { schema: { type: 'array', items: item.schema } };
}

/** By names that somebody chose. */
export function mapOf<T>(item: Answer<T>): Answer<Readonly<Record<string, T>>> {
  return { schema: { type: 'object', additionalProperties: item.schema } };
}

/** By names of the program, all of which are there. */
export function recordOf<const K extends string, T>(
  names: readonly K[],
  item: (name: K) => Answer<T>,
): Answer<Readonly<Record<K, T>>> {
  const parts = Object.fromEntries(names.map((name) => [name, item(name)])) as Record<K, Answer<T>>;
  return { schema: objectSchema(parts, false) };
}

/** By names of the program, of which some are always there. */
export function someOf<const K extends string, T>(
  names: readonly K[],
  isAlwaysThere: (name: K) => boolean,
  item: (name: K) => Answer<T>,
): Answer<Readonly<Partial<Record<K, T>>>> {
  const named = names.map((name) => [isAlwaysThere(name) ? name : `${name}?`, item(name)]);
  return { schema: objectSchema(Object.fromEntries(named) as Parts, false) };
}

export function shape<P extends Parts>(parts: P): Answer<ShapeOf<P>> {
  return { schema: objectSchema(parts, false) };
}

/** Has properties beside these: options of an object. */
export function openShape<P extends Parts>(parts: P): Answer<ShapeOf<P> & Readonly<Record<string, unknown>>> {
  return { schema: objectSchema(parts, true) };
}

/** One object with the properties of both. */
export function both<A, B>(first: Answer<A>, second: Answer<B>): Answer<A & B> {
  const [one, other] = [first.schema, second.schema];
  return {
    schema: {
      ...one,
      properties: { ...(one['properties'] as object), ...(other['properties'] as object) },
      required: [...(one['required'] as string[]), ...(other['required'] as string[])],
    },
  };
}

function objectSchema(parts: Parts, isOpen: boolean): JsonSchema {
  const named = Object.entries(parts).map(([name, { schema }]) => [name.replace(/\?$/, ''), schema]);
  return {
    type: 'object',
    properties: Object.fromEntries(named),
    required: Object.keys(parts).filter((name) => !name.endsWith('?')),
    additionalProperties: isOpen,
  };
}
