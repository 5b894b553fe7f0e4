import { expect, test } from 'vitest';
import routing from '../../../../schema/routing.json' with { type: 'json' };
import { listedOf, OBJECT_KINDS, OBJECT_SECTIONS, ROUTING_PARTS, sectionsOf } from './object-kinds.ts';

const rows = OBJECT_SECTIONS.map((section) => OBJECT_KINDS[section]);

test('every section of the published schema has a row, and every row a section', () => {
  const published = Object.entries(routing.properties).flatMap(([part, { properties }]) =>
    Object.keys(properties).map((name) => `${part}.${name}`),
  );
  expect(rows.map(({ at }) => at.join('.')).toSorted()).toEqual(published.toSorted());
});

test('no two kinds are called the same, or stand in the same place', () => {
  expect(new Set(rows.map(({ kind }) => kind)).size).toBe(rows.length);
  expect(new Set(rows.map(({ at }) => at.join('.'))).size).toBe(rows.length);
});

test('what a message suggests is an option of the kind', () => {
  for (const { example, options } of rows) {
    if (example !== undefined) expect(Object.keys(options.fields ?? {})).toContain(example);
  }
});

test('documents have routers first, and then where they lead', () => {
  expect(ROUTING_PARTS.map((part) => sectionsOf(part).map(([name]) => name))).toEqual([
    ['routers', 'services', 'middlewares', 'serversTransports'],
    ['routers', 'services', 'middlewares', 'serversTransports'],
    ['routers', 'services'],
    ['certificates', 'options', 'stores'],
  ]);
  expect(listedOf('tcp')).toEqual([
    ['routers', 'tcpRouters'],
    ['services', 'tcpServices'],
    ['middlewares', 'tcpMiddlewares'],
  ]);
});

/** Stored forms of earlier processes have these names. */
test('sections keep the names that are stored', () => {
  expect(OBJECT_SECTIONS).toEqual([
    'routers',
    'middlewares',
    'services',
    'serversTransports',
    'certificates',
    'tlsOptions',
    'tlsStores',
    'tcpRouters',
    'tcpMiddlewares',
    'tcpServices',
    'tcpServersTransports',
    'udpRouters',
    'udpServices',
  ]);
});
