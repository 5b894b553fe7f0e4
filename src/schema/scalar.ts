// Values without parts: text, numbers, times, switches and choices.

import { didYouMean } from '../core/did-you-mean.ts';
import type { DecodeContext } from './decode-context.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { isEmptyText } from './input.ts';
import { INVALID } from './invalid.ts';
import type { JsonSchema, Schema } from './schema.ts';
import { Written, plainValue } from './written.ts';

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
      if (pattern !== undefined && !pattern.test(text)) {
        return context.invalid(`expected ${expected}, found ${context.show(text)}`, expected, text);
      }
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
        return context.invalid(`the number must be ${range}, found ${String(input)}`, range, String(input));
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
  if (values.some((value) => typeof value !== 'string'))
    throw new TypeError("oneOf takes each value as an argument of its own, as in oneOf('a', 'b')");
  return leaf(
    values.map((value) => `\`${value}\``).join(', '),
    { enum: [...new Set(values.flatMap((value) => [value, value.toUpperCase()]))] },
    (input, context) => {
      const found = values.find((value) => typeof input === 'string' && value.toLowerCase() === input.toLowerCase());
      if (found !== undefined) return found;
      const near = typeof input === 'string' ? (didYouMean(input, values) ?? contained(input, values)) : null;
      const hint = near === null ? '' : `; did you mean "${near}"?`;
      const given = context.show(input);
      return context.invalid(`expected one of ${values.join(', ')}, found ${given}${hint}`, values.join(', '), given);
    },
  );
}

/** `TLS1.2` is meant as `VersionTLS12`: one value alone holds all that was written, but for dots and the like. */
function contained(text: string, values: readonly string[]): string | null {
  const bare = (one: string): string => one.toLowerCase().replace(/[^a-z0-9]/g, '');
  const found = values.filter((value) => bare(text).length > 2 && bare(value).includes(bare(text)));
  return found.length === 1 ? found[0]! : null;
}
