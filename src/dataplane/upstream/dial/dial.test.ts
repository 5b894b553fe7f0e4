// One attempt to connect to a server, over loopback: what it tells its owner of sockets, protocols, sessions and
// failures.

import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../../core/clock.ts';
import { selfSigned } from '../../../core/x509/self-signed.ts';
import { TimerWheel } from '../../../core/timer-wheel.ts';
import { DEFAULT_UPSTREAM_TLS, type ServerSpec, type UpstreamTlsSpec } from '../../../model/service.ts';
import { descriptorBytes, Descriptors, descriptors, useDescriptors } from '../../net/descriptors.ts';
import { UpstreamTls } from '../../tls/upstream-tls.ts';
import type { UpstreamContext } from '../connection-owner.ts';
import type { Address } from '../name/address.ts';
import { Waiter } from '../waiter.ts';
import { AddressOrder } from './address-order.ts';
import { Dial, type DialOwner } from './dial.ts';
import { holdPort } from '../../../../test/support/ports.ts';
import { exchangeFor, serverSpec, WAITING_TRANSPORT } from '../../../../test/support/upstream.ts';

const LOOPBACK: Address = { host: '127.0.0.1', family: 4 };
const NOW = Date.now();
const { certificate, key } = selfSigned({ commonName: 'a.test', hosts: ['a.test'], nowMs: NOW, days: 1 });
const TRUSTING: UpstreamTlsSpec = { ...DEFAULT_UPSTREAM_TLS, serverName: 'a.test', authorities: [certificate] };

interface Lab {
  readonly owner: DialOwner;
  readonly clock: ManualClock;
  readonly wheel: TimerWheel;
  /** Settles with the first thing that the owner is told, as text. */
  readonly told: Promise<string>;
  readonly heard: string[];
}

function lab(server: ServerSpec, transport: Partial<typeof WAITING_TRANSPORT> = {}): Lab {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  onTestFinished(() => wheel.stop());
  const heard: string[] = [];
  let tell: (what: string) => void;
  const told = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const hear = (what: string): void => {
    heard.push(what);
    tell(what);
  };
  const context: Partial<UpstreamContext> = {
    wheel,
    tls: new UpstreamTls(() => null),
    // What a dial uses of it.
    resolver: { problem: (host: string) => `there is no address of ${host}` } as unknown as UpstreamContext['resolver'],
  };
  const owner: DialOwner = {
    server,
    transport: { ...WAITING_TRANSPORT, dialTimeoutMs: 10_000, ...transport },
    context: context as UpstreamContext, // The part that is used.
    addressOrder: new AddressOrder(),
    tlsSession: null,
    connected(dial, socket, _, isHttp2, address) {
      onTestFinished(() => void socket.destroy());
      dial.settle();
      hear(`connected ${isHttp2 ? 'HTTP/2' : 'HTTP/1.1'} to ${address.host}`);
    },
    dialFailed: (_, { flag }, reason) => hear(`${flag}: ${reason}`),
  };
  return { owner, clock, wheel, told, heard };
}

async function listening(server: net.Server): Promise<number> {
  const open = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    open.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port; // A TCP server.
}

function secureServer(options: tls.TlsOptions = {}): tls.Server {
  const server = tls.createServer({ cert: certificate, key, ...options }, (socket) => socket.on('error', () => {}));
  return server.on('tlsClientError', () => {});
}

const own = descriptors;
afterEach(() => useDescriptors(own));

test.each([
  ['http', 'HTTP/1.1'],
  ['h2c', 'HTTP/2'],
] as const)('in clear text %s is known to be %s', async (scheme, protocol) => {
  const { owner, told, wheel, heard, clock } = lab(serverSpec(scheme, 'a', await listening(net.createServer())));
  new Dial(owner, false).start([LOOPBACK]);
  expect(await told).toBe(`connected ${protocol} to 127.0.0.1`);
  clock.advance(60_000);
  wheel.tick();
  expect(heard).toHaveLength(1);
});

test.each([
  [true, ['h2', 'http/1.1'], 'HTTP/2'],
  [true, ['http/1.1'], 'HTTP/1.1'],
  [false, ['h2', 'http/1.1'], 'HTTP/1.1'],
])('over TLS the server chooses, of what is offered (shared: %s, %s)', async (mayBeShared, ALPNProtocols, protocol) => {
  const { owner, told } = lab(serverSpec('https', 'a', await listening(secureServer({ ALPNProtocols }))), {
    tls: TRUSTING,
  });
  new Dial(owner, mayBeShared).start([LOOPBACK]);
  expect(await told).toBe(`connected ${protocol} to 127.0.0.1`);
});

test('a session is kept, and resumed under the same context alone', async () => {
  const server = secureServer({ maxVersion: 'TLSv1.2' });
  const port = await listening(server);
  const resumed: boolean[] = [];
  server.on('secureConnection', (socket) => resumed.push(socket.isSessionReused()));
  const { owner, told } = lab(serverSpec('https', 'a', port), { tls: TRUSTING });
  new Dial(owner, false).start([LOOPBACK]);
  await told;
  expect(owner.tlsSession?.context).toBe(owner.context.tls.optionsFor(TRUSTING, 'a', []).secureContext);
  for (const isSame of [true, false]) {
    const again = lab(owner.server, { tls: TRUSTING });
    const session = owner.tlsSession;
    Object.assign(again.owner, { context: { ...owner.context, wheel: again.wheel } });
    again.owner.tlsSession = isSame ? session : { ...session!, context: tls.createSecureContext() };
    new Dial(again.owner, false).start([LOOPBACK]);
    await again.told;
  }
  expect(resumed).toEqual([false, true, false]);
});

test.each([
  ['a certificate of nobody who is trusted', { ...TRUSTING, authorities: [] }, 'upstream_tls_untrusted'],
  ['another name', { ...TRUSTING, serverName: 'b.test' }, 'upstream_tls_untrusted'],
  [
    'another name than is pinned',
    { ...TRUSTING, insecureSkipVerify: true, pinnedNames: [{ type: 'URI', value: 'spiffe://b' }] } as UpstreamTlsSpec,
    'upstream_tls_untrusted',
  ],
  ['no version that is allowed', { ...TRUSTING, minVersion: 'TLSv1.3' } as UpstreamTlsSpec, 'upstream_tls_failed'],
])('a handshake that shows %s fails, and no session is kept of it', async (_, spec, flag) => {
  const { owner, told } = lab(serverSpec('https', 'a', await listening(secureServer({ maxVersion: 'TLSv1.2' }))), {
    tls: spec,
  });
  owner.tlsSession = { context: undefined, ticket: Buffer.alloc(0) };
  new Dial(owner, false).start([LOOPBACK]);
  expect(await told).toMatch(new RegExp(`^${flag}: 127\\.0\\.0\\.1:\\d+: `));
  expect(owner.tlsSession).toBeNull();
});

test('TLS that cannot be begun is told at once', () => {
  const { owner, heard } = lab(serverSpec('https'), { tls: { ...TRUSTING, certificates: ['absent'] } });
  new Dial(owner, false).start([LOOPBACK]);
  expect(heard).toEqual(['upstream_tls_failed: TLS cannot be used: there is no certificate absent']);
});

test('a name without addresses is told at once, once', () => {
  const { owner, heard } = lab(serverSpec());
  const dial = new Dial(owner, false);
  dial.start([]);
  dial.start([LOOPBACK]);
  expect(heard).toEqual(['upstream_dns_failure: there is no address of a']);
});

test('a server that refuses, by its reason; the address that works comes first the next time', async () => {
  const port = holdPort();
  const refused = lab(serverSpec('http', 'a', port));
  new Dial(refused.owner, false).start([LOOPBACK]);
  expect(await refused.told).toBe(`upstream_connect_refused: 127.0.0.1:${port}: connection refused (ECONNREFUSED)`);

  const server = net.createServer();
  const two = lab(serverSpec('http', 'a', await listening(server)));
  const dead: Address = { host: '127.0.0.2', family: 4 };
  new Dial(two.owner, false).start([dead, LOOPBACK]);
  expect(await two.told).toBe('connected HTTP/1.1 to 127.0.0.1');
  expect(two.owner.addressOrder.next([dead, LOOPBACK], 0)[0]).toBe(LOOPBACK);
});

test('a Unix socket that is not there', async () => {
  const { owner, told } = lab(serverSpec('http', '@/nowhere'));
  new Dial(owner, false).start([{ host: '/nowhere/a.sock', family: 4 }]);
  expect(await told).toBe('upstream_connect_failed: /nowhere/a.sock: there is no such socket (ENOENT)');
});

test('a server that does not answer is given up after the dial’s time', async () => {
  // The handshake of TLS never comes.
  const { owner, heard, clock, wheel } = lab(serverSpec('https', 'a', await listening(net.createServer())), {
    dialTimeoutMs: 500,
    tls: TRUSTING,
  });
  new Dial(owner, false).start([LOOPBACK]);
  clock.advance(400);
  wheel.tick();
  expect(heard).toEqual([]);
  clock.advance(200);
  wheel.tick();
  expect(heard).toEqual(['upstream_connect_timeout: a: no answer within 500 ms']);
});

test('without descriptors it waits, and says what was missing', () => {
  const cells = new Descriptors(new SharedArrayBuffer(descriptorBytes(1)), 0, 1);
  cells.setLimit(1);
  cells.serverOpened();
  useDescriptors(cells);
  const { owner, heard, clock, wheel } = lab(serverSpec(), { dialTimeoutMs: 500 });
  const dial = new Dial(owner, false);
  dial.start([LOOPBACK]);
  expect([dial.isStarved, heard]).toEqual([true, []]);
  clock.advance(600);
  wheel.tick();
  expect(heard).toEqual(['no_resources: a: no descriptor was left for a connection']);
});

test('a dial that nobody waits for any more is given up, unless others may come', () => {
  const waiterOwner = { dropWaiter: () => {}, waitedTooLong: () => {} };
  for (const mayBeShared of [false, true]) {
    const { owner, heard } = lab(serverSpec());
    const dial = new Dial(owner, mayBeShared);
    const waiters = [0, 1].map(() => new Waiter(waiterOwner, exchangeFor().exchange, dial));
    dial.waiters.push(...waiters);
    dial.forget(waiters[0]!);
    expect([heard, dial.waiters]).toEqual([[], [waiters[1]]]);
    dial.forget(waiters[1]!);
    expect(heard).toEqual(mayBeShared ? [] : ['upstream_connect_failed: ']);
    dial.settle();
  }
});

test('bytes that come before anything was asked end the connection', async () => {
  const server = net.createServer((socket) => socket.write('hello'));
  const port = await listening(server);
  const { owner } = lab(serverSpec('http', 'a', port));
  const closed = new Promise<void>((resolve) => {
    Object.assign(owner, { connected: (_: Dial, socket: net.Socket) => void socket.once('close', () => resolve()) });
  });
  const dial = new Dial(owner, false);
  dial.start([LOOPBACK]);
  await closed;
  dial.settle();
});
