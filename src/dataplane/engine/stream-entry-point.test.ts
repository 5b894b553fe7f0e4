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
import { certificateFor, tlsGet } from '../../../test/support/tls-client.ts';
import { WRITTEN_FACTS } from '../../model/endpoint-set.ts';
import { DEFAULT_UPSTREAM_TLS } from '../../model/service.ts';
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
          transport: {
            dialTimeoutMs: 30_000,
            dialKeepAliveMs: 15_000,
            clientEndDelayMs: -1,
            serverEndDelayMs: 100_000,
            proxyProtocol: 0,
            tls: DEFAULT_UPSTREAM_TLS,
          },
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
  session.on('error', () => {}); // Its requests tell.
  const request = session.request({ ':path': '/', ':authority': 'a.example' });
  let body = '';
  for await (const chunk of request) body += String(chunk);
  session.close();
  return body;
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

test('options that change are for requests from then on, over connections that are open', async () => {
  await serve('{ address: ":0" }');
  const socket = net.connect(port, '127.0.0.1');
  const answers: string[] = [];
  socket.on('data', (chunk: Buffer) => answers.push(chunk.toString('latin1').slice(0, 12)));
  const request = `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(2_000)}\r\n\r\n`;
  socket.write(request);
  await once(socket, 'data');
  const entryPoints = entryPointSpecs('{ web: { address: ":0", http: { maxHeaderBytes: 1024 } } }');
  await engine.advance({ baseVersion: 1, version: 2, digest: '', changed: { entryPoints }, removed: {} }, {});
  socket.write(request);
  await once(socket, 'data');
  expect(answers).toEqual(['HTTP/1.1 200', 'HTTP/1.1 431']);
  socket.destroy();
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
