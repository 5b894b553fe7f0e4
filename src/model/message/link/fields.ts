// What a message may hold, strictly: a field that is missing, of another kind, or that nobody knows is refused with its
// place.

export interface Field<T> {
  /** Throws a MessageError. */
  decode(value: unknown, place: string): T;
  /** The plain form, for JSON. */
  encode(value: T): unknown;
}

export class MessageError extends Error {}

function plain<T>(what: string, is: (value: unknown) => value is T): Field<T> {
  return {
    decode(value, place) {
      if (is(value)) return value;
      throw new MessageError(`${place} is ${shown(value)}; expected ${what}`);
    },
    encode: (value) => value,
  };
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `of the type ${typeof value}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const text = plain('a text', (value) => typeof value === 'string');
export const flag = plain('true or false', (value) => typeof value === 'boolean');
export const number = plain('a number', (value): value is number => typeof value === 'number');
export const count = plain(
  'a whole number from 0 on',
  (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0,
);

/** An object whose fields are its owner's to know: both ends have the same version of its message. */
export function opaque<T extends object>(): Field<T> {
  const check = plain('an object', isObject);
  return {
    decode: (value, place) => check.decode(value, place) as unknown as T, // The version of the message says so.
    encode: (value) => value,
  };
}

export const bytes: Field<Uint8Array> = {
  decode(value, place) {
    const written = text.decode(value, place);
    const decoded = Buffer.from(written, 'base64');
    if (decoded.toString('base64') !== written) throw new MessageError(`${place} is no Base64`);
    return decoded;
  },
  encode: (value) => Buffer.from(value).toString('base64'),
};

export function oneOf<const T extends string>(...values: readonly T[]): Field<T> {
  return plain(values.join(' or '), (value): value is T => values.includes(value as T));
}

export function orNull<T>(field: Field<T>): Field<T | null> {
  return {
    decode: (value, place) => (value === null ? null : field.decode(value, place)),
    encode: (value) => (value === null ? null : field.encode(value)),
  };
}

export function list<T>(field: Field<T>): Field<readonly T[]> {
  return {
    decode(value, place) {
      if (!Array.isArray(value)) throw new MessageError(`${place} is ${shown(value)}; expected a list`);
      return value.map((item, index) => field.decode(item, `${place}[${index}]`));
    },
    encode: (value) => value.map((item) => field.encode(item)),
  };
}

/** By name. */
export function record<T>(field: Field<T>): Field<Readonly<Record<string, T>>> {
  return {
    decode(value, place) {
      if (!isObject(value)) throw new MessageError(`${place} is ${shown(value)}; expected an object`);
      // Names are others' to choose, `__proto__` among them: each becomes a property of its own.
      return Object.fromEntries(
        Object.entries(value).map(([name, part]) => [name, field.decode(part, `${place}.${name}`)]),
      );
    },
    encode: (value) => Object.fromEntries(Object.entries(value).map(([name, part]) => [name, field.encode(part)])),
  };
}

export type FieldsOf<T> = { readonly [K in keyof T]: Field<T[K]> };

export function object<T extends object>(fields: FieldsOf<T>): Field<T> {
  return {
    decode(value, place) {
      if (!isObject(value)) throw new MessageError(`${place} is ${shown(value)}; expected an object`);
      const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
      if (unknown !== undefined) throw new MessageError(`${place}.${unknown} is no field that is known here`);
      const decoded: Record<string, unknown> = {};
      for (const name of Object.keys(fields)) {
        decoded[name] = fields[name as keyof T].decode(value[name], `${place}.${name}`);
      }
      return decoded as T; // Each of its fields, decoded as what it is.
    },
    encode: (value) =>
      Object.fromEntries(
        Object.keys(fields).map((name) => [name, fields[name as keyof T].encode(value[name as keyof T])]),
      ),
  };
}
