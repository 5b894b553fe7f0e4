// Building blocks of every configuration model. One definition gives the type, decoding with all errors at once, and the
// reference page. Keys are matched without regard to case, as in Traefik; a decoded object has the canonical names and
// every default filled in. Nothing here throws on user input.

import { didYouMean } from '../core/did-you-mean.ts';
import type { DecodeContext } from './decode-context.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { INVALID, type Invalid } from './invalid.ts';
import { plainValue, Written } from './written.ts';

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
  /** How a decoded value is shown, where that is not the value. */
  shown?(value: unknown): unknown;
  /** Input that says no more than an option that is left out: an empty variable, `false` for a section. May report. */
  readonly isAbsent?: (input: unknown, context: DecodeContext) => boolean;
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
  /** It differs only while it is left out. */
  readonly differsLeftOut?: boolean;
  /** Traefik has no such option. */
  readonly isOwn?: boolean;
  /** A running process takes a change of it, and of all that is in it. */
  readonly isLive?: boolean;
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

/** An option of Traefik's that has nothing to do here: taken, and without effect on purpose, as `doc` says. */
export function needless<T>(schema: Schema<T>, doc: string): Field<T | undefined> {
  return { ...optional(schema, doc), differs: doc };
}

/** What an empty variable leaves. */
export function isEmptyText(input: unknown): boolean {
  return typeof input === 'string' && input.trim() === '';
}

/** A value without parts: substitutions are made before it is looked at. */
export function leaf<T>(label: string, json: JsonSchema, decode: Schema<T>['decode']): Schema<T> {
  return {
    label,
    fields: null,
    json,
    isAbsent: isEmptyText,
    decode(input, context) {
      const value = context.substitute(plainValue(input));
      return value === INVALID ? INVALID : decode(value, context);
    },
  };
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

/** `true` where a section is expected: the section, with nothing said in it. */
export function isSwitchedOn(input: unknown): boolean {
  const value = plainValue(input);
  return value === true || (typeof value === 'string' && /^true$/i.test(value));
}

export function isSwitchedOff(input: unknown): boolean {
  const value = plainValue(input);
  return value === false || (typeof value === 'string' && /^false$/i.test(value));
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
  return {
    label: 'string',
    fields: null,
    json: { type: ['string', 'number', 'boolean'] },
    // Empty text is a value where it can be one.
    isAbsent: (input) => input === '' && pattern?.test('') === false,
    decode(input, context) {
      // Unquoted numbers and booleans are what people write for names and values.
      const written = typeof input === 'string' ? input : textOf(input, context);
      const text = isVerbatim ? written : context.substitute(written);
      if (text === INVALID) return INVALID;
      if (typeof text !== 'string') return context.wrongType(expected, input);
      if (pattern !== undefined && !pattern.test(text)) return context.invalid(`expected ${expected}`, expected, text);
      return text;
    },
  };
}

/** A scalar as it stands in the file; undefined for what is none. */
function textOf(input: unknown, context: DecodeContext): string | undefined {
  if (input instanceof Written) return input.text;
  if (typeof input === 'boolean') return String(input);
  if (typeof input === 'number' || input instanceof Date) {
    return context.writtenText() ?? (typeof input === 'number' ? String(input) : input.toISOString());
  }
  return undefined;
}

/** Text that is never shown again. */
export function secret(): Schema<string> {
  return { ...string(), isSecret: true };
}

export function boolean(): Schema<boolean> {
  return leaf('boolean', { type: 'boolean' }, (input, context) => {
    if (typeof input === 'boolean') return input;
    // As Go reads them.
    const text = typeof input === 'number' ? String(input) : input;
    if (typeof text === 'string' && /^(?:true|false|[tf01])$/i.test(text)) return /^[t1]/i.test(text);
    return context.wrongType('true or false', input);
  });
}

interface IntegerOptions {
  readonly min?: number;
  readonly max?: number;
  /** What is out of the range, or above it, stands for the end of it; a warning says so. */
  readonly clamp?: 'both' | 'above';
  /** 0 stands for an option that is left out, as in Go. */
  readonly isZeroAbsent?: boolean;
}

export function integer(options: IntegerOptions = {}): Schema<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER, clamp, isZeroAbsent = false } = options;
  const json = {
    type: 'integer',
    ...(options.min === undefined ? {} : { minimum: min }),
    ...(options.max === undefined ? {} : { maximum: max }),
  };
  const schema = leaf<number>('integer', json, (input, context) => {
    const value = typeof input === 'string' && /^[+-]?[0-9]{1,40}$/.test(input.trim()) ? Number(input) : input;
    if (typeof value !== 'number' || !Number.isInteger(value)) return context.wrongType('a whole number', input);
    if (value < min || value > max) {
      const range = options.max === undefined ? `at least ${min}` : `from ${min} to ${max}`;
      if (clamp === undefined || (clamp === 'above' && value < min))
        return context.invalid(`the number must be ${range}`, range, String(input));
      const nearest = value < min ? min : max;
      context.report('warning', 'out-of-range', `the number must be ${range}; ${nearest} is taken for ${String(input)}`, {
        expected: range,
        received: String(input),
      });
      return nearest;
    }
    return value;
  });
  if (!isZeroAbsent) return schema;
  return { ...schema, isAbsent: (input) => isEmptyText(input) || input === 0 || input === '0' };
}

export function number(): Schema<number> {
  return leaf('number', { type: 'number' }, (input, context) => {
    // `Number` alone would take blanks, hexadecimal and exponents for what nobody meant.
    const value =
      typeof input === 'string' && /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$/.test(input.trim()) ? Number(input) : input;
    return typeof value === 'number' && Number.isFinite(value) ? value : context.wrongType('a number', input);
  });
}

interface DurationOptions {
  /** `zero`: as 0, `default`: as if it were left out, either with a warning; `kept`: negative ones mean something. */
  readonly negative?: 'zero' | 'default' | 'kept';
  /** Shorter ones, 0 but for `default`, are lengthened to it with a warning. */
  readonly minMs?: number;
}

/** Milliseconds. Text as in Go (`1m30s`); a bare number counts seconds. */
export function duration({ negative = 'zero', minMs = 0 }: DurationOptions = {}): Schema<number> {
  const read = (input: unknown): number | null =>
    typeof input === 'number' || typeof input === 'string' ? parseDuration(input) : null;
  const plain = leaf('duration', { type: ['string', 'number'] }, (input, context) => {
    const value = read(input);
    if (value === null) return context.wrongType('a duration such as 500ms, 10s or 1h30m', input);
    if (value < 0 && negative !== 'kept') {
      context.report('warning', 'out-of-range', `a negative time has no meaning here; 0 is taken for ${context.show(input)}`);
      return 0;
    }
    if (value >= minMs || negative === 'kept') return value;
    context.report('warning', 'out-of-range', `the time is too short; ${minMs}ms is taken for ${context.show(input)}`, {
      expected: `at least ${minMs}ms`,
      received: String(input),
    });
    return minMs;
  });
  const shown = (value: unknown): unknown => (typeof value === 'number' ? formatDuration(value) : value);
  if (negative !== 'default') return { ...plain, shown };
  return {
    ...plain,
    shown,
    isAbsent(input, context) {
      if (isEmptyText(input)) return true;
      const value = read(plainValue(input));
      if (value === null || value > 0) return false;
      context.report('warning', 'out-of-range', `the time must be longer than 0; the default is taken for ${context.show(input)}`);
      return true;
    },
  };
}

/** Further names of values, as they are written elsewhere. */
export function withAliases<T extends string>(schema: Schema<T>, aliases: Readonly<Record<string, NoInfer<T>>>): Schema<T> {
  const known = new Map(Object.entries(aliases).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    ...schema,
    json: { enum: [...((schema.json['enum'] as readonly string[] | undefined) ?? []), ...Object.keys(aliases)] },
    decode(input, context) {
      const text = typeof input === 'string' ? context.peek(input).toLowerCase() : '';
      return known.get(text) ?? schema.decode(input, context);
    },
  };
}

/** A value nobody knows is a warning, and as good as none. */
export function tolerant<T>(schema: Schema<T>, fallback: T): Schema<T> {
  return {
    ...schema,
    decode(input, context) {
      const mark = context.mark();
      const value = schema.decode(input, context);
      if (value !== INVALID) return value;
      context.downgrade(mark, `${String(fallback)} is taken`);
      return fallback;
    },
  };
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
 * One entry that is wrong makes the list wrong: for what keeps somebody out, and for entries that count together. Others are
 * a `forgivingList`.
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

export function object<F extends Fields>(fields: F): Schema<Decoded<F>> {
  const canonical = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  return {
    label: 'section',
    fields,
    json: {},
    isAbsent: (input) => isSwitchedOff(input) || isEmptyText(input),
    decode(input, context) {
      const switched = typeof input === 'string' ? context.substitute(input) : input;
      if (switched === INVALID) return INVALID;
      const given = isSwitchedOn(switched) ? {} : (switched ?? {});
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
        } else if (isLeftOut(field, value, key, context)) {
          // As if it were not there.
        } else if (field.later !== null) {
          context.at(key, () => context.notSupported(field.later === 'refused', field.instead));
          if (field.later === 'refused') isValid = false;
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

/** `key:` with nothing behind it, or what says as little. */
function isLeftOut(field: Field<unknown>, value: unknown, key: string, context: DecodeContext): boolean {
  const { schema } = field;
  if (value === null) return schema.fields === null;
  if (field.later !== null) return isSwitchedOff(value) || isEmptyText(value);
  // Decoding says what is wrong with an empty list that is required.
  if (field.isRequired && schema.item !== undefined) return false;
  return context.at(key, () => {
    const given = typeof value === 'string' && value.includes('${') ? context.peek(value) : value;
    if (schema.isAbsent?.(given, context) === true) return true;
    return given === '' && field.fallback === undefined && !field.isRequired && schema.isSecret !== true;
  });
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
  return typeof input === 'object' && input !== null && !Array.isArray(input) && !(input instanceof Date || input instanceof Written);
}
