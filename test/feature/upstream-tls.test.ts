import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { certificateFor } from '../support/tls-client.ts';

const server = certificateFor(['origin.test', 'other.test']);
const client = certificateFor(['the router']);
const laterClient = certificateFor(['the router, later']);

let origin: https.Server;
/** Speaks TLS 1.0 and nothing else. */
let ancient: https.Server;
/** Answers a ClientHello as servers did before RFC 5746, and says no more. */
let careless: net.Server;
let router: RouterProcess;
let port = 0;

/** What an origin has seen of the router. */
interface Seen {
  readonly name: string | false;
  readonly client: string;
  readonly isResumed: boolean;
}

beforeAll(async () => {
  origin = https.createServer(
    { cert: server.certificate, key: server.key, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const socket = request.socket as TLSSocket; // Of an https server.
      const seen: Seen = {
        name: (socket as TLSSocket & { servername: string | false }).servername,
        client: String(socket.getPeerCertificate()?.subject?.CN ?? ''),
        isResumed: socket.isSessionReused(),
      };
      if (request.url === '/sick') response.statusCode = 500;
      if (request.url === '/once') response.setHeader('Connection', 'close');
      response.end(JSON.stringify(seen));
    },
  );
  await new Promise<void>((resolve) => {
    origin.listen(0, '127.0.0.1', resolve);
  });
  port = (origin.address() as AddressInfo).port; // A TCP server.
  ancient = https.createServer(
    { cert: server.certificate, key: server.key, minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' },
    (_, response) => response.end(JSON.stringify({ name: 'ancient', client: '', isResumed: false })),
  );
  ancient.listen(0, '127.0.0.1');
  await once(ancient, 'listening');
  careless = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(carelessHello()));
  });
  careless.listen(0, '127.0.0.1');
  await once(careless, 'listening');
  const portOf = (one: net.Server): number => (one.address() as AddressInfo).port; // A TCP server.
  const url = `https://127.0.0.1:${port}`;
  const routers = ['named', 'trusting', 'strange', 'elsewhere', 'mutual', 'pinned', 'unpinned', 'old', 'plain'];
  const service = (name: string): string =>
    `    ${name}: { loadBalancer: { serversTransport: ${name}, servers: [{ url: "${url}" }] } }`;
  router = await startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
providers: { file: { filename: DIR/routing.yml } }
api: {}
`,
    files: {
      'server.pem': server.certificate,
      'client.pem': client.certificate,
      'client.key': client.key,
      'routing.yml': `
http:
  routers:
${routers.map((name) => `    ${name}: { rule: "PathPrefix(\`/${name}\`)", service: ${name}, middlewares: [strip] }`).join('\n')}
    checked: { rule: "PathPrefix(\`/checked\`)", service: checked, middlewares: [strip] }
    refused: { rule: "PathPrefix(\`/refused\`)", service: refused, middlewares: [strip] }
    ancient: { rule: "PathPrefix(\`/ancient\`)", service: ancient }
    modern: { rule: "PathPrefix(\`/modern\`)", service: modern }
    careless: { rule: "PathPrefix(\`/careless\`)", service: careless }
  middlewares:
    strip: { stripPrefix: { prefixes: [${[...routers, 'checked', 'refused'].map((name) => `/${name}`).join(', ')}] } }
  services:
${routers
  .filter((name) => name !== 'plain')
  .map(service)
  .join('\n')}
    plain: { loadBalancer: { servers: [{ url: "${url}" }] } }
    ancient: { loadBalancer: { serversTransport: ancient, servers: [{ url: "https://127.0.0.1:${portOf(ancient)}" }] } }
    modern: { loadBalancer: { serversTransport: named, servers: [{ url: "https://127.0.0.1:${portOf(ancient)}" }] } }
    careless: { loadBalancer: { serversTransport: named, servers: [{ url: "https://127.0.0.1:${portOf(careless)}" }] } }
    checked: { loadBalancer: { serversTransport: named, servers: [{ url: "${url}" }], healthCheck: { path: /sick, interval: 200ms } } }
    refused: { loadBalancer: { serversTransport: strange, servers: [{ url: "${url}" }], healthCheck: { path: /, interval: 200ms } } }
  serversTransports:
    named: { serverName: origin.test, rootCAs: [DIR/server.pem] }
    trusting: { insecureSkipVerify: true }
    ancient: { serverName: origin.test, rootCAs: [DIR/server.pem], minVersion: VersionTLS10 }
    strange: { serverName: origin.test }
    elsewhere: { serverName: nowhere.test, rootCAs: [DIR/server.pem] }
    mutual: { insecureSkipVerify: true, certificates: [{ certFile: DIR/client.pem, keyFile: DIR/client.key }], maxIdleConnsPerHost: 0 }
    pinned: { serverName: origin.test, rootCAs: [DIR/server.pem], peerCertSANs: [{ value: other.test }] }
    unpinned: { insecureSkipVerify: true, peerCertURI: "spiffe://a/b" }
    old: { serverName: origin.test, rootCAs: [DIR/server.pem], maxVersion: VersionTLS12, cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256] }
`,
    },
  });
});

afterAll(async () => {
  await router?.[Symbol.asyncDispose]();
  origin?.closeAllConnections();
  origin?.close();
  ancient?.closeAllConnections();
  ancient?.close();
  careless?.close();
});

/** ServerHello of TLS 1.2 without extensions, and the certificate. */
function carelessHello(): Buffer {
  const hello = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 7), Buffer.from([0, 0xc0, 0x2b, 0])]);
  const { raw } = new X509Certificate(server.certificate);
  const certificate = Buffer.concat([sized(raw.length + 3), sized(raw.length), raw]);
  return Buffer.concat([record(2, hello), record(11, certificate)]);
}

function sized(length: number): Buffer {
  return Buffer.from([length >>> 16, length >>> 8, length]);
}

/** A handshake message (RFC 5246 §7.4) in a record. */
function record(type: number, body: Buffer): Buffer {
  const message = Buffer.concat([Buffer.from([type]), sized(body.length), body]);
  return Buffer.concat([Buffer.from([22, 3, 3, message.length >>> 8, message.length]), message]);
}

async function ask(path: string): Promise<{ status: number; seen: Seen }> {
  const { status, body } = await RawClient.exchange(router.ports['web']!, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return { status, seen: status === 200 ? (JSON.parse(body) as Seen) : { name: '', client: '', isResumed: false } };
}

test('a server that proves the name it is asked for', async () => {
  expect(await ask('/named/')).toMatchObject({ status: 200, seen: { name: 'origin.test', client: '' } });
  expect((await ask('/old/')).status).toBe(200);
});

test('one that does not: 502', async () => {
  expect((await ask('/strange/')).status).toBe(502);
  expect((await ask('/elsewhere/')).status).toBe(502);
  expect((await ask('/plain/')).status).toBe(502);
});

test('TLS 1.0, where it is asked for and not elsewhere', async () => {
  expect((await ask('/ancient/')).status).toBe(200);
  expect((await ask('/modern/')).status).toBe(502);
  await router.sees(/service=modern@file .*reason=".*TLS: .*(?:protocol|version)/);
});

test('a server without RFC 5746 is spoken to', async () => {
  expect((await ask('/careless/')).status).toBe(502);
  // It breaks off in the middle of the handshake, which has gone on that far.
  await router.sees(/service=careless@file/);
  expect(router.stderr()).not.toContain('renegotiation');
});

test('verification off, and an address is no server name', async () => {
  expect(await ask('/trusting/')).toMatchObject({ status: 200, seen: { name: false } });
});

test('pinned names count, with and without verification', async () => {
  expect((await ask('/pinned/')).status).toBe(200);
  expect((await ask('/unpinned/')).status).toBe(502);
});

test('sessions are resumed', async () => {
  await ask('/named/once');
  await ask('/named/once');
  expect((await ask('/named/once')).seen.isResumed).toBe(true);
});

test('a certificate for the server, followed when its file changes', async () => {
  expect((await ask('/mutual/')).seen.client).toBe('the router');
  const { directory } = router;
  await writeFile(join(directory, 'new.key'), laterClient.key);
  await writeFile(join(directory, 'new.pem'), laterClient.certificate);
  await rename(join(directory, 'new.key'), join(directory, 'client.key'));
  await rename(join(directory, 'new.pem'), join(directory, 'client.pem'));
  await router.sees('certificates renewed');
  expect((await ask('/mutual/')).seen.client).toBe('the router, later');
});

test('health checks go over TLS as requests do', async () => {
  await router.sees((said) => /it answered 500/.test(said) && /its certificate is not trusted/.test(said));
  expect((await ask('/checked/')).status).toBe(503);
  expect((await ask('/refused/')).status).toBe(503);
});

test('neither keys nor certificates are in what the API shows', async () => {
  const shown = await (await fetch(`http://127.0.0.1:${router.ports['traefik']!}/api/rawdata`)).text();
  expect(shown).not.toContain('PRIVATE KEY');
});
