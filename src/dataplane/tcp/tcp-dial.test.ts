// Dials to servers on loopback; time passes on a clock by hand.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TCP_TRANSPORT, tcpContext, type TestTcpContext } from '../../../test/support/tcp-context.ts';
import { plainServer, tlsServer, type TestServer } from '../../../test/support/tcp-servers.ts';
import { certificateFor } from '../../../test/support/tls-client.ts';
import { DEFAULT_UPSTREAM_TLS, type UpstreamTlsSpec } from '../../model/service.ts';
import { descriptors } from '../net/descriptors.ts';
import type { Address } from '../upstream/name/address.ts';
import { SSL_REQUEST } from './postgres.ts';
import { TcpDial, type DialOptions } from './tcp-dial.ts';
import { TcpEndpoint } from './tcp-endpoint.ts';

const PLAIN: DialOptions = { proxyHeader: null, startTls: false };
const HEADER: DialOptions = { proxyHeader: Buffer.from('header;'), startTls: false };
const START_TLS: DialOptions = { proxyHeader: null, startTls: true };
const certificate = certificateFor(['server.test']);
const TRUSTED: UpstreamTlsSpec = { ...DEFAULT_UPSTREAM_TLS, authorities: [certificate.certificate] };

let context: TestTcpContext;
let lookUp: () => Promise<readonly Address[]>;
let servers: TestServer[];
let sockets: net.Socket[];
/** How each dial has ended, in words. */
let told: string[];

let openBefore: number;

beforeEach(() => {
  openBefore = descriptors.open.servers;
  context = tcpContext(() => lookUp());
  lookUp = async () => [{ host: '127.0.0.1', family: 4 }];
  [servers, sockets, told] = [[], [], []];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) await server.close();
  // Sockets say that they are closed in the turn after; every one that was counted is counted out, once.
  while (descriptors.open.servers > openBefore) await new Promise(setImmediate);
  expect(descriptors.open.servers).toBe(openBefore);
  context.resolver.stop();
  context.wheel.stop();
});

async function plain(serve: (socket: net.Socket) => void = () => {}): Promise<number> {
  const server = await plainServer(serve);
  servers.push(server);
  return server.port;
}

async function secure(
  serve: (socket: tls.TLSSocket) => void = () => {},
  options: tls.TlsOptions = {},
): Promise<number> {
  const server = await tlsServer(certificate, serve, options);
  servers.push(server);
  return server.port;
}

interface Target {
  readonly port: number;
  readonly isSecure?: boolean;
  readonly tls?: UpstreamTlsSpec;
  readonly dialTimeoutMs?: number;
}

function endpointAt({
  port,
  isSecure = false,
  tls: spec = DEFAULT_UPSTREAM_TLS,
  dialTimeoutMs = TCP_TRANSPORT.dialTimeoutMs,
}: Target): TcpEndpoint {
  const server = { url: `server.test:${port}`, host: 'server.test', port, isSecure };
  return new TcpEndpoint('db', server, { ...TCP_TRANSPORT, tls: spec, dialTimeoutMs }, context);
}

interface Dialled {
  readonly dial: TcpDial;
  /** Null when it has failed. */
  readonly settled: Promise<net.Socket | null>;
}

function dial(endpoint: TcpEndpoint, options: DialOptions): Dialled {
  let settle: (socket: net.Socket | null) => void = () => {};
  const settled = new Promise<net.Socket | null>((resolve) => void (settle = resolve));
  const one = new TcpDial(endpoint, options, {
    connected: (socket, _, isFixed) => {
      told.push(isFixed ? 'connected, fixed' : 'connected');
      sockets.push(socket);
      settle(socket);
    },
    dialFailed: ({ flag }, reason) => {
      told.push(`${flag} ${reason}`);
      settle(null);
    },
  });
  one.start();
  return { dial: one, settled };
}

function pass(ms: number): void {
  context.clock.advance(ms);
  context.wheel.tick();
}

/** Answers with what it gets first, and the rest as it comes. */
function firstOf(count: number): { readonly serve: (socket: net.Socket) => void; readonly bytes: Promise<Buffer> } {
  let done: (bytes: Buffer) => void = () => {};
  const bytes = new Promise<Buffer>((resolve) => void (done = resolve));
  let all = Buffer.alloc(0);
  const serve = (socket: net.Socket): void => {
    socket.on('data', (chunk) => {
      all = Buffer.concat([all, chunk]);
      if (all.length >= count) done(all);
    });
  };
  return { serve, bytes };
}

test('a connection is handed over when it is there, after the header that tells who the client is', async () => {
  const { serve, bytes } = firstOf(12);
  const socket = await dial(endpointAt({ port: await plain(serve) }), HEADER).settled;
  socket!.write('hello');
  expect(String(await bytes)).toBe('header;hello');
  expect(told).toEqual(['connected, fixed']);
});

test('a name without an address is told with the resolver’s words', async () => {
  lookUp = async () => Promise.reject(new Error('the name server is silent'));
  await dial(endpointAt({ port: 1 }), PLAIN).settled;
  expect(told).toEqual(['upstream_dns_failure the name server is silent']);
});

test('a refusal is told once, with its address, when no other one is left', async () => {
  lookUp = async () => ['127.0.0.2', '127.0.0.3'].map((host) => ({ host, family: 4 }));
  const port = await plain();
  await dial(endpointAt({ port }), PLAIN).settled;
  expect(told).toEqual([expect.stringContaining(`upstream_connect_refused 127.0.0.3:${port}: `)]);
});

test('after a refusal the next address is tried, and first from then on', async () => {
  const addresses: readonly Address[] = ['127.0.0.2', '127.0.0.1'].map((host) => ({ host, family: 4 }));
  lookUp = async () => addresses;
  const endpoint = endpointAt({ port: await plain() });
  const socket = await dial(endpoint, PLAIN).settled;
  expect([told, socket!.remoteAddress]).toEqual([['connected, fixed'], '127.0.0.1']);
  for (let turn = 0; turn < 2; turn++) {
    expect(endpoint.addressOrder.next(addresses, context.wheel.nowMs)[0]!.host).toBe('127.0.0.1');
  }
});

test('the dial timeout begins with the look-up, is told once, and ends the dial', async () => {
  let found: (addresses: readonly Address[]) => void = () => {};
  lookUp = () => new Promise((resolve) => void (found = resolve));
  const endpoint = endpointAt({ port: await plain() });
  const { settled } = dial(endpoint, PLAIN);
  pass(900);
  expect(told).toEqual([]);
  pass(200);
  await settled;
  found([{ host: '127.0.0.1', family: 4 }]);
  await context.resolver.addresses('server.test');
  await new Promise(setImmediate);
  expect(told).toEqual(['upstream_connect_timeout server.test: no answer within 1000 ms']);
});

test('a dial without a timeout waits for as long as it takes', async () => {
  let answer: (text: string) => void = () => {};
  const port = await plain((socket) => {
    answer = (text) => void socket.write(text);
    socket.once('data', () => {
      pass(3_600_000);
      answer('S');
    });
  });
  await dial(endpointAt({ port, dialTimeoutMs: 0 }), START_TLS).settled;
  expect(told).toEqual(['connected, fixed']);
});

test('an address that cannot be reached is no refusal', async () => {
  lookUp = async () => [{ host: '255.255.255.255', family: 4 }];
  await dial(endpointAt({ port: 9 }), PLAIN).settled;
  expect(told).toEqual([expect.stringMatching(/^upstream_connect_failed 255\.255\.255\.255:9: /)]);
});

test('without a descriptor it waits for one, and says so when the time is over', async () => {
  const endpoint = endpointAt({ port: await plain() });
  await context.resolver.addresses('server.test');
  descriptors.setLimit(1);
  descriptors.serverOpened();
  try {
    const starved = dial(endpoint, PLAIN);
    await new Promise(setImmediate);
    pass(1_100);
    await starved.settled;
    const { settled } = dial(endpoint, PLAIN);
    await new Promise(setImmediate);
    pass(50);
    descriptors.setLimit(10);
    pass(150);
    await settled;
    expect(told).toEqual(['no_resources server.test: no descriptor was left for a connection', 'connected, fixed']);
  } finally {
    descriptors.setLimit(0);
    descriptors.serverClosed();
  }
});

test('a server that is silent when asked for TLS runs into the dial timeout, and its connection is closed', async () => {
  const { serve, bytes } = firstOf(SSL_REQUEST.length);
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => void (closed = resolve));
  const port = await plain((socket) => {
    serve(socket);
    socket.once('end', closed);
  });
  dial(endpointAt({ port }), START_TLS);
  expect(await bytes).toEqual(SSL_REQUEST);
  context.clock.advance(1_100);
  context.wheel.tick();
  expect(told).toEqual(['upstream_connect_timeout server.test: no answer within 1000 ms']);
  await gone;
});

test('whoever stops a dial hears nothing of it, before the address is known and after', async () => {
  const endpoint = endpointAt({ port: await plain() });
  const early = dial(endpoint, PLAIN);
  early.dial.stop();
  await context.resolver.addresses('server.test');
  dial(endpoint, PLAIN).dial.stop();
  await dial(endpoint, PLAIN).settled;
  context.clock.advance(5_000);
  context.wheel.tick();
  expect(told).toEqual(['connected, fixed']);
});

test.each([
  ['another byte', 'N'],
  ['more than the one byte', 'S!'],
])('a PostgreSQL server that answers the request for TLS with %s is not gone on with', async (_, answer) => {
  const port = await plain((socket) => socket.once('data', () => socket.write(answer)));
  await dial(endpointAt({ port }), START_TLS).settled;
  expect(told).toEqual([expect.stringContaining(`upstream_starttls_refused 127.0.0.1:${port}: the server does not`)]);
});

test('one that closes the connection in place of an answer has refused as well', async () => {
  const port = await plain((socket) => socket.once('data', () => socket.end()));
  await dial(endpointAt({ port }), START_TLS).settled;
  expect(told).toEqual([`upstream_starttls_refused 127.0.0.1:${port}: closed by the server`]);
});

test('one that agrees is the client’s to shake hands with, where the router does not speak TLS to it', async () => {
  const port = await plain((socket) => socket.once('data', () => socket.write('S')));
  await dial(endpointAt({ port }), START_TLS).settled;
  expect(told).toEqual(['connected, fixed']);
});

test('TLS with a server whose certificate has its name, and an authority that is trusted', async () => {
  const port = await secure((socket) => socket.end(String(socket.servername)));
  const endpoint = endpointAt({ port, isSecure: true, tls: TRUSTED });
  const socket = await dial(endpoint, PLAIN).settled;
  expect(told).toEqual(['connected, fixed']);
  expect((socket as tls.TLSSocket).authorized).toBe(true);
});

test.each([
  ['nobody vouches for', DEFAULT_UPSTREAM_TLS],
  ['has another name than the pinned one', { ...TRUSTED, pinnedNames: [{ type: 'DNS', value: 'other.test' }] }],
] as const)('a server whose certificate %s is not trusted', async (_, spec) => {
  await dial(endpointAt({ port: await secure(), isSecure: true, tls: spec }), PLAIN).settled;
  expect(told).toEqual([expect.stringMatching(/^upstream_tls_untrusted 127\.0\.0\.1:/)]);
});

test('a server that does not speak TLS fails in the handshake, and its session is forgotten', async () => {
  const port = await plain((socket) => socket.once('data', () => socket.end('what?')));
  const endpoint = endpointAt({ port, isSecure: true, tls: TRUSTED });
  endpoint.tlsSession = { context: undefined, ticket: Buffer.from('old') };
  await dial(endpoint, PLAIN).settled;
  expect(told).toEqual([expect.stringMatching(/^upstream_tls_failed 127\.0\.0\.1:/)]);
  expect(endpoint.tlsSession).toBeNull();
});

test('a session that the server has given is resumed', async () => {
  const port = await secure((socket) => socket.resume(), { maxVersion: 'TLSv1.2' });
  const endpoint = endpointAt({ port, isSecure: true, tls: TRUSTED });
  const first = (await dial(endpoint, PLAIN).settled) as tls.TLSSocket;
  if (endpoint.tlsSession === null) await once(first, 'session');
  const second = (await dial(endpoint, PLAIN).settled) as tls.TLSSocket;
  expect([first.isSessionReused(), second.isSessionReused()]).toEqual([false, true]);
});

test('a certificate that is shown to the server and missing here is a failure of TLS', async () => {
  await dial(endpointAt({ port: 9, isSecure: true, tls: { ...TRUSTED, certificates: ['gone'] } }), PLAIN).settled;
  expect(told).toEqual(['upstream_tls_failed TLS cannot be used: there is no certificate gone']);
});

test('TLS comes after PostgreSQL’s request for it, and a connection that is reset in it is a failure', async () => {
  let isReset = false;
  const port = await plain((socket) => {
    socket.once('data', () => {
      socket.write('S');
      if (isReset) socket.once('data', () => socket.resetAndDestroy());
      else {
        const secured = new tls.TLSSocket(socket, {
          isServer: true,
          cert: certificate.certificate,
          key: certificate.key,
        });
        secured.once('data', (chunk) => secured.end(`all: ${chunk}`));
        secured.on('error', () => {});
      }
    });
  });
  const endpoint = endpointAt({ port, isSecure: true, tls: TRUSTED });
  const socket = (await dial(endpoint, START_TLS).settled)!;
  socket.write('inside');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  expect(String(chunk)).toBe('all: inside');
  isReset = true;
  await dial(endpoint, START_TLS).settled;
  expect(told).toEqual(['connected', expect.stringMatching(/^upstream_tls_failed .*ECONNRESET/)]);
});

test('options that OpenSSL does not take are a failure of TLS, before anything is connected', async () => {
  const port = await secure();
  await dial(endpointAt({ port, isSecure: true, tls: { ...TRUSTED, ciphers: 'NO-SUCH' } }), PLAIN).settled;
  expect(told).toEqual([expect.stringMatching(/^upstream_tls_failed TLS cannot be used: /)]);
});

test('TLS comes after the header, on the same connection', async () => {
  const port = await secure();
  const { serve, bytes } = firstOf(7);
  const relay = await plain((socket) => {
    serve(socket);
    socket.once('data', (chunk) => {
      const behind = net.connect(port, '127.0.0.1');
      sockets.push(behind);
      behind.write(chunk.subarray(7));
      socket.pipe(behind).pipe(socket);
    });
  });
  const socket = await dial(endpointAt({ port: relay, isSecure: true, tls: TRUSTED }), HEADER).settled;
  expect(String((await bytes).subarray(0, 7))).toBe('header;');
  expect([told, (socket as tls.TLSSocket).authorized]).toEqual([['connected'], true]);
});
