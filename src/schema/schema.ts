// Building blocks of every configuration model. One definition gives the type, decoding with all errors at once, and the
// reference page. Keys are matched without regard to case, as in Traefik; a decoded object has the canonical names and
// every default filled in. Nothing here throws on user input.

import { didYouMean } from '../core/did-you-mean.ts';
import type { DecodeContext } from './decode-context.ts';
import { parseDuration } from './duration.ts';
import { INVALID, type Invalid } from './invalid.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Schema<T> {
  /** For reference pages: `string`, `list of strings` … */
  readonly label: string;
  /** Of objects, for reference pages; null otherwise. */
  readonly fields: Fields | null;
  /** Of lists and maps, for reference pages: what they hold, and how a path goes on. */
  readonly item?: Schema<unknown>;
  readonly itemSuffix?: string;
  /** JSON Schema of values without parts; of others it follows from their parts. */
  readonly json: JsonSchema;
  /** Shown as `xxxx` wherever configuration is shown. */
  readonly isSecret?: boolean;
  decode(input: unknown, context: DecodeContext): T | Invalid;
}

export type Infer<S> = S extends Schema<infer T> ? T : never;

export interface Field<T> {
  readonly schema: Schema<T>;
  readonly doc: string;
  readonly isRequired: boolean;
  /** Undefined for none. */
  readonly fallback: T | undefined;
  /** Known, and not built yet: `ignored` warns, `refused` is an error because the object would mean less without it. */
  readonly later: 'ignored' | 'refused' | null;
  /** Of an option that is not built: what this program has in its place. */
  readonly instead?: string;
  /** How it differs from the same option of Traefik's; undefined when it does not. */
  readonly differs?: string;
  /** Traefik has no such option. */
  readonly isOwn?: boolean;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
type Decoded<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export function required<T>(schema: Schema<T>, doc: string): Field<T> {
  return { schema, doc, isRequired: true, fallback: undefined, later: null };
}

export function optional<T>(schema: Schema<T>, doc: string): Field<T | undefined> {
  return { schema, doc, isRequired: false, fallback: undefined, later: null };
}

export function withDefault<T>(schema: Schema<T>, fallback: T, doc: string): Field<T> {
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

/** A value without parts: substitutions are made before it is looked at. */
export function leaf<T>(label: string, json: JsonSchema, decode: Schema<T>['decode']): Schema<T> {
  return {
    label,
    fields: null,
    json,
    decode(input, context) {
      const value = context.substitute(input);
      return value === INVALID ? INVALID : decode(value, context);
    },
  };
}

/** Says how the option differs from Traefik's of that name. */
export function differing<T>(field: Field<T>, differs: string): Field<T> {
  return { ...field, differs };
}

/** Marks an option that Traefik does not have. */
export function own<T>(field: Field<T>): Field<T> {
  return { ...field, isOwn: true };
}

function holder<T>(label: string, item: Schema<unknown>, itemSuffix: string, decode: Schema<T>['decode']): Schema<T> {
  return { label, fields: null, item, itemSuffix, json: {}, decode };
}

const anything: Schema<undefined> = { label: 'any', fields: null, json: {}, decode: () => undefined };

interface StringOptions {
  readonly pattern?: RegExp;
  readonly expected?: string;
  /** `${name}` has a meaning of its own in it: no substitutions. */
  readonly isVerbatim?: boolean;
}

export function string(options: StringOptions = {}): Schema<string> {
  const { pattern, expected = 'a string', isVerbatim = false } = options;
  const decode: Schema<string>['decode'] = (input, context) => {
    // Unquoted numbers and booleans are what people write for names and values.
    const text = typeof input === 'number' || typeof input === 'boolean' ? String(input) : input;
    if (typeof text !== 'string') return context.wrongType(expected, input);
    if (pattern !== undefined && !pattern.test(text)) return context.invalid(`expected ${expected}`, expected, text);
    return text;
  };
  const json = { type: ['string', 'number', 'boolean'] };
  return isVerbatim ? { label: 'string', fields: null, json, decode } : leaf('string', json, decode);
}

/** Text that is never shown again. */
export function secret(): Schema<string> {
  return { ...string(), isSecret: true };
}

export function boolean(): Schema<boolean> {
  return leaf('boolean', { type: 'boolean' }, (input, context) => {
    if (typeof input === 'boolean') return input;
    if (typeof input === 'string' && /^(?:true|false)$/i.test(input)) return input.toLowerCase() === 'true';
    return context.wrongType('true or false', input);
  });
}

export function integer(options: { min?: number; max?: number } = {}): Schema<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options;
  const json = {
    type: 'integer',
    ...(options.min === undefined ? {} : { minimum: min }),
    ...(options.max === undefined ? {} : { maximum: max }),
  };
  return leaf('integer', json, (input, context) => {
    const value = typeof input === 'string' && /^[+-]?[0-9]{1,16}$/.test(input) ? Number(input) : input;
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) return context.wrongType('a whole number', input);
    if (value < min || value > max) {
      const range = options.max === undefined ? `at least ${min}` : `from ${min} to ${max}`;
      return context.invalid(`the number must be ${range}`, range, String(value));
    }
    return value;
  });
}

export function number(): Schema<number> {
  return leaf('number', { type: 'number' }, (input, context) => {
    // `Number` alone would take blanks, hexadecimal and exponents for what nobody meant.
    const value = typeof input === 'string' && /^[+-]?[0-9]+(?:\.[0-9]+)?$/.test(input) ? Number(input) : input;
    return typeof value === 'number' && Number.isFinite(value) ? value : context.wrongType('a number', input);
  });
}

/** Milliseconds. Text as in Go (`1m30s`); a bare number counts seconds. */
export function duration(): Schema<number> {
  return leaf('duration', { type: ['string', 'number'] }, (input, context) => {
    const value = typeof input === 'number' || typeof input === 'string' ? parseDuration(input) : null;
    return value ?? context.wrongType('a duration such as 500ms, 10s or 1h30m', input);
  });
}

export function oneOf<const T extends string>(...values: readonly T[]): Schema<T> {
  return leaf(
    values.map((value) => `\`${value}\``).join(', '),
    { enum: [...new Set(values.flatMap((value) => [value, value.toUpperCase()]))] },
    (input, context) => {
      const found = values.find((value) => typeof input === 'string' && value.toLowerCase() === input.toLowerCase());
      if (found !== undefined) return found;
      const near = typeof input === 'string' ? didYouMean(input, values) : null;
      const hint = near === null ? '' : `; did you mean "${near}"?`;
      return context.invalid(`expected one of ${values.join(', ')}${hint}`, values.join(', '), context.show(input));
    },
  );
}

/** A list, or text with commas, as labels and environment variables have it. */
export function list<T>(item: Schema<T>, options: { min?: number } = {}): Schema<readonly T[]> {
  return holder(`list of ${item.label}s`, item, '[]', (input, context) => {
    const given = typeof input === 'string' ? context.substitute(input) : input;
    if (given === INVALID) return INVALID;
    const items = typeof given === 'string' ? given.split(',').map((part) => part.trim()) : given;
    if (!Array.isArray(items)) return context.wrongType('a list', input);
    if (items.length < (options.min ?? 0)) return context.invalid('the list is empty', 'at least one entry', 'none');
    let isValid = true;
    const decoded: T[] = [];
    items.forEach((entry: unknown, index) => {
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
    if (!isMap(input)) return context.wrongType('a map', input);
    let isValid = true;
    const decoded: Record<string, T> = {};
    for (const [key, entry] of Object.entries(input)) {
      const found = context.at(key, () => {
        if (context.refuseKey(key)) return INVALID;
        const wrong = checkKey(key);
        return wrong === null ? value.decode(entry, context) : context.invalid(wrong, 'another name', key);
      });
      if (found === INVALID) isValid = false;
      else decoded[key] = found;
    }
    return isValid ? decoded : INVALID;
  });
}

export function object<F extends Fields>(fields: F): Schema<Decoded<F>> {
  const canonical = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  return {
    label: 'section',
    fields,
    json: {},
    decode(input, context) {
      const given = input ?? {};
      if (!isMap(given)) return context.wrongType('a section with options', input);
      const decoded: Record<string, unknown> = {};
      let isValid = true;
      for (const [key, value] of Object.entries(given)) {
        const name = canonical.get(key.toLowerCase());
        if (name === undefined) {
          isValid = false;
          context.at(key, () => context.refuseKey(key) || context.unknownOption(key, Object.keys(fields)));
          continue;
        }
        const field = fields[name]!;
        if (name in decoded) {
          isValid = false;
          context.at(key, () => context.invalid(`the option "${name}" is given twice`, 'once', 'twice'));
        } else if (field.later !== null) {
          context.at(key, () => context.notSupported(field.later === 'refused', field.instead));
          if (field.later === 'refused') isValid = false;
        } else if (value === null && field.schema.fields === null) {
          // `key:` with nothing behind it: as if it were not there.
        } else {
          const result = context.at(key, () => field.schema.decode(value, context));
          if (result === INVALID) isValid = false;
          decoded[name] = result;
        }
      }
      for (const [name, field] of Object.entries(fields)) {
        if (name in decoded) continue;
        if (field.isRequired) {
          isValid = false;
          context.at(name, () => context.missing(field.schema.label));
        }
        decoded[name] = field.fallback;
      }
      // Every field was decoded by its own schema or has its own default.
      return isValid ? (decoded as Decoded<F>) : INVALID;
    },
  };
}

/**
 * The schema, and a look at the decoded value for what its parts cannot see: options that exclude each other, text with a
 * grammar of its own. Errors that `check` reports make the value invalid.
 */
export function checked<T>(schema: Schema<T>, check: (value: T, context: DecodeContext) => void): Schema<T> {
  return {
    ...schema,
    decode(input, context) {
      const errorsBefore = context.errorCount;
      const value = schema.decode(input, context);
      if (value !== INVALID) check(value, context);
      return context.errorCount === errorsBefore ? value : INVALID;
    },
  };
}

/** Every default of a section that was left out; the fields must have no required one. */
export function defaultsOf<T>(schema: Schema<T>): T {
  const values = Object.entries(schema.fields ?? {}).map(([name, field]) => [name, field.fallback]);
  return Object.fromEntries(values) as T; // The same construction as `decode` of an empty section.
}

export function isMap(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null && !Array.isArray(input) && !(input instanceof Date);
}
