import { expect, test } from 'vitest';
import type { Field, Schema } from '../../../schema/schema.ts';
import { parseConfig } from '../document/document.ts';
import { OBJECT_KINDS, ROUTING_PARTS, sectionsOf } from '../routing/object-kinds.ts';
import { installOptions } from './install-options.ts';
import { migrationReport, migrationTable } from './migration.ts';

interface Option {
  /** Keys, and `[]` for a place in a list. */
  readonly path: readonly string[];
  readonly field: Field<unknown>;
}

/** Every option there is, in sections of every name. */
function everyOption(): readonly Option[] {
  const found: Option[] = [];
  const walk = (schema: Schema<unknown>, path: readonly string[]): void => {
    for (const [name, field] of Object.entries(schema.fields ?? {})) {
      found.push({ path: [...path, name], field });
      if (field.later === null) walk(field.schema, [...path, name]);
    }
    if (schema.item !== undefined) walk(schema.item, [...path, schema.itemSuffix === '[]' ? '[]' : 'any']);
  };
  walk(installOptions, []);
  for (const part of ROUTING_PARTS)
    for (const [name, section] of sectionsOf(part)) {
      const { options, isList } = OBJECT_KINDS[section];
      walk(options, [part, name, isList === true ? '[]' : 'any']);
    }
  return found;
}

/** A file that gives this option and no other. */
function fileWith(path: readonly string[]): string {
  const value = path.reduceRight<unknown>((inner, key) => (key === '[]' ? [inner] : { [key]: inner }), 'given');
  return JSON.stringify(value);
}

function shown(path: readonly string[]): string {
  return path.join('.').replaceAll('.[]', '[0]');
}

const OPTIONS = everyOption();

test('every section of every part is walked, tls and udp as well', () => {
  const roots = new Set(OPTIONS.map(({ path: [first, second] }) => `${first}.${second ?? ''}`));
  for (const root of ['http.routers', 'tcp.services', 'udp.routers', 'tls.options', 'tls.certificates', 'tls.stores'])
    expect(roots).toContain(root);
  expect(OPTIONS.length).toBeGreaterThan(500);
});

test('every option that a file gives has a verdict, which is that of the schema', () => {
  for (const { path, field } of OPTIONS) {
    const entries = migrationReport(parseConfig('traefik.yml', fileWith(path)));
    // What differs when it is left out is not left out here.
    const differs = field.differs !== undefined && field.differsLeftOut !== true && field.isOwn !== true;
    const verdict = field.later !== null ? 'not yet' : differs ? 'differs' : 'works';
    const own = entries.find((entry) => entry.path === shown(path));
    expect([shown(path), own?.verdict]).toEqual([shown(path), verdict]);
    expect([shown(path), entries.filter((entry) => entry.verdict === 'unknown')]).toEqual([shown(path), []]);
  }
});

test('the page has a verdict for every option of Traefik, and a reason where it is not that it works', () => {
  const table = migrationTable();
  const paths = new Set(table.map(({ path }) => path));
  const expected = OPTIONS.filter(({ path, field }) => field.isOwn !== true && !hasOwnAbove(path));
  const missing = expected.filter(
    ({ path }) => !paths.has(path.join('.').replaceAll('.[]', '[]').replaceAll('.any', '.<name>')),
  );
  expect(missing.map(({ path }) => shown(path))).toEqual([]);
  for (const { path, verdict, note } of table) if (verdict !== 'works') expect([path, note]).not.toEqual([path, '']);
});

function hasOwnAbove(path: readonly string[]): boolean {
  return OPTIONS.some(
    (above) =>
      above.field.isOwn === true &&
      above.path.length < path.length &&
      above.path.every((key, index) => key === path[index]),
  );
}
