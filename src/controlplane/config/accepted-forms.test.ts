// Every option of the schemas, in every form that Traefik takes: what holds for one section, list, text or number has
// to hold for all of them.

import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../model/diagnostic.ts';
import { DecodeContext } from '../../schema/decode-context.ts';
import { INVALID } from '../../schema/invalid.ts';
import { optional } from '../../schema/field.ts';
import { isMap } from '../../schema/input.ts';
import { object } from '../../schema/object.ts';
import type { Field, Schema } from '../../schema/schema.ts';
import { Written } from '../../schema/written.ts';
import { installOptions } from './install/install-options.ts';
import { OBJECT_KINDS, OBJECT_SECTIONS } from './routing/object-kinds.ts';

const ROOTS: Readonly<Record<string, Schema<unknown>>> = {
  install: installOptions,
  ...Object.fromEntries(
    OBJECT_SECTIONS.map((section) => [OBJECT_KINDS[section].at.join('.'), OBJECT_KINDS[section].options]),
  ),
};

interface Option {
  readonly path: string;
  readonly field: Field<unknown>;
  readonly schema: Schema<unknown>;
}

const OPTIONS: readonly Option[] = Object.entries(ROOTS).flatMap(([root, schema]) => optionsOf(schema, root));

function optionsOf(schema: Schema<unknown>, path: string): Option[] {
  const own = Object.entries(schema.fields ?? {}).flatMap(([name, field]) => {
    const here = `${path}.${name}`;
    return [{ path: here, field, schema: field.schema }, ...optionsOf(field.schema, here)];
  });
  return [...own, ...(schema.item === undefined ? [] : optionsOf(schema.item, `${path}${schema.itemSuffix}`))];
}

/** Of one option that stands alone in a section. */
function decode({ schema, field }: Option, value: unknown): { value: unknown; said: readonly Diagnostic[] } {
  const context = new DecodeContext('a.yml', () => null);
  const alone = { ...optional(schema, ''), fallback: field.fallback, later: field.later };
  const decoded = object({ option: alone }).decode({ option: value }, context);
  return { value: decoded === INVALID ? INVALID : decoded.option, said: context.diagnostics };
}

function errorsOf(said: readonly Diagnostic[]): readonly string[] {
  return said.filter(({ severity }) => severity === 'error').map(({ path, message }) => `${path}: ${message}`);
}

const built = OPTIONS.filter(({ field }) => field.later === null);
const cases = (select: (option: Option) => boolean): [string, Option][] =>
  built.filter(select).map((option) => [option.path, option]);
const isSection = ({ schema }: Option): boolean => schema.fields !== null;
const isList = ({ schema }: Option): boolean => schema.itemSuffix === '[]';
const isLabelled = (label: string) => (option: Option) => option.schema.label === label;
const isAlternative = ({ path }: Option): boolean => /^(?:http|tcp)\.routers\.tls$|entryPoints.*http\.tls$/.test(path);

test('the walk sees all of the reference', () => {
  expect(cases(isSection).length).toBeGreaterThan(70);
  expect(cases(isList).length).toBeGreaterThan(50);
  expect(built.length).toBeGreaterThan(400);
});

describe.each(cases(isSection))('the section %s', (_, option) => {
  test('takes true for an empty one, false and an empty variable for none', () => {
    const empty = decode(option, {});
    for (const form of [true, 'true', 'True', new Written(true, 'TRUE')]) expect(decode(option, form)).toEqual(empty);
    const { fallback } = option.field;
    if (!isAlternative(option)) expect(decode(option, false)).toEqual({ value: fallback, said: [] });
    else expect(decode(option, 'false')).toEqual({ value: false, said: [] });
    expect(decode(option, '')).toEqual({ value: fallback, said: [] });
    expect(errorsOf(decode(option, 'perhaps').said)).toHaveLength(1);
  });
});

describe.each(cases(({ schema }) => schema.itemSuffix === '.<name>'))('the map %s', (path, option) => {
  test('takes true with a warning, false and an empty variable for none', () => {
    if (path.endsWith('.plugin')) return;
    const { fallback } = option.field;
    expect(decode(option, true).said.map(({ severity }) => severity)).toEqual(['warning']);
    for (const form of [false, 'false', '']) expect(decode(option, form)).toEqual({ value: fallback, said: [] });
  });
});

const SAMPLES: readonly unknown[] = [
  'a', '10.0.0.1', 'text/html', 404, 0.5, 'gzip', '-----BEGIN X', 'X25519', 'TLS_RSA_WITH_AES_128_CBC_SHA', 'https://a.test', '/a',
  '1.1.1.1:53', 'h2', 'ping@internal', { url: 'http://a' }, { address: 'a:1' }, { name: 'a' }, { main: 'a' }, { value: 'a' },
]; // prettier-ignore

/** A wrong entry costs the list: what is listed keeps somebody out, or counts together. */
const STRICT = new Set([
  // Stages that a request passes, and who shares what: one that is missing changes what all the others mean.
  'http.routers.middlewares',
  'http.routers.parentRefs',
  'http.services.loadBalancer.middlewares',
  'http.middlewares.chain.middlewares',
  'tcp.routers.middlewares',
  'install.entryPoints.<name>.http.middlewares',
  'http.services.weighted.services',
  'http.services.highestRandomWeight.services',
  'tcp.services.weighted.services',
  'udp.services.weighted.services',
  // What is excluded.
  'http.middlewares.ipAllowList.ipStrategy.excludedIPs',
  'http.middlewares.ipWhiteList.ipStrategy.excludedIPs',
  'http.middlewares.maintenance.bypass.ipStrategy.excludedIPs',
  'http.middlewares.compress.excludedContentTypes',
]);
/** Only a real pair is one. */
const PAIRS = /\.certificates$/;

describe.each(cases(isList))('the list %s', (path, option) => {
  const sample = SAMPLES.find(
    (one) => decode(option, [one]).value !== INVALID && decode(option, [one]).said.length === 0,
  );

  test('takes one entry without its brackets, nothing and an empty variable', () => {
    if (!PAIRS.test(path)) {
      expect(sample).toBeDefined();
      expect(decode(option, sample).value).toEqual(decode(option, [sample]).value);
    }
    if (option.schema.item!.fields === null) {
      const number = decode(option, 80);
      expect(errorsOf(number.said)).toEqual(errorsOf(decode(option, ['80']).said));
    }
    if (option.field.isRequired) return;
    for (const form of ['', '  ', null, []])
      expect(decode(option, form)).toEqual({ value: option.field.fallback, said: [] });
  });

  test('a wrong entry costs itself, or the list where that would let somebody in', () => {
    if (PAIRS.test(path)) return;
    const wrong = isMap(sample) ? 'x' : {};
    const { value, said } = decode(option, [sample, wrong]);
    if (STRICT.has(path)) expect(value).toBe(INVALID);
    else {
      expect(said.map(({ severity }) => severity)).toEqual(['warning']);
      expect(value).toEqual(decode(option, [sample]).value);
    }
  });
});

test('strict lists are options', () => {
  const paths = new Set(built.map(({ path }) => path));
  expect([...STRICT].filter((path) => !paths.has(path))).toEqual([]);
});

const isText = (option: Option): boolean =>
  ['string', 'path', 'path or PEM'].includes(option.schema.label) && option.schema.fields === null;

test.each(cases(isText))('the text %s is what stands in the file, also for a number', (_, option) => {
  const written = decode(option, new Written(1.1, '1.10'));
  const text = decode(option, '1.10');
  expect(written.value).toEqual(text.value);
  expect(errorsOf(written.said)).toEqual(errorsOf(text.said));
  if (option.field.fallback !== undefined || option.field.isRequired || option.schema.isSecret === true) return;
  expect(decode(option, '')).toEqual({ value: undefined, said: [] });
});

const isOther = (option: Option): boolean =>
  option.schema.fields === null && option.schema.item === undefined && !isText(option);

test.each(cases(isOther))('an empty variable for %s is none', (_, option) => {
  expect(decode(option, '')).toEqual({ value: option.field.fallback, said: [] });
});

test.each(cases(isLabelled('boolean')))('%s takes what Go takes for true', (_, option) => {
  for (const form of [true, 'true', 'TRUE', 1, '1', 't', new Written(true, 'True')])
    expect(errorsOf(decode(option, form).said)).toEqual([]);
});

test.each(cases(isLabelled('duration')))('%s takes a negative time', (_, option) => {
  if (/(?:udp\.timeout|ticketKeyLifetime)$/.test(option.path)) return;
  for (const form of ['-1s', -1, '-1', new Written(-1, '-1.0')])
    expect(errorsOf(decode(option, form).said)).toEqual([]);
});

test.each(cases(isLabelled('integer')))('%s takes text for a number', (_, option) => {
  for (const number of ['7', '300', '5000']) {
    expect(errorsOf(decode(option, number).said)).toEqual(errorsOf(decode(option, Number(number)).said));
    expect(decode(option, ` ${number}`).value).toEqual(decode(option, Number(number)).value);
  }
});

test.each(OPTIONS.filter(({ field }) => field.later !== null).map((option) => [option.path, option] as const))(
  '%s, which is not built, says nothing when it is switched off',
  (_, option) => {
    for (const form of [false, 'false', '']) expect(decode(option, form)).toEqual({ value: undefined, said: [] });
  },
);
