// Sessions with servers on loopback; silence passes on a clock by hand.

import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NamedDatagramServer } from '../../../test/support/datagrams.ts';
import { ownAddress } from '../../../test/support/ports.ts';
import { serviceTableOf } from '../../../test/support/service-table.ts';
import { ManualClock } from '../../core/clock.ts';
import { heldMemory } from '../../core/held-memory.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import type { ConnectionRecord } from '../../model/access-record.ts';
import { WRITTEN_FACTS } from '../../model/endpoint-set.ts';
import { descriptors } from '../net/descriptors.ts';
import { FailureTrace } from '../upstream/failure-trace.ts';
import type { Address } from '../upstream/name/address.ts';
import { Resolver } from '../upstream/name/resolver.ts';
import type { UdpObservation } from './udp-observation.ts';
import { ServiceWindow } from '../balance/count/service-window.ts';
import { UdpService } from './udp-service.ts';
import { UdpSession, type UdpClient, type UdpSessionOwner } from './udp-session.ts';

const CLIENT: UdpClient = { address: '::ffff:10.0.0.1', port: 4000, ip: '10.0.0.1', ticket: 7 };

let server: NamedDatagramServer;
let clock: ManualClock;
let wheel: TimerWheel;
let resolver: Resolver;
let service: UdpService;
/** Of the service. */
let window: ServiceWindow;
/** What the name of the server has. */
let lookUp: () => Promise<readonly Address[]>;
/** What the owner, the router and the service have been told, in words. */
let told: string[];
let records: ConnectionRecord[];
let failures: string[];
let takesReplies: boolean;
/** `reply`, `ended`. */
let events: EventEmitter;
let sessions: UdpSession[];

beforeEach(async () => {
  server = await NamedDatagramServer.start('A');
  clock = new ManualClock();
  wheel = new TimerWheel(clock);
  resolver = new Resolver({ lookUp: () => lookUp(), clock });
  const trace = new FailureTrace(wheel, (reports) => {
    for (const { flag, reason, isFailing } of reports) failures.push(isFailing ? `${flag} ${reason}` : 'works');
  });
  const counts = serviceTableOf();
  window = new ServiceWindow(counts, 'dns@@udp');
  service = new UdpService('dns', { resolver, trace, counts, service: () => undefined });
  [told, records, failures, takesReplies] = [[], [], [], true];
  [events, sessions] = [new EventEmitter(), []];
});

afterEach(async () => {
  for (const session of sessions) session.end(null);
  service.retire();
  wheel.stop();
  await server[Symbol.asyncDispose]();
});

/** The service's one server is that host, on the port of `server`. */
function serveOn(host: string, port = server.port): void {
  const one = { ...WRITTEN_FACTS, key: host, url: `${host}:${port}`, host, port, weight: 1 };
  service.update({ kind: 'udpLoadBalancer', name: 'dns', endpointSet: 'set' }, { endpoints: [one], rows: {} });
}

/** The service's one server has a name with these addresses. */
async function serveAt(...hosts: readonly string[]): Promise<void> {
  lookUp = async () => hosts.map((host) => ({ host, family: 4 }));
  serveOn('server.test');
  await resolver.addresses('server.test');
}

function start(): UdpSession {
  const owner: UdpSessionOwner = {
    name: 'dns-in',
    wheel,
    resolver,
    idleMs: 10_000,
    reply: (datagram, client) => {
      told.push(`reply ${datagram.toString()} to ${client.address}`);
      events.emit('reply');
      return takesReplies;
    },
    droppedBehind: () => void told.push('dropped'),
    sessionEnded: () => {
      told.push('ended');
      events.emit('ended');
    },
  };
  const observation: UdpObservation = {
    opened: () => void told.push('opened'),
    received: (bytes) => void told.push(`received ${bytes}`),
    sent: (bytes) => void told.push(`sent ${bytes}`),
    served: (name) => {
      told.push(`served ${name}`);
      return {
        received: (bytes) => void told.push(`${name} received ${bytes}`),
        sent: (bytes) => void told.push(`${name} sent ${bytes}`),
      };
    },
    dialFailed: (name, url, { flag }) => void told.push(`dial failed ${name} ${url} ${flag}`),
    finished: (record) => void records.push(record),
  };
  const session = new UdpSession(owner, CLIENT, { name: 'dns@file', service, observation }, service);
  sessions.push(session);
  session.start();
  return session;
}

async function ask(session: UdpSession, text: string): Promise<void> {
  const replied = once(events, 'reply');
  session.receive(Buffer.from(text));
  await replied;
}

function pass(ms: number): void {
  clock.advance(ms);
  wheel.tick();
}

function count(what: string): number {
  return told.filter((one) => one === what).length;
}

test('the first datagrams wait for the socket, then go in order; answers go to the client; both ways are counted', async () => {
  serveOn('127.0.0.1');
  const { servers } = descriptors.open;
  const session = start();
  session.receive(Buffer.from('one'));
  const held = heldMemory.bytes;
  await ask(session, 'three');
  if (count('reply A three to ::ffff:10.0.0.1') === 0) await once(events, 'reply');
  expect(told).toEqual([
    'opened', 'received 3', 'received 5', 'served dns', 'dns received 3', 'dns received 5',
    'reply A one to ::ffff:10.0.0.1', 'sent 5', 'dns sent 5',
    'reply A three to ::ffff:10.0.0.1', 'sent 7', 'dns sent 7',
  ]); // prettier-ignore
  expect(held - heldMemory.bytes).toBe(3);
  expect([server.seenPorts.size, descriptors.open.servers]).toEqual([1, servers + 1]);
  session.end(null);
  expect(records).toMatchObject([
    {
      protocol: 'UDP', entryPointName: 'dns-in', routerName: 'dns@file', serviceName: 'dns',
      serviceUrl: `127.0.0.1:${server.port}`, clientIp: '10.0.0.1', clientPort: 4000,
      receivedBytes: 8, sentBytes: 12, responseFlag: '',
    },
  ]); // prettier-ignore
});

test('silence of both sides ends a session, once; a datagram of either side puts the end off', async () => {
  serveOn('127.0.0.1');
  const session = start();
  pass(9_000);
  const replied = once(events, 'reply');
  session.receive(Buffer.from('client'));
  pass(9_000);
  expect(records).toEqual([]);
  await replied;
  pass(9_000);
  expect(records).toEqual([]);
  pass(1_200);
  session.end(null);
  expect(records.map(({ responseFlag }) => responseFlag)).toEqual(['']);
  expect(count('ended')).toBe(1);
});

test('a session that is over takes no datagrams, and its socket is closed', async () => {
  serveOn('127.0.0.1');
  const { servers } = descriptors.open;
  const session = start();
  await ask(session, 'x');
  session.end(null);
  const before = told.length;
  session.receive(Buffer.from('late'));
  expect(told).toHaveLength(before);
  // Node tells of the close in its next tick.
  await new Promise(setImmediate);
  expect(descriptors.open.servers).toBe(servers);
  pass(60_000);
  expect(records).toHaveLength(1);
});

test('a session over before its socket is connected sends nothing and gives back what waited', async () => {
  serveOn('127.0.0.1');
  const held = heldMemory.bytes;
  const session = start();
  session.receive(Buffer.from('waits'));
  expect(heldMemory.bytes).toBe(held + 5);
  session.end(null);
  await new Promise(setImmediate);
  expect(told).toEqual(['opened', 'received 5', 'ended']);
  expect(heldMemory.bytes).toBe(held);
});

test('without a server a session ends at once, and no server has failed', () => {
  start();
  expect(told).toEqual(['opened', 'ended']);
  expect(records).toMatchObject([{ serviceName: 'dns', serviceUrl: '', responseFlag: 'no_server' }]);
});

test('a name without an address is a failure of its server, told with the resolver’s words', async () => {
  lookUp = async () => Promise.reject(new Error('the name server is silent'));
  serveOn('server.test');
  const ended = once(events, 'ended');
  start();
  await ended;
  expect(told).toEqual(['opened', `dial failed dns server.test:${server.port} upstream_dns_failure`, 'ended']);
  expect(failures).toEqual(['upstream_dns_failure the name server is silent']);
  expect(records).toMatchObject([{ serviceUrl: `server.test:${server.port}`, responseFlag: 'upstream_dns_failure' }]);
});

test('datagrams wait for the first address of a name; when the session ends before, no socket is made', async () => {
  let found: (addresses: readonly Address[]) => void = () => {};
  lookUp = () => new Promise((resolve) => void (found = resolve));
  serveOn('server.test');
  const { servers } = descriptors.open;
  const [waiting, over] = [start(), start()];
  waiting.receive(Buffer.from('x'));
  over.end(null);
  found([{ host: '127.0.0.1', family: 4 }]);
  await once(events, 'reply');
  expect(descriptors.open.servers).toBe(servers + 1);
});

test.each([
  ['many', Buffer.from('x'), 64],
  ['large', Buffer.alloc(1024), 64],
  ['larger', Buffer.alloc(20_000), 3],
])('of datagrams that wait, as many as there is room for are kept: %s', (_, datagram, room) => {
  lookUp = () => new Promise(() => {});
  serveOn('server.test');
  const held = heldMemory.bytes;
  const session = start();
  for (let index = 0; index < room; index++) session.receive(datagram);
  expect(count('dropped')).toBe(0);
  session.receive(datagram);
  expect(count('dropped')).toBe(1);
  expect(heldMemory.bytes).toBe(held + room * datagram.length);
  session.end(null);
  expect(heldMemory.bytes).toBe(held);
});

test('a datagram that the thread has no memory for is dropped', () => {
  lookUp = () => new Promise(() => {});
  serveOn('server.test');
  const session = start();
  const { maxBytes } = heldMemory;
  heldMemory.maxBytes = heldMemory.bytes + 4;
  try {
    session.receive(Buffer.from('12345'));
    session.receive(Buffer.from('1234'));
  } finally {
    heldMemory.maxBytes = maxBytes;
  }
  expect(told).toEqual(['opened', 'received 5', 'dropped', 'received 4']);
});

test('a reply that had to be dropped is not counted', async () => {
  serveOn('127.0.0.1');
  takesReplies = false;
  const session = start();
  await ask(session, 'x');
  session.end(null);
  expect(told.some((one) => one.includes('sent'))).toBe(false);
  expect(records).toMatchObject([{ receivedBytes: 1, sentBytes: 0 }]);
});

test('a refusal ends the session, as nobody listens there', async () => {
  serveOn('127.0.0.2');
  const ended = once(events, 'ended');
  start().receive(Buffer.from('x'));
  await ended;
  const where = `127.0.0.2:${server.port}`;
  expect(told.slice(-2)).toEqual([`dial failed dns ${where} upstream_connect_refused`, 'ended']);
  expect(failures).toEqual([expect.stringContaining(`upstream_connect_refused ${where}: `)]);
  expect(records).toMatchObject([{ responseFlag: 'upstream_connect_refused' }]);
});

test('a refusal is noticed as well when the next datagram is what hears of it', async () => {
  serveOn('127.0.0.2');
  const ended = once(events, 'ended');
  const session = start();
  session.receive(Buffer.from('one'));
  session.receive(Buffer.from('two'));
  await ended;
  expect([failures.length, count('ended')]).toEqual([1, 1]);
  expect(records).toMatchObject([{ receivedBytes: 6, responseFlag: 'upstream_connect_refused' }]);
});

test.each([0, 1, 2, 5, 6])(
  'a refusal is noticed however many were sent before, and although they come in pairs (%i)',
  async (before) => {
    const silent = createSocket('udp4').bind(server.port, ownAddress());
    await once(silent, 'listening');
    serveOn(ownAddress());
    const session = start();
    for (let count = 0; count < before; count++) session.receive(Buffer.from('x'));
    if (before > 0) await once(silent, 'message');
    silent.close();
    await once(silent, 'close');
    while (count('ended') === 0) {
      session.receive(Buffer.from('one'));
      session.receive(Buffer.from('two'));
      await new Promise(setImmediate);
    }
    expect(records).toMatchObject([{ responseFlag: 'upstream_connect_refused' }]);
  },
);

test('several datagrams that one address has refused all go to the next one, in order', async () => {
  await serveAt('127.0.0.2', '127.0.0.1');
  const session = start();
  session.receive(Buffer.from('one'));
  await ask(session, 'two');
  while (count('reply A two to ::ffff:10.0.0.1') === 0) await once(events, 'reply');
  expect(told.filter((one) => one.startsWith('reply'))).toEqual([
    'reply A one to ::ffff:10.0.0.1',
    'reply A two to ::ffff:10.0.0.1',
  ]);
  expect(failures).toEqual([]);
});

test('a server that refuses after it has answered ends the session, and no other address is asked', async () => {
  const brief = await NamedDatagramServer.start('brief', ownAddress(), server.port);
  await serveAt(ownAddress(), '127.0.0.1');
  const session = start();
  await ask(session, 'x');
  await brief[Symbol.asyncDispose]();
  const ended = once(events, 'ended');
  session.receive(Buffer.from('y'));
  await ended;
  expect([failures.length, server.seenPorts.size]).toEqual([1, 0]);
});

test('a session that is over says nothing of an address that refuses late', async () => {
  serveOn('127.0.0.2');
  const session = start();
  session.receive(Buffer.from('one'));
  await new Promise(setImmediate);
  session.end(null);
  await new Promise(setImmediate);
  expect([failures, records.map(({ responseFlag }) => responseFlag)]).toEqual([[], ['']]);
});

test('an address that cannot be connected to is a failure of another kind', async () => {
  serveOn('255.255.255.255');
  const ended = once(events, 'ended');
  start().receive(Buffer.from('x'));
  await ended;
  expect(records).toMatchObject([{ responseFlag: 'upstream_connect_failed' }]);
  expect(told).not.toContain('served dns');
});

test('what one address has refused goes to the next one, which later sessions try first', async () => {
  await serveAt('127.0.0.2', '127.0.0.1');
  const held = heldMemory.bytes;
  const session = start();
  const replied = once(events, 'reply');
  session.receive(Buffer.from('one'));
  await replied;
  expect(told.filter((one) => /reply|served/.test(one))).toEqual(['served dns', 'reply A one to ::ffff:10.0.0.1']);
  expect(count('dns received 3')).toBe(2);
  expect(heldMemory.bytes).toBe(held);
  expect(failures).toEqual([]);
  for (let turn = 0; turn < 2; turn++) {
    told = [];
    await ask(start(), 'more');
    expect(count('dns received 4')).toBe(1);
  }
});

test('while another address is left, datagrams are kept until the server has answered', async () => {
  await serveAt('127.0.0.1', '127.0.0.2');
  const held = heldMemory.bytes;
  const session = start();
  await ask(session, 'one');
  expect(heldMemory.bytes).toBe(held);
  session.receive(Buffer.from('two'));
  expect(heldMemory.bytes).toBe(held);
  if (count('reply A two to ::ffff:10.0.0.1') === 0) await once(events, 'reply');
  expect(count('dns received 3')).toBe(2);
});

test('when all addresses have refused, the last one says why', async () => {
  await serveAt('127.0.0.2', '127.0.0.3');
  const ended = once(events, 'ended');
  start().receive(Buffer.from('x'));
  await ended;
  expect(count('ended')).toBe(1);
  expect(failures).toEqual([expect.stringContaining(`127.0.0.3:${server.port}`)]);
});

test('an answer of a server that has failed is news', async () => {
  serveOn('127.0.0.1');
  service.pick()!.trace.failed('upstream_connect_refused', 0, 'before');
  pass(2_000);
  await ask(start(), 'x');
  expect(failures).toEqual(['upstream_connect_refused before', 'works']);
});

test('a session is stranded when the service has its server no more', () => {
  const without = start();
  serveOn('127.0.0.1');
  const session = start();
  expect([without.isStranded, session.isStranded]).toEqual([false, false]);
  serveOn('127.0.0.2');
  expect([without.isStranded, session.isStranded]).toEqual([false, true]);
});

test('a server with an IPv6 address is reached', async () => {
  await using six = await NamedDatagramServer.start('six', '::1');
  serveOn('::1', six.port);
  await ask(start(), 'x');
  expect(told).toContain('reply six x to ::ffff:10.0.0.1');
});

test('its service counts a session while it lasts, and how it ended', async () => {
  serveOn('127.0.0.1');
  const session = start();
  await ask(session, 'one');
  expect(window.take()).toMatchObject({ requests: 0, inFlight: 1 });
  session.end(null);
  expect(window.take()).toMatchObject({ requests: 1, inFlight: 0, failures: new Map() });
  service.update({ kind: 'udpLoadBalancer', name: 'dns', endpointSet: 'set' }, { endpoints: [], rows: {} });
  start();
  expect(window.take()).toMatchObject({ requests: 1, inFlight: 0, failures: new Map([['no_server', 1]]) });
});
