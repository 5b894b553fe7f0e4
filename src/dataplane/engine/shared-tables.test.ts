import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { allocateTables, SharedTables } from '../../core/shared-table.ts';
import { SHARED_TABLES } from './shared-tables.ts';

const SRC = fileURLToPath(new URL('../../', import.meta.url));

test('every shared table that is defined is in the list, under a name of its own', () => {
  const defined = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .flatMap((path) => [...readFileSync(`${SRC}/${path}`, 'utf8').matchAll(/= defineSharedTable\(\{\s*name: '(\w+)'/g)])
    .map((match) => match[1]!);
  const listed = SHARED_TABLES.map(({ name }) => name);
  expect(listed.toSorted()).toEqual(defined.toSorted());
  expect(new Set(listed).size).toBe(listed.length);
});

test.each([1, 3, 64])('every table is made, and cleared while it is empty, for %i workers', (workerSlots) => {
  const memory = allocateTables(SHARED_TABLES, { workerSlots });
  const tables = new SharedTables(SHARED_TABLES, memory, workerSlots - 1, workerSlots);
  for (let slot = 0; slot < workerSlots; slot++) tables.clearWorker(slot);
  for (const table of SHARED_TABLES) expect(tables.find<unknown>(table)).toBeDefined();
});
