// The whole router gets its certificates from Pebble: routers ask, workers answer the authority, and clients see the
// certificate, also after a restart without the authority.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { missingPrograms } from '../support/engine.ts';
import { NamedOrigin } from '../support/named-origin.ts';
import { Pebble } from '../support/pebble.ts';
import { holdPorts } from '../support/ports.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const missing = missingPrograms('pebble', 'pebble-challtestsrv', 'openssl');

/** Names in the certificate that a client is shown, or the code of the error. */
function certificateFor(port: number, serverName: string, protocols: readonly string[] = []): Promise<string> {
  return new Promise((resolve) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      servername: serverName,
      rejectUnauthorized: false,
      ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    });
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.subjectAltName ?? '');
      socket.destroy();
    });
    socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
  });
}

async function get(router: RouterProcess, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${router.ports['traefik']}${path}`)).text();
}

/** Whole answer to a plain request. */
function ask(port: number, path: string, host = 'a.example.com', method = 'GET'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  });
}

describe.skipIf(missing !== null)(`the router with Pebble${missing === null ? '' : ` (${missing})`}`, () => {
  let storage: string;
  let disposables: AsyncDisposable[];
  let origin: NamedOrigin;

  beforeEach(async () => {
    storage = await mkdtemp(join(tmpdir(), 'signalbox-acme-'));
    disposables = [];
    origin = await NamedOrigin.start('origin');
    disposables.push(origin);
  });

  afterEach(async () => {
    for (const one of disposables.toReversed()) await one[Symbol.asyncDispose]();
    await rm(storage, { recursive: true });
  });

  async function start(
    pebble: Pebble,
    ports: readonly [http: number, https: number],
    challenge: string,
    routers: string,
    more: { readonly web?: string; readonly acme?: string; readonly tls?: string; readonly workers?: number } = {},
  ): Promise<RouterProcess> {
    const router = await startRouter({
      workers: more.workers ?? 2,
      install: `
entryPoints:
  web:
    address: "127.0.0.1:${ports[0]}"
${more.web ?? ''}
  websecure:
    address: "127.0.0.1:${ports[1]}"
  traefik: { address: "127.0.0.1:0" }
api: {}
metrics: { prometheus: {} }
providers: { providersThrottleDuration: 0ms, file: { filename: DIR/routing.yml } }
certificatesResolvers:
  test:
    acme:
      caServer: ${pebble.directoryUrl}
      caCertificates: [ ${pebble.rootFile} ]
      storage: ${storage}/acme.json
      keyType: EC256
${challenge}
${more.acme ?? ''}
`,
      files: {
        'routing.yml': `
http:
  routers:
${routers}
  services:
    origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } }
${more.tls === undefined ? '' : `tls: { stores: { default: { defaultGeneratedCert: ${more.tls} } } }`}
`,
      },
    });
    disposables.push(router);
    return router;
  }

  test('a certificate over http-01, answered by every worker, in use and stored', async () => {
    const [http, https] = holdPorts(2) as [number, number];
    const pebble = await Pebble.start({ httpPort: http });
    disposables.push(pebble);
    const router = await start(
      pebble,
      [http, https],
      '      httpChallenge: { entryPoint: web }',
      `
    all: { rule: "PathPrefix(\`/\`)", entryPoints: [web], service: origin }
    a: { rule: "Host(\`a.example.com\`) || Host(\`www.example.com\`)", entryPoints: [websecure], service: origin, tls: { certResolver: test } }
    b: { rule: "HostRegexp(\`.*\`)", entryPoints: [websecure], service: origin, tls: { certResolver: test, domains: [{ main: b.example.com, sans: [c.example.com] }] } }`,
      {
        web: '    http: { redirections: { entryPoint: { to: websecure, priority: 1000 } } }',
      },
    );
    await router.sees((said) => (said.match(/a certificate was issued/g) ?? []).length === 2);
    await router.sees((said) => (said.match(/configuration changed/g) ?? []).length >= 2);
    expect((await certificateFor(https, 'a.example.com')).split(', ').toSorted()).toEqual([
      'DNS:a.example.com',
      'DNS:www.example.com',
    ]);
    expect(await certificateFor(https, 'c.example.com')).toContain('DNS:c.example.com');
    // The authority was answered before the redirection; unknown tokens are nobody else's.
    expect(await ask(http, '/.well-known/acme-challenge/unknown')).toMatch(/^HTTP\/1.1 404 /);
    expect(await ask(http, '/other')).toMatch(/^HTTP\/1.1 30[18] /);
    const status = await get(router, '/api/acme/certificates');
    expect(JSON.parse(status)).toMatchObject([
      { resolver: 'test', state: 'valid', lastError: null, failures: 0 },
      { resolver: 'test', state: 'valid', domains: ['b.example.com', 'c.example.com'] },
    ]);
    const metrics = await get(router, '/metrics');
    expect(metrics).toContain('signalbox_acme_certificates{resolver="test",state="valid"} 2');
    expect(metrics).toContain('signalbox_acme_orders_total{resolver="test",outcome="issued"} 2');
    expect(router.stderr() + status + metrics).not.toContain('PRIVATE KEY');

    // Without the authority the next process serves what there is.
    router.signal('SIGTERM');
    await router.exited;
    await pebble.end();
    await start(
      pebble,
      [http, https],
      '      httpChallenge: { entryPoint: web }',
      `
    a: { rule: "Host(\`a.example.com\`)", entryPoints: [websecure], service: origin, tls: { certResolver: test } }`,
      { workers: 1 },
    );
    expect(await certificateFor(https, 'a.example.com')).toContain('DNS:a.example.com');
  });

  test('a certificate over tls-alpn-01 on the port that serves it, for routers that are added later', async () => {
    const [http, https] = holdPorts(2) as [number, number];
    const pebble = await Pebble.start({ tlsPort: https });
    disposables.push(pebble);
    const router = await start(
      pebble,
      [http, https],
      '      tlsChallenge: {}',
      `
    a: { rule: "Host(\`alpn.example.com\`)", entryPoints: [websecure], service: origin, tls: { certResolver: test } }`,
    );
    await router.sees(/a certificate was issued/);
    await router.sees(/configuration changed/);
    expect(await certificateFor(https, 'alpn.example.com')).toBe('DNS:alpn.example.com');
    // Nothing is waited for: whoever asks for the challenge protocol gets no handshake.
    expect(await certificateFor(https, 'alpn.example.com', ['acme-tls/1'])).toMatch(/^E/);
  });

  test('the default certificate of a resolver, for clients that name nobody', async () => {
    const [http, https] = holdPorts(2) as [number, number];
    const pebble = await Pebble.start({ httpPort: http });
    disposables.push(pebble);
    const router = await start(
      pebble,
      [http, https],
      '      httpChallenge: { entryPoint: web }',
      `
    all: { rule: "PathPrefix(\`/\`)", entryPoints: [websecure], service: origin, tls: {} }`,
      { tls: '{ resolver: test, domain: { main: Default.example.com, sans: [also.example.com] } }' },
    );
    await router.sees(/a certificate was issued/);
    await router.sees(/configuration changed/);
    for (const name of ['', 'unknown.example.org', 'also.example.com']) {
      expect((await certificateFor(https, name)).split(', ').toSorted()).toEqual([
        'DNS:also.example.com',
        'DNS:default.example.com',
      ]);
    }
    expect(JSON.parse(await get(router, '/api/certificates'))).toMatchObject([{ isDefault: true }]);
  });

  test('an authority that is down costs requests nothing, and is tried again', async () => {
    const [http, https] = holdPorts(2) as [number, number];
    const pebble = await Pebble.start({ httpPort: http });
    disposables.push(pebble);
    await pebble.end();
    const router = await start(
      pebble,
      [http, https],
      '      httpChallenge: { entryPoint: web }',
      `
    a: { rule: "Host(\`a.example.com\`)", entryPoints: [web], service: origin }
    s: { rule: "Host(\`a.example.com\`)", entryPoints: [websecure], service: origin, tls: { certResolver: test } }`,
    );
    await router.sees(/a certificate could not be had/);
    expect(await ask(http, '/')).toMatch(/^HTTP\/1.1 200 /);
    // The certificate of last resort.
    expect(await certificateFor(https, 'a.example.com')).not.toContain('a.example.com');
    const status = await get(router, '/api/acme/certificates');
    const [first] = JSON.parse(status) as { nextTry: string; lastError: string }[]; // Ours.
    expect(first).toMatchObject({ state: 'failed', domains: ['a.example.com'], notAfter: null });
    expect(Date.parse(first!.nextTry)).toBeGreaterThan(Date.now());
    expect(first!.lastError).toMatch(/cannot be reached: .*ECONNREFUSED/);
  });

  test('allowACMEByPass leaves tokens that nobody waits for to routers', async () => {
    const [http, https] = holdPorts(2) as [number, number];
    const pebble = await Pebble.start({ httpPort: http });
    disposables.push(pebble);
    const router = await start(
      pebble,
      [http, https],
      '      httpChallenge: { entryPoint: web }',
      `
    all: { rule: "PathPrefix(\`/\`)", entryPoints: [web], service: origin }
    a: { rule: "Host(\`a.example.com\`)", entryPoints: [websecure], service: origin, tls: { certResolver: test } }`,
      { web: '    allowACMEByPass: true' },
    );
    await router.sees(/a certificate was issued/);
    expect(await ask(http, '/.well-known/acme-challenge/somebody-elses')).toMatch(/^HTTP\/1.1 200 /);
  });
});
