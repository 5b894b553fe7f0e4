// What an accepted connection becomes, over real sockets: each way settles once, and is counted once.

import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  entryPointSpecs,
  fixedSpec,
  listen,
  makeEngine,
  routeSpec,
  rowsOf,
  snapshotOf,
  tcpRouteSpec,
  tlsOptionsSpec,
} from '../../../test/support/data-plane.ts';
import { TCP_TRANSPORT } from '../../../test/support/tcp-context.ts';
import { certificateFor, tlsGet } from '../../../test/support/tls-client.ts';
import { WRITTEN_FACTS } from '../../model/endpoint-set.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { descriptors } from '../net/descriptors.ts';
import { ACME_TLS } from './challenges.ts';
import type { Engine } from './engine.ts';

let engine: Engine;
let port: number;
let failures: string[];
/** Takes TCP connections; what has come first on each. */
let server: net.Server;
let received: string[];

beforeEach(async () => {
  failures = [];
  received = [];
  server = net.createServer((socket) => {
    socket.once('data', (chunk) => {
      received.push(chunk.toString('latin1'));
      socket.end('from the server');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  engine = makeEngine({
    handshakeFailed: (entryPoint, reason) => void failures.push(`${entryPoint}: handshake ${reason}`),
    proxyHeaderFailed: (entryPoint, reason) => void failures.push(`${entryPoint}: header ${reason}`),
  });
});

afterEach(() => {
  engine.destroy();
  server.close();
});

async function serve(web: string): Promise<void> {
  const entryPoints = entryPointSpecs(`{ web: ${web} }`);
  const { port: serverPort } = server.address() as net.AddressInfo;
  engine.start(
    snapshotOf({
      entryPoints,
      routes: {
        plain: routeSpec('plain', 'PathPrefix(`/`)', 'plain'),
        secure: routeSpec('secure', 'Host(`a.example`)', 'secure', { tls: true }),
        proxied: routeSpec('proxied', 'ClientIP(`10.1.2.3`) && PathPrefix(`/`)', 'proxied'),
      },
      services: Object.fromEntries(['plain', 'secure', 'proxied'].map((name) => [name, fixedSpec(name, name)])),
      tlsOptions: { default: tlsOptionsSpec('default'), strict: tlsOptionsSpec('strict', { sniStrict: true }) },
      tlsHosts: { s: { name: 'web/strict.example', entryPoint: 'web', host: 'strict.example', options: 'strict' } },
      tcpRoutes: {
        pass: tcpRouteSpec('pass', 'HostSNI(`pass.example`)', 'tcp', { tls: { passthrough: true, options: '' } }),
        ended: tcpRouteSpec('ended', 'HostSNI(`ended.example`)', 'tcp', {
          tls: { passthrough: false, options: 'default' },
        }),
      },
      tcpServices: {
        tcp: {
          kind: 'tcpLoadBalancer',
          name: 'tcp',
          endpointSet: 'tcp',
          transport: { ...TCP_TRANSPORT, dialTimeoutMs: 30_000, serverEndDelayMs: 100_000 },
          healthCheck: null,
          passiveHealthCheck: null,
        },
      },
      endpointSets: {
        tcp: {
          protocol: 'tcp',
          name: 'tcp',
          endpoints: [{ url: 's', host: '127.0.0.1', port: serverPort, isSecure: false, ...WRITTEN_FACTS, key: 's' }],
        },
      },
    }),
    {},
    rowsOf(['web']),
  );
  port = await listen(engine, 'web');
}

/** All that comes until the other side ends. */
async function readAll(socket: net.Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

function ask(header = ''): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.write(`${header}GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`);
  return readAll(socket);
}

async function ask2(authority: string, options: http2.SecureClientSessionOptions = {}): Promise<string> {
  const session = http2.connect(authority, { ...options, rejectUnauthorized: false });
  return bodyOf(session);
}

/** Of one request, and closes. */
async function bodyOf(session: http2.ClientHttp2Session): Promise<string> {
  session.on('error', () => {}); // Its requests tell.
  const request = session.request({ ':path': '/', ':authority': 'a.example' });
  let body = '';
  for await (const chunk of request) body += String(chunk);
  session.close();
  return body;
}

async function change(changed: SnapshotDelta['changed'], removed: SnapshotDelta['removed'] = {}): Promise<void> {
  await engine.advance({ baseVersion: engine.version, version: engine.version + 1, digest: '', changed, removed }, {});
}

/** Every connection has been given back. */
async function nothingIsLeft(): Promise<void> {
  await expect.poll(() => engine.entryPoints.streams.get('web')!.openConnections).toBe(0);
}

test('HTTP in plain, in both versions', async () => {
  await serve('{ address: ":0" }');
  expect(await ask()).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nplain$/);
  expect(await ask2(`http://127.0.0.1:${port}`)).toBe('plain');
  await nothingIsLeft();
  expect(failures).toEqual([]);
});

test('HTTP over TLS, in the version that was chosen by ALPN', async () => {
  await serve('{ address: ":0" }');
  expect(await tlsGet(port)).toMatchObject({ status: 200, body: 'secure', protocol: false });
  expect(await tlsGet(port, { ALPNProtocols: ['http/1.1'] })).toMatchObject({ body: 'secure', protocol: 'http/1.1' });
  expect(await ask2(`https://127.0.0.1:${port}`, { servername: 'a.example' })).toBe('secure');
  await nothingIsLeft();
  expect(failures).toEqual([]);
});

test('TCP with its TLS, and without it', async () => {
  await serve('{ address: ":0" }');
  const passed = tls.connect({ port, host: '127.0.0.1', servername: 'pass.example' });
  await readAll(passed);
  // The server speaks no TLS: what it gets is the ClientHello itself.
  expect(received[0]!.charCodeAt(0)).toBe(22);
  const ended = tls.connect({ port, host: '127.0.0.1', servername: 'ended.example', rejectUnauthorized: false });
  ended.write('hello');
  expect(await readAll(ended)).toBe('from the server');
  expect(received[1]).toBe('hello');
  await nothingIsLeft();
  expect(failures).toEqual([]);
});

test('a handshake that is refused, or does not come to its end', async () => {
  await serve('{ address: ":0" }');
  await expect(tlsGet(port, { host: 'strict.example' })).rejects.toThrow(/unrecognized/i);
  await nothingIsLeft();
  const malformed = net.connect(port, '127.0.0.1');
  malformed.write(Buffer.from([22, 3, 1, 0, 4, 9, 9, 9, 9]));
  expect((await readAll(malformed)).charCodeAt(0)).toBe(21);
  await nothingIsLeft();
  await expect(tlsGet(port, { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2', ciphers: 'NULL-SHA256:@SECLEVEL=0' })).rejects.toThrow();
  await nothingIsLeft();
  // A client that says nothing is none.
  net.connect(port, '127.0.0.1').on('error', () => {}).end();
  await nothingIsLeft();
  expect(failures).toEqual(['web: handshake unknown_name', 'web: handshake malformed', 'web: handshake no_shared_cipher']);
}); // prettier-ignore

test('a challenge of a certificate authority is shown its certificate, and no more', async () => {
  await serve('{ address: ":0" }');
  const { certificate, key } = certificateFor(['proof.example']);
  const alpn = [{ serverName: 'proof.example', certPem: certificate, keyPem: key }];
  engine.take({ cell: 'challenges', version: 1, value: { http: {}, alpn } });
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    servername: 'proof.example',
    ALPNProtocols: [ACME_TLS],
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  expect([socket.alpnProtocol, socket.getPeerCertificate().subject.CN]).toEqual([ACME_TLS, 'proof.example']);
  expect(await readAll(socket)).toBe('');
  await nothingIsLeft();
  expect(failures).toEqual([]);
});

test('a proxy speaks for its client, who arrives as anybody does', async () => {
  await serve('{ address: ":0", proxyProtocol: { trustedIPs: ["127.0.0.1"] } }');
  const header = 'PROXY TCP4 10.1.2.3 10.9.9.9 4711 80\r\n';
  expect(await ask(header)).toMatch(/\r\n\r\nproxied$/);
  expect(await ask()).toMatch(/\r\n\r\nplain$/);
  const socket = net.connect(port, '127.0.0.1');
  socket.write(header);
  await new Promise((resolve) => setImmediate(resolve));
  const secure = tls.connect({ socket, servername: 'a.example', rejectUnauthorized: false });
  secure.write('GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n');
  expect(await readAll(secure)).toMatch(/\r\n\r\nsecure$/);
  await nothingIsLeft();
  expect(failures).toEqual([]);
});

test('who must speak for its client, and does not, is refused', async () => {
  await serve('{ address: ":0", proxyProtocol: { trustedIPs: ["127.0.0.1"], required: true } }');
  expect(await ask()).toBe('');
  await nothingIsLeft();
  expect(await ask('PROXY TCP4 nonsense\r\n')).toBe('');
  await nothingIsLeft();
  net
    .connect(port, '127.0.0.1')
    .on('error', () => {})
    .end('PROXY TC');
  await expect.poll(() => failures.length).toBe(3);
  await nothingIsLeft();
  expect(failures).toEqual(['web: header missing', 'web: header malformed', 'web: header cut_off']);
});

test('where TCP is all that is served, the server may speak first, and clients whom no router takes are HTTP', async () => {
  await serve('{ address: ":0" }');
  const tcpRoutes = { first: tcpRouteSpec('first', 'ClientIP(`127.0.0.1`)', 'tcp') };
  await change({ tcpRoutes }, { routes: ['plain', 'secure', 'proxied'], tcpRoutes: ['pass', 'ended'] });
  server.removeAllListeners('connection').on('connection', (socket) => socket.end('welcome'));
  const client = net.connect(port, '127.0.0.1');
  expect(await readAll(client)).toBe('welcome');
  await change({ tcpRoutes: { first: tcpRouteSpec('first', 'ClientIP(`10.0.0.1`)', 'tcp') } });
  expect(await ask()).toMatch(/^HTTP\/1\.1 404 /);
  await nothingIsLeft();
});

test('as many connections as may be, each counted until it is gone; those of a proxy by their clients', async () => {
  await serve(
    '{ address: ":0", proxyProtocol: { trustedIPs: ["127.0.0.1"] }, transport: { limits: { maxConnectionsPerIP: 1 } } }',
  );
  const from = (ip: string): string => `PROXY TCP4 ${ip} 10.9.9.9 1 80\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n`;
  const first = net.connect(port, '127.0.0.1');
  first.write(from('10.0.0.1'));
  await once(first, 'data');
  const { clients } = descriptors.open;
  const second = net.connect(port, '127.0.0.1');
  second.write(from('10.0.0.1'));
  expect(await readAll(second)).toBe('');
  const other = net.connect(port, '127.0.0.1');
  other.write(from('10.0.0.2'));
  await once(other, 'data');
  expect(descriptors.open.clients).toBe(clients + 1);
  first.destroy();
  other.destroy();
  await nothingIsLeft();
  expect(descriptors.open.clients).toBe(clients - 1);
  const third = net.connect(port, '127.0.0.1');
  third.write(from('10.0.0.1'));
  await once(third, 'data');
  third.destroy();
  await nothingIsLeft();
});

test('beyond the limit of the entry point a connection is reset before it has said anything', async () => {
  await serve('{ address: ":0", transport: { limits: { maxConnections: 1 } } }');
  const first = net.connect(port, '127.0.0.1');
  await expect.poll(() => engine.entryPoints.streams.get('web')!.openConnections).toBe(1);
  const { clients } = descriptors.open;
  const second = net.connect(port, '127.0.0.1');
  const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
  expect([error.code, descriptors.open.clients]).toEqual(['ECONNRESET', clients]);
  first.destroy();
  await nothingIsLeft();
});

test('where descriptors run out, the connection that has rested longest goes, and where none rests, the new one', async () => {
  await serve('{ address: ":0" }');
  const keep = async (text: string): Promise<net.Socket> => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    socket.write(text);
    return socket;
  };
  const open = (): number => engine.entryPoints.streams.get('web')!.openConnections;
  const busy = await keep('GET / HTTP/1.1\r\n');
  await expect.poll(open).toBe(1);
  const resting = await keep('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await once(resting, 'data');
  descriptors.setLimit(descriptors.open.clients + 8);
  try {
    const left = once(resting.resume(), 'close');
    const successor = await keep('GET / HTTP/1.1\r\n');
    await left;
    await expect.poll(open).toBe(2);
    const { refusals } = descriptors;
    const refused = net.connect(port, '127.0.0.1');
    await once(refused.resume(), 'error');
    expect([descriptors.refusals, open()]).toEqual([refusals + 1, 2]);
    successor.destroy();
    busy.destroy();
  } finally {
    descriptors.setLimit(0);
  }
  await nothingIsLeft();
});

test('a balancer’s handshake finds an entry point alive whose routers are still to come', async () => {
  await serve('{ address: ":0" }');
  await change({}, { routes: ['plain', 'secure', 'proxied'], tcpRoutes: ['pass', 'ended'] });
  expect(await tlsGet(port)).toMatchObject({ status: 404, subject: 'fallback' });
  expect(await ask()).toMatch(/^HTTP\/1\.1 404 /);
  await nothingIsLeft();
});

test('a plain entry point reads HTTP at once, unless an authority is expected there', async () => {
  await serve('{ address: ":0" }');
  await change({}, { routes: ['secure'], tcpRoutes: ['pass', 'ended'] });
  await expect(tlsGet(port)).rejects.toThrow();
  expect(await ask()).toMatch(/\r\n\r\nplain$/);
  const { certificate, key } = certificateFor(['proof.example']);
  const alpn = [{ serverName: 'proof.example', certPem: certificate, keyPem: key }];
  engine.take({ cell: 'challenges', version: 1, value: { http: {}, alpn } });
  expect(await tlsGet(port)).toMatchObject({ status: 404 });
  await nothingIsLeft();
});

test('options that change are for requests from then on, over connections that are open', async () => {
  await serve('{ address: ":0" }');
  const socket = net.connect(port, '127.0.0.1');
  const answers: string[] = [];
  socket.on('data', (chunk: Buffer) => answers.push(chunk.toString('latin1').slice(0, 12)));
  const request = `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(2_000)}\r\n\r\n`;
  socket.write(request);
  await once(socket, 'data');
  await change({ entryPoints: entryPointSpecs('{ web: { address: ":0", http: { maxHeaderBytes: 1024 } } }') });
  socket.write(request);
  await once(socket, 'data');
  expect(answers).toEqual(['HTTP/1.1 200', 'HTTP/1.1 431']);
  socket.destroy();
  await nothingIsLeft();
});

test('one that is left goes on accepting, and each answer is the last of its connection', async () => {
  await serve('{ address: ":0" }');
  const waiting = net.connect(port, '127.0.0.1');
  await expect.poll(() => engine.entryPoints.streams.get('web')!.openConnections).toBe(1);
  engine.entryPoints.leave(100_000);
  engine.entryPoints.leave(0);
  for (const socket of [waiting, net.connect(port, '127.0.0.1')]) {
    socket.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/i);
  }
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const goaway = once(session, 'goaway');
  expect(await bodyOf(session)).toBe('plain');
  await goaway;
  await nothingIsLeft();
});

test('what is broken off is counted', async () => {
  await serve('{ address: ":0" }');
  const sockets = [1, 2, 3].map(() => net.connect(port, '127.0.0.1').on('error', () => {}));
  await expect.poll(() => engine.entryPoints.streams.get('web')!.openConnections).toBe(3);
  const ended = sockets.map((socket) => readAll(socket));
  expect(engine.destroy()).toBe(3);
  await Promise.all(ended);
  await nothingIsLeft();
});

test('one that drains ends what has not asked, and waits for the rest', async () => {
  await serve('{ address: ":0" }');
  const silent = net.connect(port, '127.0.0.1');
  await once(silent, 'connect');
  const asking = net.connect(port, '127.0.0.1');
  asking.write('GET / HTTP/1.1\r\n');
  const gone = once(silent.resume(), 'close');
  await expect.poll(() => engine.entryPoints.streams.get('web')!.openConnections).toBe(2);
  const drained = engine.drain(0, false);
  await gone;
  asking.destroy();
  await drained;
  expect(engine.destroy()).toBe(0);
});
