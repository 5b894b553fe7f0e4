import { expect, test } from 'vitest';
import { EndpointTable, endpointTableBytes } from './endpoint-table.ts';

function tables(): { main: EndpointTable; a: EndpointTable; b: EndpointTable } {
  const memory = new SharedArrayBuffer(endpointTableBytes(2));
  const table = (slot: number): EndpointTable => new EndpointTable(memory, slot, 2);
  return { main: table(0), a: table(0), b: table(1) };
}

test('a server is up unless checks or failures speak against it', () => {
  const { main, a, b } = tables();
  expect(a.isUp(5)).toBe(true);
  main.setDown(5, true);
  expect([a.isUp(5), b.isUp(5), a.isUp(4)]).toEqual([false, false, true]);
  main.setDown(5, false);
  expect(a.isUp(5)).toBe(true);
});

test('failures of all workers count together, and one of them ejects', () => {
  const { main, a, b } = tables();
  expect(a.countFailure(1, 60_000, 3)).toBe(false);
  expect(b.countFailure(1, 60_000, 3)).toBe(false);
  expect(a.isUp(1)).toBe(true);
  expect(a.countFailure(1, 60_000, 3)).toBe(true);
  expect(b.countFailure(1, 60_000, 3)).toBe(false);
  expect([a.isUp(1), b.isUp(1), main.isEjected(1)]).toEqual([false, false, true]);
  main.readmit(1);
  expect(b.isUp(1)).toBe(true);
  expect(b.countFailure(1, 60_000, 3)).toBe(false);
});

test('failures before the window do not count', () => {
  const { a } = tables();
  // A window of nothing is over with every failure.
  for (let turn = 0; turn < 10; turn++) expect(a.countFailure(2, 0, 2)).toBe(false);
});

test('requests in progress are summed over workers, and a dead one’s are cleared', () => {
  const { main, a, b } = tables();
  a.setInFlight(3, 2);
  b.setInFlight(3, 5);
  b.setResponseMs(3, 40);
  expect([main.inFlight(3), main.responseMs(3)]).toEqual([7, 40]);
  a.setResponseMs(3, 20);
  expect(main.responseMs(3)).toBe(30);
  main.usedRows = 10;
  main.clearWorker(1);
  expect([main.inFlight(3), main.responseMs(3)]).toEqual([2, 20]);
  main.clear(3);
  expect([main.inFlight(3), main.responseMs(3)]).toEqual([0, 0]);
});

test('connections are counted by worker and protocol', () => {
  const { main, a, b } = tables();
  a.setConnections(3, 2, 0);
  b.setConnections(3, 1, 4);
  b.setInFlight(3, 9);
  expect([main.connections(3), main.inFlight(3)]).toEqual([{ http1: 3, http2: 4 }, 9]);
  expect(main.connections(2)).toEqual({ http1: 0, http2: 0 });
  main.usedRows = 4;
  main.clearWorker(1);
  expect(main.connections(3)).toEqual({ http1: 2, http2: 0 });
});
