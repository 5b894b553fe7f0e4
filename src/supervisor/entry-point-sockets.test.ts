import { expect, test } from 'vitest';
import type { EntryPointSpec } from '../model/entry-point.ts';
import type { SnapshotDelta } from '../model/snapshot.ts';
import {
  entryPointCounts,
  MAX_ENTRY_POINTS,
  type EntryPointCounts,
} from '../dataplane/net/count/entry-point-counts.ts';
import { EntryPointSockets, type OpenSocket } from './entry-point-sockets.ts';

function freshCounts(): EntryPointCounts {
  return entryPointCounts.view(new SharedArrayBuffer(entryPointCounts.bytes({ workerSlots: 1 })), 0, 1);
}

function spec(name: string, port = 0, protocol: 'tcp' | 'udp' = 'tcp', host = '127.0.0.1'): EntryPointSpec {
  return { name, address: { host, port, protocol }, reusePort: false } as EntryPointSpec; // What sockets need of it.
}

function delta(changed: readonly EntryPointSpec[], removed: readonly string[] = []): SnapshotDelta {
  const entryPoints = Object.fromEntries(changed.map((one) => [one.name, one]));
  return { baseVersion: 1, version: 2, digest: '', changed: { entryPoints }, removed: { entryPoints: removed } };
}

/** Sockets that are numbers, and which of them are closed. */
function sockets(): { own: EntryPointSockets; counts: EntryPointCounts; closed: number[] } {
  const closed: number[] = [];
  let next = 100;
  const open: OpenSocket = ({ address }) => {
    const fd = next++;
    const handle = { fd, close: () => closed.push(fd), getsockname: () => 0 };
    return Promise.resolve({ handle, address });
  };
  const counts = freshCounts();
  return { own: new EntryPointSockets(counts, open), counts, closed };
}

test('a socket is closed when its successor is in force everywhere, and not before', async () => {
  const { own, closed } = sockets();
  await own.prepare(spec('web', 1));
  own.commitAll();
  await own.prepare(spec('web', 2));
  const changes = own.apply(delta([spec('web', 2)]));
  expect(changes.forWorker(0)).toEqual({
    rows: { web: 1 },
    listeners: [{ entryPoint: 'web', fd: 101, protocol: 'tcp' }],
  });
  expect(closed).toEqual([]);
  changes.release();
  expect(closed).toEqual([100]);
  expect(own.addressOf('web')?.port).toBe(2);
});

test('options alone open nothing', async () => {
  const { own } = sockets();
  await own.prepare(spec('web', 1));
  own.commitAll();
  expect(own.apply(delta([spec('web', 1)])).forWorker(0)).toEqual({ rows: {}, listeners: [] });
});

test('a UDP socket goes to one worker, its row to all', async () => {
  const { own } = sockets();
  await own.prepare(spec('dns', 53, 'udp'));
  own.commitAll();
  expect(own.forWorker(0).listeners).toEqual([{ entryPoint: 'dns', fd: 100, protocol: 'udp' }]);
  expect(own.forWorker(1)).toEqual({ rows: { dns: 0 }, listeners: [] });
});

test('a row is given out again when its last connection is gone', async () => {
  const { own, counts } = sockets();
  await own.prepare(spec('old', 1));
  own.commitAll();
  counts.enter(0, 0);
  own.apply(delta([], ['old'])).release();
  await own.prepare(spec('a', 2));
  counts.leave(0);
  await own.prepare(spec('b', 3));
  own.commitAll();
  expect(own.forWorker(0).rows).toEqual({ a: 1, b: 0 });
});

test('there are so many rows and no more', async () => {
  const { own } = sockets();
  for (let index = 0; index < MAX_ENTRY_POINTS; index++) await own.prepare(spec(`e${index}`));
  await expect(own.prepare(spec('more'))).rejects.toThrow(`there may be ${MAX_ENTRY_POINTS} entry points at a time`);
});

test('two new entry points of one address are told apart, one protocol and port at a time', async () => {
  const { own } = sockets();
  await own.prepare(spec('web', 80));
  await own.prepare(spec('quic', 80, 'udp'));
  await own.prepare(spec('other', 80, 'tcp', '127.0.0.2'));
  await expect(own.prepare(spec('all', 80, 'tcp', ''))).rejects.toThrow('the entry point "web" has this address');
});

test('an entry point whose socket the workers could not get is not opened', async () => {
  const closed: number[] = [];
  const handle = (fd: number): { fd: number; close: () => void; getsockname: () => number } => ({
    fd,
    close: () => closed.push(fd),
    getsockname: () => 0,
  });
  let isFull = true;
  const own = new EntryPointSockets(
    freshCounts(),
    ({ address }) => Promise.resolve({ handle: handle(1), address }),
    () => (isFull ? Promise.reject(new Error('no process can begin')) : Promise.resolve([handle(2)])),
  );
  await own.prepare(spec('web', 1));
  await expect(own.tryDuplicate('web')).rejects.toMatchObject({
    code: 'ERR_LISTEN_FAILED',
    message: 'entryPoints.web.address: no process can begin',
  });
  expect(closed).toEqual([1]);
  isFull = false;
  await own.prepare(spec('web', 1));
  await own.tryDuplicate('web');
  own.commitAll();
  expect(own.addressOf('web')?.port).toBe(1);
  expect(closed).toEqual([1, 2]);
});
