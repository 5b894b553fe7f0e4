// Datagrams of clients and the sessions they begin, over loopback: whose they are, what is dropped, and how it ends.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { WRITTEN_FACTS } from '../../model/endpoint-set.ts';
import type { SnapshotDelta, SnapshotSections } from '../../model/snapshot.ts';
import { bindDatagrams } from '../net/datagram-handle.ts';
import { ConnectionInstrument } from './connection-instrument.ts';
import type { Engine } from './engine.ts';
import { entryPointSpecs, makeEngine, rowsOf, snapshotOf } from '../../../test/support/data-plane.ts';
import { DatagramClient, NamedDatagramServer } from '../../../test/support/datagrams.ts';

let engine: Engine;
let server: NamedDatagramServer;
let port: number;
let dropped: string[];
let onDropped: () => void;
/** What an access log has got of sessions that are over. */
let over: string[];

const route = (isDisabled = false) => ({ name: 'u', entryPoints: ['dns'], service: 's', isDisabled });

function sections(serverPort: number): Partial<SnapshotSections> {
  return {
    udpRoutes: { u: route() },
    udpServices: { s: { kind: 'udpLoadBalancer', name: 's', endpointSet: 's' } },
    endpointSets: {
      s: {
        protocol: 'udp',
        name: 's',
        endpoints: [
          {
            url: `127.0.0.1:${serverPort}`,
            host: '127.0.0.1',
            port: serverPort,
            weight: 1,
            ...WRITTEN_FACTS,
            key: 'k',
          },
        ],
      },
    },
  };
}

beforeEach(async () => {
  dropped = [];
  over = [];
  onDropped = () => {};
  server = await NamedDatagramServer.start('s');
  const metrics = {
    countDropped(_: string, reason: string) {
      dropped.push(reason);
      onDropped();
    },
    forEntryPoint: () => null,
    forRouter: () => null,
    forService: () => null,
    countDialFailure: () => {},
    countBroken: () => {},
  };
  const log = { appendConnection: ({ responseFlag }: { responseFlag: string }) => void over.push(responseFlag) };
  // What is used of both.
  engine = makeEngine({ udpInstrument: new ConnectionInstrument(metrics as never, log as never) });
});

afterEach(async () => {
  engine.destroy();
  await server[Symbol.asyncDispose]();
});

async function serve(entryPoint: string, rest: Partial<SnapshotSections> = sections(server.port)): Promise<void> {
  const entryPoints = entryPointSpecs(`{ dns: ${entryPoint} }`);
  engine.start(snapshotOf({ entryPoints, ...rest }), {}, rowsOf(['dns']));
  const handle = await bindDatagrams('127.0.0.1', 0, 4, false);
  if (typeof handle === 'string') throw new Error(handle);
  const name: { port?: number } = {};
  handle.getsockname(name);
  port = name.port!;
  await engine.entryPoints.listen('dns', handle);
}

function delta(changed: SnapshotDelta['changed'], removed: SnapshotDelta['removed'] = {}): SnapshotDelta {
  return { baseVersion: engine.version, version: engine.version + 1, digest: 'next', changed, removed };
}

/** Settles when one has been dropped. */
function nextDropped(): Promise<void> {
  return new Promise((resolve) => {
    onDropped = resolve;
  });
}

test('a client has a session of its own, which goes on', async () => {
  await serve('{ address: ":0/udp" }');
  using a = new DatagramClient(port);
  using b = new DatagramClient(port);
  expect([await a.ask('1'), await a.ask('2'), await b.ask('3')]).toEqual(['s 1', 's 2', 's 3']);
  expect(server.seenPorts.size).toBe(2);
  expect([engine.entryPoints.destroy(), dropped]).toEqual([2, []]);
});

test.each([
  ['no router', {}, 'no_router'],
  ['a router that is disabled', { udpRoutes: { u: route(true) } }, 'router_disabled'],
])('%s: datagrams are dropped, and counted by why', async (_, rest, reason) => {
  await serve('{ address: ":0/udp" }', rest);
  using client = new DatagramClient(port);
  const gone = nextDropped();
  client.send('x');
  await gone;
  expect(dropped).toEqual([reason]);
});

test('beyond the number of sessions new clients are dropped, old ones are not', async () => {
  await serve('{ address: ":0/udp", udp: { maxSessions: 1 } }');
  using a = new DatagramClient(port);
  using b = new DatagramClient(port);
  await a.ask('1');
  const gone = nextDropped();
  b.send('2');
  await gone;
  expect([dropped, await a.ask('3')]).toEqual([['sessions'], 's 3']);
});

test('a session whose router goes, or whose server does, ends; one whose router stays does not', async () => {
  await serve('{ address: ":0/udp" }');
  using client = new DatagramClient(port);
  await client.ask('1');
  await engine.advance(
    delta({ entryPoints: entryPointSpecs('{ dns: { address: ":0/udp", udp: { timeout: 7s } } }') }),
    {},
  );
  await client.ask('2');
  expect([server.seenPorts.size, over]).toEqual([1, []]);
  expect(engine.entryPoints.datagrams.get('dns')!.idleMs).toBe(7000);
  await using other = await NamedDatagramServer.start('t');
  const { udpServices, endpointSets } = sections(other.port);
  await engine.advance(delta({ udpServices: udpServices!, endpointSets: endpointSets! }), {});
  expect(over).toHaveLength(1);
  expect(await client.ask('3')).toBe('t 3');
  await engine.advance(delta({}, { udpRoutes: ['u'] }), {});
  expect(over).toHaveLength(2);
});

test('what a session has no room for is counted, and nobody is replied to by one that has no socket', async () => {
  await serve('{ address: ":0/udp" }');
  const entryPoint = engine.entryPoints.datagrams.get('dns')!;
  entryPoint.droppedBehind();
  expect(dropped).toEqual(['backlog']);
  const client = { address: '127.0.0.1', port: 9, ip: '127.0.0.1', ticket: 0 };
  expect(entryPoint.reply(Buffer.from('x'), client)).toBe(true);
  entryPoint.destroy();
  expect(entryPoint.reply(Buffer.from('x'), client)).toBe(false);
  expect(dropped).toEqual(['backlog']);
});

test('draining, it reads no more and waits for the last session', async () => {
  await serve('{ address: ":0/udp" }');
  const entryPoint = engine.entryPoints.datagrams.get('dns')!;
  using client = new DatagramClient(port);
  await client.ask('1');
  let isOver = false;
  const drained = entryPoint.drain().then(() => {
    isOver = true;
  });
  await new Promise(setImmediate);
  expect(isOver).toBe(false);
  await engine.advance(delta({}, { udpRoutes: ['u'] }), {});
  await drained;
  expect([over.length, entryPoint.destroy()]).toEqual([1, 0]);
  expect(entryPoint.reply(Buffer.from('late'), { address: '127.0.0.1', port, ip: '127.0.0.1', ticket: 0 })).toBe(false);
});

test('draining without a session is over at once', async () => {
  await serve('{ address: ":0/udp" }');
  await engine.entryPoints.datagrams.get('dns')!.drain();
  expect(over).toEqual([]);
});
