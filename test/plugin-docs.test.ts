// The reference of plugins names everything that `signalbox/plugin` gives, and nothing that is not there.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { boolean, duration, oneOf, withDefault } from '../src/plugin.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const PAGE = read('../docs/reference/plugin.md');

/** Names in the first column of the tables below a heading. */
function named(heading: string): readonly string[] {
  const section = PAGE.split(/^## /m).find((one) => one.startsWith(heading))!;
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => /`([A-Za-z]+)/.exec(row)![1]!);
}

test('every export is on the page', () => {
  const api = read('../src/dataplane/middleware/plugin/plugin-api.ts');
  const exported = [...api.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, names]) => names!.split(','));
  expect(exported.length).toBeGreaterThan(15);
  expect(exported.map((name) => name.trim()).filter((name) => !new RegExp(`\\b${name}\\b`).test(PAGE))).toEqual([]);
});

test.each([
  ['The context', ['middleware/define.ts'], 4],
  ['The exchange', ['http/exchange.ts', 'http/exchange-record.ts'], 18],
  ['Fields', ['http/message/header-list.ts'], 7],
])('what stands below "%s" is there', (heading, files, least) => {
  const source = files.map((file) => read(`../src/dataplane/${file}`)).join('\n');
  const names = named(heading).filter((name) => name !== 'context' && name !== 'HeaderList');
  expect(names.length).toBeGreaterThanOrEqual(least);
  const isMember = (name: string): boolean =>
    new RegExp(`^  (?:readonly |get )?${name}\\b[^;]*[(:=]`, 'm').test(source);
  expect(names.filter((name) => !isMember(name))).toEqual([]);
});

test('what the types would have refused is said in words', () => {
  const untyped = { oneOf, withDefault } as unknown as Record<'oneOf' | 'withDefault', (...args: unknown[]) => unknown>;
  expect(() => untyped.oneOf(['a', 'b'])).toThrow(
    "oneOf takes each value as an argument of its own, as in oneOf('a', 'b')",
  );
  expect(() => untyped.withDefault(duration(), '1m', '')).toThrow(
    'the default of a duration is a number of milliseconds, found "1m"',
  );
  expect(withDefault(boolean(), true, '').fallback).toBe(true);
});
