import { serviceTableOf } from '../../../test/support/service-table.ts';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { entryPointSpecs } from '../../../test/support/data-plane.ts';
import { HandDrivenWheel, namesOf, RecordedTraffic, tcpEndpoint } from '../../../test/support/recorded-traffic.ts';
import { holdPort, holdPorts } from '../../../test/support/ports.ts';
import { TCP_TRANSPORT } from '../../../test/support/tcp-context.ts';
import { connectPlain, Gatherer, plainServer, type TestServer } from '../../../test/support/tcp-servers.ts';
import { heldMemory } from '../../core/held-memory.ts';
import type { TcpTransportSpec } from '../../model/tcp.ts';
import { ServiceWindow } from '../balance/count/service-window.ts';
import { entryPointSettings, entryPointState } from '../downstream/entry-point-state.ts';
import { UpstreamTls } from '../tls/upstream-tls.ts';
import { EndpointTable } from '../upstream/endpoint-table.ts';
import { TcpConnection, type TcpClient } from './tcp-connection.ts';
import { TCP_ENDS } from './tcp-end.ts';
import type { TcpGate } from './tcp-gate.ts';
import type { TcpRoute } from './tcp-routing.ts';
import { TcpService } from './tcp-service.ts';

const IDLE_MS = 1_000;
const SPEC = entryPointSpecs(
  '{ web: { address: ":1", transport: { respondingTimeouts: { tunnelIdleTimeout: 1s } } } }',
)['web']!;
const CLIENT: TcpClient = {
  ip: '192.0.2.7', port: 1234, proxied: null, serverName: '', session: null, startTls: false, ticket: 5,
}; // prettier-ignore

let wheel: HandDrivenWheel;
let traffic: RecordedTraffic;
let table: EndpointTable;
let server: TestServer;
let accepted: Promise<Gatherer>;
let service: TcpService;
/** Of the service. */
let window: ServiceWindow;
let closed: TcpConnection[];
let connection: TcpConnection;
let client: Gatherer;
let door: net.Server;

beforeEach(async () => {
  wheel = new HandDrivenWheel();
  traffic = new RecordedTraffic();
  table = new EndpointTable(new SharedArrayBuffer(4096), 0, 1);
  closed = [];
  const counts = serviceTableOf();
  window = new ServiceWindow(counts, 'app@@tcp');
  server = await plainServer(() => {});
  accepted = server.accepted().then((socket) => new Gatherer(socket));
  const context = { wheel, resolver: namesOf({}), tls: new UpstreamTls(() => null), table, trace: null };
  service = new TcpService('app', { context, counts, service: () => undefined });
  give([server.port]);
  door = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await once(door.listen(0, '127.0.0.1'), 'listening');
});
afterEach(async () => {
  client?.socket.destroy();
  if (closed.length === 0) connection.destroy();
  door.close();
  await server.close();
  wheel.stop();
  expect([closed, heldMemory.bytes]).toEqual([[connection], 0]);
});

/** The servers of the service, by their ports; the row of each is its place. */
function give(ports: readonly number[], transport: Partial<TcpTransportSpec> = {}): void {
  const endpoints = ports.map((port) => tcpEndpoint(`${port}`, { port }));
  const rows = Object.fromEntries(ports.map((port, index) => [`${port}`, index]));
  service.update(
    {
      kind: 'tcpLoadBalancer', name: 'app', endpointSet: 'app', healthCheck: null, passiveHealthCheck: null,
      transport: { ...TCP_TRANSPORT, serverEndDelayMs: -1, ...transport },
    },
    { endpoints, rows },
  ); // prettier-ignore
}

interface Given {
  readonly route?: Partial<TcpRoute>;
  readonly client?: Partial<TcpClient>;
}

/** A client's connection, made and not started; returns the router's side of it. */
async function make(given: Given = {}): Promise<net.Socket> {
  const { port } = door.address() as net.AddressInfo;
  const arriving = once(door, 'connection') as Promise<[net.Socket]>;
  client = await connectPlain(port);
  const [socket] = await arriving;
  const route: TcpRoute = {
    name: 'r', service, gates: [], tls: null, isCatchAll: true, observation: traffic, ...given.route,
  }; // prettier-ignore
  const entryPoint = entryPointState(entryPointSettings(SPEC, { finished: () => {} }));
  const context = { entryPoint, wheel, closed: (one: TcpConnection) => void closed.push(one) };
  connection = new TcpConnection(context, socket, { ...CLIENT, ...given.client }, route);
  return socket;
}

async function begin(given: Given = {}): Promise<void> {
  await make(given);
  connection.start();
}

/** Client and server have each heard from the other. */
async function open(given: Given = {}): Promise<Gatherer> {
  await begin(given);
  const there = await accepted;
  client.socket.write('hello');
  await there.has('hello');
  there.socket.write('welcome');
  await client.has('welcome');
  return there;
}

const flag = (): string | undefined => traffic.records[0]?.responseFlag;

test('bytes go both ways, and an end is passed on in either direction', async () => {
  const there = await open();
  expect([connection.ticket, table.inFlight(0)]).toEqual([5, 1]);
  client.socket.end('bye');
  while (!there.isEnded) await once(there.socket, 'end');
  expect([there.text, client.isEnded]).toEqual(['hellobye', false]);
  there.socket.end('last words');
  await client.ended();
  expect(client.text).toBe('welcomelast words');
  await traffic.told('finished ');
  expect(traffic.log.filter((line) => !line.includes('received') && !line.includes('sent'))).toEqual([
    'opened', 'served app', 'finished ',
  ]); // prettier-ignore
  expect(traffic.log).toEqual(expect.arrayContaining(['received 5', 'app received 5', 'sent 7', 'app sent 7']));
  expect(traffic.records).toEqual([
    {
      protocol: 'TCP', entryPointName: 'web', routerName: 'r', serviceName: 'app', serviceUrl: `127.0.0.1:${server.port}`,
      startWallMs: expect.any(Number), durationMs: expect.any(Number), clientIp: '192.0.2.7', clientPort: 1234,
      serverName: '', isPassthrough: false, tlsVersion: '', tlsCipher: '', tlsClientSubject: '',
      receivedBytes: 8, sentBytes: 17, responseFlag: '',
    },
  ]); // prettier-ignore
  expect(table.inFlight(0)).toBe(0);
});

test('silence in both directions ends it; a byte of either begins the wait anew', async () => {
  const there = await open();
  wheel.advance(IDLE_MS - 100);
  client.socket.write('more');
  await there.has('more');
  wheel.advance(IDLE_MS - 100);
  there.socket.write('answer');
  await client.has('answer');
  wheel.advance(IDLE_MS - 100);
  expect(traffic.records).toEqual([]);
  wheel.advance(200);
  await traffic.told('finished tunnel_idle');
  await Promise.all([client.ended(), there.ended()]);
});

test.each([
  ['client', { clientEndDelayMs: 100 }],
  ['server', { serverEndDelayMs: 100 }],
] as const)('once the %s has ended, the other one may be silent for as long as is said', async (who, transport) => {
  give([server.port], transport);
  const there = await open();
  const [first, second] = who === 'client' ? [client, there] : [there, client];
  first.socket.end();
  while (!second.isEnded) await once(second.socket, 'end');
  wheel.advance(50);
  second.socket.write('still here');
  await new Promise((resolve) => first.socket.once('data', resolve));
  wheel.advance(90);
  expect(traffic.records).toEqual([]);
  wheel.advance(200);
  await traffic.told('finished termination_delay');
});

test('without such a limit the usual patience counts', async () => {
  give([server.port], { serverEndDelayMs: 0 });
  const there = await open();
  client.socket.end();
  while (!there.isEnded) await once(there.socket, 'end');
  wheel.advance(IDLE_MS - 100);
  expect(traffic.records).toEqual([]);
  wheel.advance(200);
  await traffic.told('finished tunnel_idle');
});

test.each(['client', 'server'] as const)('what the %s breaks off is broken off at the other side', async (who) => {
  const there = await open();
  const [first, second] = who === 'client' ? [client, there] : [there, client];
  first.socket.resetAndDestroy();
  await second.closed();
  expect(second.error?.code).toBe('ECONNRESET');
  await traffic.told(who === 'client' ? 'finished client_reset' : 'finished upstream_reset');
});

test('bytes that came before the server was there go first', async () => {
  const socket = await make({ client: { startTls: true } });
  connection.start();
  const there = await accepted;
  await there.until(() => there.text.length === 8);
  // Whoever had the socket before has let it run on.
  socket.resume();
  client.socket.write('early ');
  while (heldMemory.bytes === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(heldMemory.bytes).toBe(6);
  client.socket.write('later');
  there.socket.write('S');
  await there.has('early later');
  expect([heldMemory.bytes, traffic.log.includes('received 6')]).toEqual([0, true]);
});

test('a client that is gone before the server is there ends the dial', async () => {
  const socket = await make({ client: { startTls: true } });
  connection.start();
  const there = await accepted;
  socket.destroy();
  await traffic.told('finished client_gone');
  await there.ended();
});

test('a worker that ends does not leave a dial behind', async () => {
  await make({ client: { startTls: true } });
  connection.start();
  const there = await accepted;
  connection.destroy();
  await there.ended();
  expect(traffic.log).toEqual(['opened', 'finished drained']);
});

test('there has to be room for bytes that came too early', async () => {
  const socket = await make({ client: { startTls: true } });
  connection.start();
  await accepted;
  const limit = heldMemory.maxBytes;
  heldMemory.maxBytes = 3;
  socket.resume();
  client.socket.write('early');
  await traffic.told('finished memory_full');
  heldMemory.maxBytes = limit;
});

/** Tickets that were given back. */
const left: number[] = [];
function gate(ticket: number): TcpGate {
  return { refusal: TCP_ENDS.addressRefused, enter: () => ticket, leave: (one) => void left.push(one) };
}

test.each([
  ['a disabled router', { service: null }, 'router_disabled'],
  ['an address that is not let in', { gates: [gate(0), gate(-1), gate(9)] }, 'address_refused'],
] as const)('%s closes the connection, and no server is asked', async (_, route, expected) => {
  left.length = 0;
  await begin({ route });
  await client.ended();
  await traffic.told(`finished ${expected}`);
  expect([traffic.log, server.sockets.size]).toEqual([['opened', `finished ${expected}`], 0]);
  expect(left).toEqual('gates' in route ? [0] : []);
  expect(traffic.records[0]!.serviceName).toBe('gates' in route ? 'app' : '');
});

test('what gates count is given back when the connection is over, and not before', async () => {
  left.length = 0;
  await open({ route: { gates: [gate(3), gate(4)] } });
  expect(left).toEqual([]);
  connection.destroy();
  connection.destroy();
  expect([left, flag(), traffic.records.length]).toEqual([[3, 4], 'drained', 1]);
});

test('without a server, and with none that is up, it ends saying which of both', async () => {
  give([]);
  await begin();
  await traffic.told('finished no_server');
  client.socket.destroy();
  closed = [];
  traffic = new RecordedTraffic();
  give([server.port]);
  table.setDown(0, true);
  await begin();
  await traffic.told('finished no_healthy_server');
  expect(traffic.records[0]).toMatchObject({ serviceName: 'app', serviceUrl: '' });
});

test('its service counts it while it lasts, and its end when it is over', async () => {
  const there = await open();
  expect(window.take()).toMatchObject({ requests: 0, inFlight: 1 });
  there.socket.resetAndDestroy();
  await traffic.told('finished upstream_reset');
  const { latency, ...reading } = window.take();
  expect(reading).toMatchObject({ requests: 1, inFlight: 0, failures: new Map([['upstream_reset', 1]]) });
  expect([latency.reduce((sum, count) => sum + count, 0), reading.latencySumMs > 0]).toEqual([1, true]);
});

test('the next server is tried when one cannot be connected to', async () => {
  const refusing = holdPort();
  give([refusing, server.port]);
  await open();
  expect(traffic.log).toContain(`app 127.0.0.1:${refusing} upstream_connect_refused`);
  connection.destroy();
  expect(traffic.records[0]).toMatchObject({ serviceUrl: `127.0.0.1:${server.port}`, responseFlag: 'drained' });
  expect(table.inFlight(1)).toBe(0);
  // One connection, which has been served.
  expect(window.take()).toMatchObject({ requests: 1, inFlight: 0, failures: new Map() });
});

test.each([
  [2, 2],
  [7, 5],
])('of %i servers that refuse, %i are tried', async (count, tries) => {
  give(holdPorts(count));
  await begin();
  await traffic.told('finished upstream_connect_refused');
  const failures = traffic.log.filter((line) => line.endsWith(' upstream_connect_refused') && line.startsWith('app'));
  expect([failures.length, new Set(failures).size]).toEqual([tries, tries]);
  expect(window.take()).toMatchObject({ requests: 1, failures: new Map([['upstream_connect_refused', 1]]) });
  await client.ended();
});

test.each([
  [null, (): string => `PROXY TCP4 192.0.2.7 127.0.0.1 1234 ${(door.address() as net.AddressInfo).port}\r\n`],
  [
    { sourceIp: 'unused', sourcePort: 0, destinationIp: '203.0.113.9', destinationPort: 443 },
    (): string => 'PROXY TCP4 192.0.2.7 203.0.113.9 1234 443\r\n',
  ],
] as const)('the server is told who the client is and where it has connected to', async (proxied, header) => {
  give([server.port], { proxyProtocol: 1 });
  const there = await open({ client: { proxied } });
  expect(there.text).toBe(`${header()}hello`);
});

test('much of it arrives whole, and no more is read than the other side takes', async () => {
  const there = await open();
  const sent = createHash('sha256');
  there.socket.removeAllListeners('data');
  there.socket.pause();
  const chunk = Buffer.alloc(1 << 20);
  for (let at = 0; at < 24; at++) {
    chunk.fill(at);
    sent.update(chunk);
    client.socket.write(Buffer.from(chunk));
  }
  client.socket.end();
  while (heldMemory.bytes === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(heldMemory.bytes).toBeGreaterThanOrEqual(256 * 1024);
  const received = createHash('sha256');
  there.socket.on('data', (part: Buffer) => received.update(part));
  there.socket.resume();
  while (!there.isEnded) await once(there.socket, 'end');
  expect(received.digest('hex')).toBe(sent.digest('hex'));
  there.socket.end();
  await traffic.told('finished ');
  expect(traffic.records[0]!.receivedBytes).toBe(5 + 24 * (1 << 20));
});

test('there has to be room for what the other side does not take', async () => {
  const there = await open();
  there.socket.removeAllListeners('data');
  there.socket.pause();
  const limit = heldMemory.maxBytes;
  heldMemory.maxBytes = 1;
  client.socket.write(Buffer.alloc(24 << 20));
  await traffic.told('finished memory_full');
  heldMemory.maxBytes = limit;
});

test('it goes on while the worker drains', async () => {
  const there = await open();
  connection.drain();
  client.socket.write('more');
  await there.has('more');
  expect(traffic.records).toEqual([]);
});
