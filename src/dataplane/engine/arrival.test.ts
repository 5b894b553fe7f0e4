// What the first bytes of a connection make of it: each ends with one outcome, and what is left to read is whole.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { entryPointSpecs, tlsOptionsSpec } from '../../../test/support/data-plane.ts';
import { HandDrivenWheel } from '../../../test/support/recorded-traffic.ts';
import { connectPlain, type Gatherer } from '../../../test/support/tcp-servers.ts';
import { certificateFor } from '../../../test/support/tls-client.ts';
import { heldMemory } from '../../core/held-memory.ts';
import { hasReadEnd } from '../net/read-end.ts';
import { entryPointSettings, entryPointState, type EntryPointState } from '../downstream/entry-point-state.ts';
import { runAtOnce } from '../live/slices.ts';
import type { HostCoverage } from '../match/route-table.ts';
import { SSL_REQUEST } from '../tcp/postgres.ts';
import type { TcpRoute, TcpRouting } from '../tcp/tcp-routing.ts';
import { TlsStore } from '../tls/tls-store.ts';
import type { Admitted, ArrivalOutcome } from './arrival-outcome.ts';
import { Arrival } from './arrival.ts';
import { ACME_TLS, Challenges } from './challenges.ts';
import { ProxiedArrival } from './proxied-arrival.ts';

const SPEC = entryPointSpecs('{ web: { address: ":1" } }')['web']!;
const { headerMs } = SPEC.timeouts;
const fallback = certificateFor(['fallback']);

let wheel: HandDrivenWheel;
let entryPoint: EntryPointState;
let challenges: Challenges;
let store: Pick<TlsStore, 'choose' | 'chooseWith'>;
/** TCP routers with TLS by server name, and the one without. */
let secure: Map<string, TcpRoute>;
let plain: TcpRoute | null;
/** What HTTP has of any server name. */
let coverage: HostCoverage;
let door: net.Server;
let arrival: Arrival | ProxiedArrival;
let socket: net.Socket;
let client: Gatherer;
let outcomes: ArrivalOutcome[];
let settled: Promise<ArrivalOutcome>;

beforeEach(async () => {
  wheel = new HandDrivenWheel();
  entryPoint = entryPointState(entryPointSettings(SPEC, { finished: () => {} }));
  challenges = new Challenges();
  const made = new TlsStore({ ticketKeys: randomBytes(48), fallback });
  const options = tlsOptionsSpec('default', { protocols: ['h2', 'http/1.1', 'own'] });
  const delta = { baseVersion: 0, version: 1, digest: '', changed: { tlsOptions: { default: options } }, removed: {} };
  runAtOnce(made.build(delta))();
  store = made;
  [secure, plain, coverage, outcomes] = [new Map(), null, 'none', []];
  door = net.createServer({ allowHalfOpen: true });
  await once(door.listen(0, '127.0.0.1'), 'listening');
});

afterEach(async () => {
  client.socket.destroy();
  socket.destroy();
  if (!socket.closed) await once(socket, 'close');
  door.close();
  wheel.stop();
  expect([outcomes.length <= 1, heldMemory.bytes]).toEqual([true, 0]);
});

function route(name: string, passthrough = false): TcpRoute {
  const tlsOf = { passthrough, options: 'default' };
  return { name, service: null, gates: [], tls: tlsOf, isCatchAll: false, observation: null as never }; // Asked by nobody.
}

async function arrive(
  Kind: typeof Arrival | typeof ProxiedArrival = Arrival,
  admitted: Partial<Admitted> = {},
  before: (accepted: net.Socket) => Promise<void> = async () => {},
): Promise<void> {
  const accepted = once(door, 'connection') as Promise<[net.Socket]>;
  client = await connectPlain((door.address() as net.AddressInfo).port);
  [socket] = await accepted;
  await before(socket);
  // What an arrival asks of the routers.
  const tcp = {
    plain: { match: () => plain },
    secure: { size: secure.size, match: ({ serverName }: { serverName: string }) => secure.get(serverName) ?? null },
    chooseSecure: ({ serverName }: { serverName: string }, http: HostCoverage) =>
      http === 'named' ? null : (secure.get(serverName) ?? null),
  };
  let settle: (outcome: ArrivalOutcome) => void;
  settled = new Promise((resolve) => void (settle = resolve));
  const context = {
    entryPoint,
    wheel,
    tls: store as TlsStore, // The part that is used.
    challenges,
    tcp: tcp as unknown as TcpRouting,
    coverage: () => coverage,
    settled: (one: object, outcome: ArrivalOutcome) => {
      expect(one).toBe(arrival);
      outcomes.push(outcome);
      settle(outcome);
    },
  };
  arrival = new Kind(context, socket, { ip: '192.0.2.1', port: 7, ticket: 3, proxied: null, ...admitted });
}

/** A handshake of the client over its connection. */
function handshake(options: tls.ConnectionOptions): tls.TLSSocket {
  client.socket.removeAllListeners('data');
  const secured = tls.connect({ socket: client.socket, rejectUnauthorized: false, ...options });
  secured.on('error', () => {});
  return secured;
}

/** Asks for TLS as PostgreSQL clients do, and hears that it may. */
async function startTls(): Promise<void> {
  client.socket.write(SSL_REQUEST);
  await client.has('S');
  expect(client.text).toBe('S');
}

const unread = (): string => String(socket.read() ?? '');
const gone = (reason: string): ArrivalOutcome => ({ kind: 'gone', during: 'handshake', reason });
/** Content of the alert that has come. */
const alert = (): readonly number[] => [...Buffer.from(client.text, 'latin1')].slice(5);

test('what is not TLS is HTTP, or the TCP router’s, with every byte to be read', async () => {
  await arrive();
  client.socket.write('GET / HTTP/1.1\r\n');
  expect(await settled).toEqual({ kind: 'http1', socket, session: null });
  expect([unread(), socket.isPaused()]).toEqual(['GET / HTTP/1.1\r\n', true]);
  socket.destroy();
  plain = route('any');
  outcomes = [];
  await arrive();
  client.socket.write('hello');
  const how = { serverName: '', session: null, startTls: false };
  expect(await settled).toEqual({ kind: 'tcp', socket, route: plain, how });
  expect(unread()).toBe('hello');
});

test('a PostgreSQL client is told to go on with TLS, which its router then ends with that protocol', async () => {
  secure.set('db.example', route('db'));
  await arrive();
  await startTls();
  handshake({ servername: 'db.example', ALPNProtocols: ['postgresql', 'h2'] });
  const outcome = await settled;
  expect(outcome).toMatchObject({ kind: 'tcp', route: secure.get('db.example'), how: { serverName: 'db.example' } });
  expect(outcome).toMatchObject({ how: { startTls: true, session: { protocol: 'postgresql' } } });
});

test('a PostgreSQL client whose TLS is the server’s goes there with its hello', async () => {
  secure.set('db.example', route('db', true));
  await arrive();
  await startTls();
  handshake({ servername: 'db.example' });
  const how = { serverName: 'db.example', session: null, startTls: true };
  expect(await settled).toEqual({ kind: 'tcp', socket, route: secure.get('db.example'), how });
  expect(socket.readableLength).toBeGreaterThan(100);
});

test('HTTP is nothing for a PostgreSQL client: a name that no TCP router has is unknown', async () => {
  secure.set('db.example', route('db'));
  await arrive();
  await startTls();
  const [failure] = (await once(handshake({ servername: 'other.example' }), 'error')) as [NodeJS.ErrnoException];
  expect(failure.code).toBe('ERR_SSL_TLSV1_UNRECOGNIZED_NAME');
  expect(await settled).toEqual(gone('unknown_name'));
});

test('its request comes in pieces, too, and is HTTP’s where no router speaks TLS over TCP', async () => {
  secure.set('db.example', route('db'));
  await arrive();
  client.socket.write(SSL_REQUEST.subarray(0, 5));
  await once(socket, 'data');
  expect(outcomes).toEqual([]);
  client.socket.write(SSL_REQUEST.subarray(5));
  await client.has('S');
  socket.destroy();
  expect(await settled).toEqual(gone(''));
  [secure, outcomes] = [new Map(), []];
  await arrive();
  client.socket.write(SSL_REQUEST);
  expect(await settled).toMatchObject({ kind: 'http1' });
});

test.each([
  ['together with its request for TLS', true],
  ['after that, in place of a handshake', false],
])('bytes that a PostgreSQL client sends %s are not believed', async (_, isTogether) => {
  secure.set('db.example', route('db'));
  await arrive();
  if (isTogether) client.socket.write(Buffer.concat([SSL_REQUEST, Buffer.from('Q')]));
  else {
    await startTls();
    client.socket.write(SSL_REQUEST);
  }
  expect(await settled).toEqual(gone('malformed'));
  await client.ended();
});

test.each([
  ['none is offered', undefined, 'none', false],
  ['HTTP is served', ['own', 'http/1.1', 'h2'], 'none', 'h2'],
  ['it is a TCP server’s', [ACME_TLS, 'own', 'h2'], 'route', 'h2'],
  ['a TCP server has one of its own', ['own'], 'route', 'own'],
] as const)('inside of TLS is what both have: %s', async (_, offered, who, expected) => {
  if (who === 'route') secure.set('a.example', route('tcp'));
  await arrive();
  handshake({ servername: 'a.example', ...(offered === undefined ? {} : { ALPNProtocols: [...offered] }) });
  const outcome = await settled;
  const session = outcome.kind === 'http1' || outcome.kind === 'http2' ? outcome.session : null;
  const protocol = outcome.kind === 'tcp' ? outcome.how.session?.protocol : session?.protocol;
  expect([outcome.kind, protocol || false]).toEqual([
    who === 'route' ? 'tcp' : expected === 'h2' ? 'http2' : 'http1',
    expected,
  ]);
});

test('a name that HTTP has goes before a TCP router', async () => {
  secure.set('a.example', route('tcp'));
  coverage = 'named';
  await arrive();
  handshake({ servername: 'a.example' });
  expect(await settled).toMatchObject({ kind: 'http1', session: { serverName: 'a.example' } });
});

test('the certificate of a client without a server name goes by the address that it has connected to', async () => {
  const asked: unknown[] = [];
  store = {
    choose: (...all) => (asked.push(all), null),
    chooseWith: (...all) => (asked.push(all), null),
  };
  const proxied = { sourceIp: '192.0.2.1', sourcePort: 7, destinationIp: '203.0.113.9', destinationPort: 443 };
  await arrive(Arrival, { proxied });
  handshake({});
  expect(await settled).toEqual(gone('unknown_name'));
  socket.destroy();
  outcomes = [];
  secure.set('', route('any'));
  await arrive();
  handshake({});
  await settled;
  expect(asked).toEqual([
    ['web', '', '203.0.113.9'],
    ['default', '', '127.0.0.1'],
  ]);
});

test('a certificate that cannot be used is told of as such, and to the client as our fault', async () => {
  store = {
    choose: () => {
      throw new Error('no key');
    },
    chooseWith: () => null,
  };
  await arrive();
  const [failure] = (await once(handshake({ servername: 'a.example' }), 'error')) as [NodeJS.ErrnoException];
  expect(failure.code).toBe('ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR');
  expect(await settled).toEqual(gone('certificate'));
});

test('a hello that cannot be read is answered with what is wrong', async () => {
  await arrive();
  client.socket.write(Buffer.from([22, 3, 1, 0, 4, 9, 9, 9, 9]));
  expect(await settled).toEqual(gone('malformed'));
  await client.ended();
  expect(alert()).toEqual([2, 50]);
});

test('who has to prove a name is shown that certificate and no router’s', async () => {
  secure.set('proof.example', route('tcp', true));
  const { certificate, key } = certificateFor(['proof.example']);
  challenges.set({}, [{ serverName: 'proof.example', certPem: certificate, keyPem: key }]);
  await arrive();
  const secured = handshake({ servername: 'proof.example', ALPNProtocols: [ACME_TLS] });
  await once(secured, 'secureConnect');
  expect(secured.getPeerCertificate().subject.CN).toBe('proof.example');
  expect(await settled).toEqual(gone(''));
});

test.each([
  ['says nothing', ''],
  ['stops in the middle of a hello', '\x16\x03\x01'],
])('who %s is cut off after the time for a head', async (_, begun) => {
  await arrive();
  if (begun !== '') {
    client.socket.write(Buffer.from(begun, 'latin1'));
    await once(socket, 'data');
  }
  wheel.advance(headerMs - 100);
  expect(socket.destroyed).toBe(false);
  wheel.advance(300);
  expect(await settled).toEqual(gone(''));
});

test.each([
  ['first bytes', false],
  ['a handshake', true],
])('draining ends the wait for %s, where nobody is to be waited for', async (_, isSecure) => {
  await arrive();
  if (isSecure) {
    client.socket.write(await helloOf('a.example'));
    await client.until(() => client.text.length > 100);
  }
  entryPoint.patienceMs = 100;
  arrival.drain();
  expect(socket.destroyed).toBe(false);
  entryPoint.patienceMs = 0;
  arrival.drain();
  expect((await settled).kind).toBe('gone');
  await client.ended();
});

/** The first message of a client. */
async function helloOf(servername: string): Promise<Buffer> {
  const own = net.createServer().listen(0, '127.0.0.1');
  await once(own, 'listening');
  const asking = tls.connect({ port: (own.address() as net.AddressInfo).port, host: '127.0.0.1', servername });
  asking.on('error', () => {});
  const [taken] = (await once(own, 'connection')) as [net.Socket];
  const [hello] = (await once(taken, 'data')) as [Buffer];
  asking.destroy();
  taken.destroy();
  own.close();
  return hello;
}

test('a client whose end is read already has no handshake before it', async () => {
  const hello = await helloOf('a.example');
  await arrive(Arrival, {}, async (accepted) => {
    accepted.pause();
    client.socket.end(hello);
    accepted.read(0);
    await expect.poll(() => hasReadEnd(accepted)).toBe(true);
  });
  socket.resume();
  expect(await settled).toEqual(gone('closed'));
  await client.ended();
  expect(client.text).toBe('');
});

test.each([
  ['a header', 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nrest', 'rest', '10.0.0.1'],
  ['bytes of its own', 'GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', undefined],
])('a peer that may speak for others begins with %s', async (_, text, rest, sourceIp) => {
  await arrive(ProxiedArrival);
  for (const part of text.split(/(?<=PROXY)/)) {
    client.socket.write(part);
    await Promise.race([once(socket, 'data'), settled]);
  }
  const outcome = await settled;
  expect(outcome.kind === 'proxied' ? outcome.addresses?.sourceIp : 'another outcome').toBe(sourceIp);
  expect(unread()).toBe(rest);
});

test('a peer that may speak for others and says nothing is gone without a word; one that begins a header is not', async () => {
  await arrive(ProxiedArrival);
  client.socket.end();
  expect(await settled).toEqual({ kind: 'gone', during: 'proxyHeader', reason: '' });
  outcomes = [];
  await arrive(ProxiedArrival);
  client.socket.write('PROXY');
  await once(socket, 'data');
  entryPoint.patienceMs = 1;
  arrival.drain();
  expect(socket.destroyed).toBe(false);
  entryPoint.patienceMs = 0;
  arrival.drain();
  expect(await settled).toEqual({ kind: 'gone', during: 'proxyHeader', reason: 'cut_off' });
});
