// The functions of templates: those of Go's text/template, and those of sprig that work on text and lists, with their
// names and the order of their arguments.

import { compileReplacement } from '../../../../dataplane/match/replacement.ts';
import { PatternFinder, patternError } from '../../../../dataplane/match/pattern.ts';
import { normalizeName } from '../name-form.ts';
import { printf } from './printf.ts';
import { bounded, isList, isMapValue, isTrue, Missing, TemplateError, textOf, type TemplateValue } from './value.ts';

export interface TemplateFunction {
  readonly min: number;
  readonly max: number;
  /** It asks about values, so that one that is not there is an answer. */
  readonly takesMissing: boolean;
  readonly run: (args: readonly TemplateValue[]) => TemplateValue;
}

/** What sprig has and no rule may do. */
export const REFUSED_FUNCTIONS: ReadonlySet<string> = new Set(['env', 'expandenv', 'getHostByName', 'now', 'date', 'randAlphaNum', 'randAlpha', 'randNumeric', 'uuidv4', 'genPrivateKey', 'call']); // prettier-ignore

const MAX_ENTRIES = 1_000;

function text(min: number, run: (...args: string[]) => TemplateValue, max = min): TemplateFunction {
  return { min, max, takesMissing: false, run: (args) => capped(run(...args.map(textOf))) };
}

function values(min: number, run: (args: readonly TemplateValue[]) => TemplateValue, max = min): TemplateFunction {
  return { min, max, takesMissing: false, run: (args) => capped(run(args)) };
}

function asking(min: number, run: (args: readonly TemplateValue[]) => TemplateValue, max = min): TemplateFunction {
  return { min, max, takesMissing: true, run };
}

function capped(value: TemplateValue): TemplateValue {
  if (typeof value === 'string') return bounded(value);
  if (isList(value) && value.length > MAX_ENTRIES)
    throw new TemplateError(`a list of it has more than ${MAX_ENTRIES} entries`);
  return value;
}

function isEqual(a: TemplateValue, b: TemplateValue): boolean {
  const plain = (value: TemplateValue): TemplateValue => (value instanceof Missing ? '' : value);
  return plain(a) === plain(b);
}

function listOf(value: TemplateValue): readonly TemplateValue[] {
  if (isList(value)) return value;
  throw new TemplateError(`expected a list, found "${textOf(value)}"`);
}

function wholeNumber(value: string): number {
  if (!/^-?\d{1,9}$/.test(value)) throw new TemplateError(`expected a whole number, found "${value}"`);
  return Number(value);
}

/** Negative ends count from where sprig counts them. */
function substring(from: string, to: string, given: string): string {
  const start = wholeNumber(from);
  const end = wholeNumber(to);
  if (start < 0) return given.slice(0, Math.max(0, end));
  return end < 0 || end > given.length ? given.slice(start) : given.slice(start, end);
}

function truncated(size: string, given: string): string {
  const length = wholeNumber(size);
  return length < 0 ? given.slice(length) : given.slice(0, length);
}

function checkedPattern(pattern: string): string {
  const error = patternError(pattern);
  if (error !== null) throw new TemplateError(error);
  return pattern;
}

/** The value under each key in turn. */
function indexed([from = null, ...keys]: readonly TemplateValue[]): TemplateValue {
  let value = from;
  for (const key of keys) {
    const name = textOf(key);
    if (isList(value)) {
      const entry = value[wholeNumber(name)];
      if (entry === undefined) throw new TemplateError(`a list has no entry ${name}`);
      value = entry;
    } else if (isMapValue(value))
      value = Object.hasOwn(value, name) ? value[name]! : new Missing(`the label "${name}"`);
    else throw new TemplateError(`"${textOf(value)}" has nothing to index by "${name}"`);
  }
  return value;
}

function parts(separator: string, given: string): readonly string[] {
  return separator === '' ? Array.from(given) : given.split(separator);
}

function titled(given: string): string {
  return given.replaceAll(/(^|[\s_-])(\p{Ll})/gu, (_, before: string, letter: string) => before + letter.toUpperCase());
}

const MANY = 100;

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  // Of Go.
  and: asking(1, (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1)!, MANY),
  or: asking(1, (args) => args.find(isTrue) ?? args.at(-1)!, MANY),
  not: asking(1, ([value = null]) => !isTrue(value)),
  eq: asking(2, ([first = null, ...others]) => others.some((other) => isEqual(first, other)), MANY),
  ne: asking(2, ([a = null, b = null]) => !isEqual(a, b)),
  lt: values(2, ([a, b]) => a! < b!),
  le: values(2, ([a, b]) => a! <= b!),
  gt: values(2, ([a, b]) => a! > b!),
  ge: values(2, ([a, b]) => a! >= b!),
  index: values(1, indexed, MANY),
  len: values(1, ([value = '']) => (isMapValue(value) ? Object.keys(value).length : isList(value) ? value.length : Buffer.byteLength(textOf(value)))), // prettier-ignore
  print: values(0, (args) => args.map(textOf).join(''), MANY),
  printf: values(1, ([format = '', ...args]) => printf(textOf(format), args), MANY),
  // Ours, as Traefik has it.
  normalize: text(1, (given) => normalizeName(given)),
  // Of sprig.
  trim: text(1, (given) => given.trim()),
  trimAll: text(2, (set, given) => trimSet(given, set)),
  trimPrefix: text(2, (prefix, given) => (given.startsWith(prefix) ? given.slice(prefix.length) : given)),
  trimSuffix: text(2, (suffix, given) => (suffix !== '' && given.endsWith(suffix) ? given.slice(0, -suffix.length) : given)), // prettier-ignore
  lower: text(1, (given) => given.toLowerCase()),
  upper: text(1, (given) => given.toUpperCase()),
  title: text(1, titled),
  nospace: text(1, (given) => given.replaceAll(/\s+/g, '')),
  replace: text(3, (old, fresh, given) => given.replaceAll(old, () => fresh)),
  substr: text(3, substring),
  trunc: text(2, truncated),
  repeat: text(2, (count, given) => {
    const times = wholeNumber(count);
    bounded(' '.repeat(Math.min(Math.max(0, times) * given.length, 1_000_000)));
    return given.repeat(Math.max(0, times));
  }),
  quote: text(0, (...all) => all.map((one) => JSON.stringify(one)).join(' '), MANY),
  squote: text(0, (...all) => all.map((one) => `'${one}'`).join(' '), MANY),
  cat: text(0, (...all) => all.join(' '), MANY),
  toString: text(1, (given) => given),
  int: text(1, (given) => Math.trunc(Number(given)) || 0),
  hasPrefix: asking(2, ([prefix = '', given = '']) => textOf(given).startsWith(textOf(prefix))),
  hasSuffix: asking(2, ([suffix = '', given = '']) => textOf(given).endsWith(textOf(suffix))),
  contains: asking(2, ([part = '', given = '']) => textOf(given).includes(textOf(part))),
  split: text(2, (separator, given) => Object.fromEntries(parts(separator, given).map((one, at) => [`_${at}`, one]))),
  splitList: text(2, parts),
  join: values(2, ([separator = '', given = []]) => (isList(given) ? given.map(textOf).join(textOf(separator)) : textOf(given))), // prettier-ignore
  list: values(0, (args) => args, MANY),
  first: values(1, ([given = null]) => listOf(given)[0] ?? ''),
  last: values(1, ([given = null]) => listOf(given).at(-1) ?? ''),
  rest: values(1, ([given = null]) => listOf(given).slice(1)),
  initial: values(1, ([given = null]) => listOf(given).slice(0, -1)),
  has: asking(2, ([value = null, given = null]) => listOf(given).some((one) => isEqual(one, value))),
  default: asking(2, ([fallback = '', given = null]) => (isTrue(given) ? given : fallback)),
  coalesce: asking(1, (args) => args.find(isTrue) ?? args.at(-1)!, MANY),
  ternary: asking(3, ([yes = '', no = '', given = null]) => (isTrue(given) ? yes : no)),
  empty: asking(1, ([given = null]) => !isTrue(given)),
  hasKey: asking(2, ([map = null, name = '']) => isMapValue(map) && Object.hasOwn(map, textOf(name))),
  regexMatch: asking(2, ([pattern = '', given = '']) => new PatternFinder(checkedPattern(textOf(pattern))).first(textOf(given)) !== null), // prettier-ignore
  regexFind: text(2, (pattern, given) => new PatternFinder(checkedPattern(pattern)).first(given)?.groups[0] ?? ''),
  regexReplaceAll: text(3, (pattern, given, by) => compileReplacement(checkedPattern(pattern), by)(given) ?? given),
};

function trimSet(given: string, set: string): string {
  let start = 0;
  let end = given.length;
  while (start < end && set.includes(given[start]!)) start++;
  while (end > start && set.includes(given[end - 1]!)) end--;
  return given.slice(start, end);
}
