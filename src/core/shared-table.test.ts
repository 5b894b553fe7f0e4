import { expect, test } from 'vitest';
import { allocateTables, defineSharedTable, SharedTables } from './shared-table.ts';

const perWorker = defineSharedTable({
  name: 'perWorker',
  bytes: ({ workerSlots }) => 4 * workerSlots,
  view: (memory, slot) => ({ cells: new Int32Array(memory), slot }),
  clearWorker({ cells }, slot) {
    cells[slot] = 0;
  },
});
const common = defineSharedTable({ name: 'common', bytes: () => 8, view: (memory) => new Float64Array(memory) });
const forgotten = defineSharedTable({ name: 'forgotten', bytes: () => 8, view: (memory) => new Float64Array(memory) });
const LIST = [perWorker, common] as const;

test('threads see the same memory, each from its own slot', () => {
  const memory = allocateTables(LIST, { workerSlots: 3 });
  expect(Object.entries(memory).map(([name, { byteLength }]) => [name, byteLength])).toEqual([
    ['perWorker', 12],
    ['common', 8],
  ]);
  const [main, worker] = [0, 2].map((slot) => new SharedTables(LIST, memory, slot, 3));
  worker!.of(common)[0] = 1.5;
  expect(main!.of(common)[0]).toBe(1.5);
  expect([main!.of(perWorker).slot, worker!.of(perWorker).slot]).toEqual([0, 2]);
  expect(worker!.of(common)).toBe(worker!.find(common));
});

test('what a dead worker held is cleared in every table that has something of workers', () => {
  const tables = new SharedTables(LIST, allocateTables(LIST, { workerSlots: 2 }), 0, 2);
  tables.of(perWorker).cells.set([3, 4]);
  tables.of(common)[0] = 5;
  tables.clearWorker(1);
  expect([...tables.of(perWorker).cells, tables.of(common)[0]]).toEqual([3, 0, 5]);
});

test('a table that is not in the list, or has no memory, is told of', () => {
  const tables = new SharedTables(LIST, allocateTables(LIST, { workerSlots: 1 }), 0, 1);
  // @ts-expect-error -- The list is known here: it is an error of types already.
  expect(() => tables.of(forgotten)).toThrow('the shared table forgotten is not in the list');
  expect(() => tables.find(forgotten)).toThrow('the shared table forgotten is not in the list');
  expect(() => new SharedTables(LIST, { perWorker: new SharedArrayBuffer(4) }, 0, 1)).toThrow(
    'there is no memory for the shared table common',
  );
});
