// Sections with named options: every error at once, misspellings with what was meant.

import { didYouMean, isSlip } from '../core/did-you-mean.ts';
import { formatPath, type DecodeContext } from './decode-context.ts';
import { isEmptyText, isMap, isSwitchedOff, isSwitchedOn } from './input.ts';
import { INVALID, type Invalid } from './invalid.ts';
import { meantOption, rightPlace } from './misplaced.ts';
import type { Decoded, Field, Fields, Schema } from './schema.ts';

/**
 * `gone` has names that the reference had before, in lower case, with what is written in their place: a sentence that
 * goes on behind the name.
 */
export function object<F extends Fields>(
  fields: F,
  gone: Readonly<Record<string, string>> = {},
): Schema<Decoded<F>> {
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
      if (!isMap(given)) return notASection(input, fields, context);
      const decoded: Record<string, unknown> = {};
      /** Options that a misspelt one stands for. */
      const meant = new Set<string | null>();
      let isValid = true;
      context.enter(fields);
      for (const [key, value] of Object.entries(given)) {
        const name = canonical.get(key.toLowerCase());
        if (name === undefined) {
          isValid = false;
          context.at(key, () => context.refuseKey(key) || meant.add(unknownOption(key, fields, gone, context)));
          continue;
        }
        const field = fields[name]!;
        if (name in decoded) {
          context.at(key, () =>
            context.report('warning', 'duplicate-key', `"${name}" is given twice: the first counts, and this one is left out`),
          );
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
      context.leave();
      for (const [name, field] of Object.entries(fields)) {
        if (name in decoded) continue;
        if (field.isRequired && !meant.has(name)) {
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

/** Reports; returns the option that was meant, or null. */
function unknownOption(
  key: string,
  fields: Fields,
  gone: Readonly<Record<string, string>>,
  context: DecodeContext,
): string | null {
  const instead = Object.hasOwn(gone, key.toLowerCase()) ? gone[key.toLowerCase()] : undefined;
  if (instead !== undefined) {
    context.report('error', 'unknown-option', `"${key}" ${instead}`);
    // What stands in its place is not asked for once more.
    return Object.keys(fields).find((field) => instead.includes(`${field}:`)) ?? null;
  }
  const elsewhere = rightPlace(key, fields, context);
  const known = Object.keys(fields);
  const near = didYouMean(key, known);
  // A slip of one letter is likelier than a wrong place.
  if (elsewhere === null || (near !== null && isSlip(key, near))) {
    const listed = known.map((name) => (fields[name]!.later === null ? name : `${name} (not yet)`));
    return context.unknownOption(key, known, listed);
  }
  context.report('error', 'misplaced-option', elsewhere);
  return null;
}

/** A plain value or a list where options should stand. */
function notASection(input: unknown, fields: Fields, context: DecodeContext): Invalid {
  const name = context.path.at(-1);
  if (typeof name === 'string' && Object.keys(fields).some((field) => field.toLowerCase() === name.toLowerCase())) {
    const whole = formatPath([...context.path.slice(0, -1), '<name>', name]);
    const instead = context.isByName ? `write "${whole}"` : 'indent it by 2 more';
    const message = `"${name}" stands where a name should, and is an option of what has the name; ${instead}`;
    context.report('error', 'misplaced-option', message);
    return INVALID;
  }
  if (typeof input === 'string' && /^(?:yes|on|no|off)$/i.test(input)) {
    const hint = `; write ${/^(?:yes|on)$/i.test(input)}`;
    return context.wrongType('a section with options, true or false', input, hint);
  }
  const [, key = '', sign = ''] = /^([\w.-]+)\s*(:|=)\s*\S/.exec(typeof input === 'string' ? input : '') ?? [];
  if (Object.keys(fields).some((field) => field.toLowerCase() === key.toLowerCase())) {
    const what = sign === ':' ? 'a space is missing behind the colon' : 'YAML writes a colon, not "="';
    return context.invalid(`${what}; write "${key}: …"`, 'a section with options', context.show(input));
  }
  const option = typeof input === 'object' ? null : meantOption(fields);
  const instead = context.isByName ? `"${formatPath([...context.path, option ?? ''])}"` : `${option}: ${context.show(input)} below it`;
  const hint = option === null ? '' : `; write ${instead}`;
  return context.wrongType('a section with options', input, hint);
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
 * The schema, and a look at the decoded value for what its parts cannot see: options that exclude each other, text with
 * a grammar of its own. Errors that `check` reports make the value invalid.
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
