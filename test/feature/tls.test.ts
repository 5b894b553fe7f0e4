import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import http2 from 'node:http2';
import tls from 'node:tls';
import { expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { scrape } from '../support/laboratory.ts';
import { NamedOrigin } from '../support/named-origin.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';
import { certificateFor, tlsGet } from '../support/tls-client.ts';

const exact = certificateFor(['a.example']);
const wild = certificateFor(['*.example']);
const expired = certificateFor(['old.example'], 0);
const fallback = certificateFor(['fallback.test']);
const client = certificateFor(['a client']);

const origin = await forFile(NamedOrigin.start('origin'));
const router = await forFile(
  startRouter({
    workers: 2,
    install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
providers: { file: { filename: DIR/routing.yml } }
accessLog: { format: json, fields: { headers: { defaultMode: drop } } }
metrics: { prometheus: { addRoutersLabels: true } }
api: {}
`,
    files: {
      'exact.pem': exact.certificate,
      'exact.key': exact.key,
      'wild.pem': wild.certificate,
      'wild.key': wild.key,
      'expired.pem': expired.certificate,
      'expired.key': expired.key,
      'fallback.pem': fallback.certificate,
      'fallback.key': fallback.key,
      'client.pem': client.certificate,
      'routing.yml': `
http:
  routers:
    secure: { rule: "HostRegexp(\`.\`)", priority: 1, service: origin, tls: {} }
    strict: { rule: "Host(\`strict.example\`)", service: origin, tls: { options: modern } }
    mutual: { rule: "Host(\`mutual.example\`)", service: origin, tls: { options: mutual } }
    asked: { rule: "Host(\`asked.example\`)", service: origin, tls: { options: asked } }
    broken: { rule: "Host(\`broken.example\`)", service: origin, tls: { options: nothing } }
    plain: { rule: "Host(\`a.example\`) && Path(\`/plain\`)", service: origin }
  services:
    origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } }
tls:
  certificates:
    - { certFile: DIR/exact.pem, keyFile: DIR/exact.key }
    - { certFile: DIR/wild.pem, keyFile: DIR/wild.key }
    - { certFile: DIR/expired.pem, keyFile: DIR/expired.key }
  options:
    modern: { minVersion: VersionTLS13, disableSessionTickets: true }
    mutual: { clientAuth: { caFiles: [DIR/client.pem] } }
    asked: { clientAuth: { caFiles: [DIR/client.pem], clientAuthType: VerifyClientCertIfGiven } }
  stores:
    default: { defaultCertificate: { certFile: DIR/fallback.pem, keyFile: DIR/fallback.key } }
`,
    },
  }),
);

const port = (): number => router.ports['web']!;

test('a request over TLS, to the certificate of its name', async () => {
  const answer = await tlsGet(port(), { host: 'a.example', ALPNProtocols: ['http/1.1'] });
  expect(answer).toMatchObject({ status: 200, subject: 'a.example', version: 'TLSv1.3', protocol: 'http/1.1' });
});

test('a wildcard for one label, the default certificate for the rest', async () => {
  expect((await tlsGet(port(), { host: 'b.example' })).subject).toBe('*.example');
  expect((await tlsGet(port(), { host: 'c.b.example' })).subject).toBe('fallback.test');
  expect((await tlsGet(port(), { host: 'x', servername: '' })).subject).toBe('fallback.test');
});

test('a valid wildcard before an expired certificate of the very name', async () => {
  expect((await tlsGet(port(), { host: 'old.example' })).subject).toBe('*.example');
});

test('plain requests and TLS share the port, each with routers of its own', async () => {
  const plain = await RawClient.exchange(port(), 'GET /plain HTTP/1.1\r\nHost: a.example\r\n\r\n');
  expect(plain.status).toBe(200);
  expect((await RawClient.exchange(port(), 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')).status).toBe(404);
});

test('a session of one worker is resumed in another', async () => {
  // TLS 1.2 tickets come with the handshake; each connection goes to whichever worker accepts it.
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await tlsGet(port(), { host: 'a.example', maxVersion });
    expect(first.session).not.toBe(null);
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => tlsGet(port(), { host: 'a.example', maxVersion, session: first.session! })),
    );
    expect(answers.map(({ status, isResumed }) => [status, isResumed])).toEqual(
      Array.from({ length: 16 }, () => [200, true]),
    );
  }
});

test('HTTP/2 by ALPN, with the options of its host alone', async () => {
  const session = http2.connect(`https://127.0.0.1:${port()}`, { servername: 'a.example', rejectUnauthorized: false });
  const ask = (host: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': '/', ':authority': host });
      stream.on('response', (headers) => resolve(Number(headers[':status'])));
      stream.on('error', reject);
      stream.resume();
    });
  expect(await Promise.all([ask('a.example'), ask('b.example'), ask('mutual.example')])).toEqual([200, 200, 421]);
  expect(session.alpnProtocol).toBe('h2');
  session.close();
});

test('options by host: version, tickets', async () => {
  await expect(tlsGet(port(), { host: 'strict.example', maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/);
  // OpenSSL sends tickets even so; nothing is behind them.
  const { session } = await tlsGet(port(), { host: 'strict.example' });
  const again = await tlsGet(port(), { host: 'strict.example', session: session! });
  expect([again.status, again.isResumed]).toEqual([200, false]);
});

test('options that do not exist: the handshake fails', async () => {
  await expect(tlsGet(port(), { host: 'broken.example' })).rejects.toThrow(/unrecognized name/);
});

test('a request for a host with other options than those of its handshake: 421', async () => {
  const socket = tls.connect({ host: '127.0.0.1', port: port(), servername: 'a.example', rejectUnauthorized: false });
  const chunks: string[] = [];
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      chunks.push(chunk.toString());
      if (chunks.join('').includes('Misdirected Request')) resolve();
    });
    socket.write('GET / HTTP/1.1\r\nHost: mutual.example\r\n\r\n');
  });
  expect(chunks.join('')).toMatch(/^HTTP\/1\.1 421 /);
  socket.destroy();
});

test('clients without the right certificate do not get through', async () => {
  const host = 'mutual.example';
  const known = { cert: client.certificate, key: client.key };
  const stranger = certificateFor(['a stranger']);
  const strange = { cert: stranger.certificate, key: stranger.key };
  expect((await tlsGet(port(), { host, ...known })).status).toBe(200);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    await expect(tlsGet(port(), { host, maxVersion })).rejects.toThrow();
    await expect(tlsGet(port(), { host, maxVersion, ...strange })).rejects.toThrow();
  }
  const asked = 'asked.example';
  expect((await tlsGet(port(), { host: asked })).status).toBe(200);
  expect((await tlsGet(port(), { host: asked, ...known })).status).toBe(200);
  await expect(tlsGet(port(), { host: asked, ...strange })).rejects.toThrow();
});

test('a session made where no certificate was asked for is of no use where one is', async () => {
  const { session } = await tlsGet(port(), { host: 'a.example' });
  await expect(tlsGet(port(), { host: 'mutual.example', session: session! })).rejects.toThrow();
});

test('what was settled is in the access log', async () => {
  await tlsGet(port(), { host: 'mutual.example', path: '/logged', cert: client.certificate, key: client.key });
  await router.prints((text) => text.includes('/logged'));
  const line = JSON.parse(
    router
      .stdout()
      .split('\n')
      .find((text) => text.includes('/logged'))!,
  ) as Record<string, unknown>;
  expect(line).toMatchObject({
    RequestScheme: 'https',
    TLSVersion: '1.3',
    TLSCipher: 'TLS_AES_128_GCM_SHA256',
    TLSClientSubject: 'CN=a client',
  });
  expect(await scrape(router)).toMatch(
    /signalbox_router_requests_tls_total\{[^}]*router="mutual@file"[^}]*tls_cipher="TLS_AES_128_GCM_SHA256"[^}]*tls_version="1.3"[^}]*\} [1-9]|tls_version="1.3",tls_cipher="TLS_AES_128_GCM_SHA256",router="mutual@file"/,
  );
});

test('certificates are in the API and the metrics, without their keys', async () => {
  const api = `http://127.0.0.1:${router.ports['traefik']!}/api`;
  const all = (await (await fetch(`${api}/certificates`)).json()) as Record<string, unknown>[]; // A list, by its description.
  const of = (host: string): Record<string, unknown> => all.find((one) => (one['sans'] as string[]).includes(host))!; // By its description, too.
  expect(of('a.example')).toMatchObject({
    commonName: 'a.example',
    keyType: 'ec',
    isDefault: false,
    status: 'enabled',
  });
  expect(of('old.example')).toMatchObject({ status: 'disabled', error: [expect.stringContaining('it expired on ')] });
  expect(of('fallback.test')).toMatchObject({ isDefault: true });
  expect(JSON.stringify(all)).not.toContain('PRIVATE');
  expect(await (await fetch(`${api}/certificates/${String(of('a.example')['name'])}`)).json()).toEqual(of('a.example'));
  expect(await scrape(router)).toMatch(
    /^signalbox_tls_certs_not_after\{cn="\*\.example",serial="\w+",sans="\*\.example"\} \d+$/m,
  );
});

test('explain tells the two kinds of routers apart', async () => {
  const explain = async (url: string): Promise<Record<string, unknown>> => {
    const query = new URLSearchParams({ url, entryPoint: 'web' }).toString();
    const answer = await fetch(`http://127.0.0.1:${router.ports['traefik']!}/api/explain?${query}`);
    return (await answer.json()) as Record<string, unknown>; // A map, by its description.
  };
  expect(await explain('https://mutual.example/')).toMatchObject({ router: 'mutual@file' });
  expect(await explain('http://a.example/plain')).toMatchObject({ router: 'plain@file' });
  expect(await explain('http://mutual.example/')).toMatchObject({
    router: null,
    notes: [
      expect.stringContaining('mutual@file is true, but it takes requests over TLS only'),
      expect.stringContaining('secure@file is true'),
    ],
  });
});

test('bytes that only look like TLS, and hands that never finish', async () => {
  const garbage = await RawClient.connect(port());
  garbage.send('\x16\x03\x01\x00\x05hello');
  await garbage.closed();
  // RFC 8446 §6.2: decode_error, fatal.
  expect(garbage.received).toBe('\x15\x03\x01\x00\x02\x02\x32');
  const half = await RawClient.connect(port());
  half.send('\x16\x03\x01');
  half.socket.end();
  await half.closed();
});

test('a client that leaves in the middle of the handshake is gone at once', async () => {
  const leaving = tls.connect({ host: '127.0.0.1', port: port(), servername: 'a.example', rejectUnauthorized: false });
  leaving.on('error', () => {});
  // TLS 1.3: to the client the handshake is over before the server has its last message.
  leaving.once('secureConnect', () => leaving.destroy());
  await new Promise((resolve) => leaving.once('close', resolve));
  await expect.poll(() => scrape(router)).toMatch(/^signalbox_open_connections\{entrypoint="web",protocol="TCP"\} 0$/m);
});

test('a certificate that changes on disk is taken up, and half a change is not', async () => {
  const fresh = certificateFor(['a.example']);
  const open = tls.connect({ host: '127.0.0.1', port: port(), servername: 'a.example', rejectUnauthorized: false });
  await new Promise((resolve) => open.once('secureConnect', resolve));
  const before = (await tlsGet(port(), { host: 'a.example' })).serial;
  await writeFile(join(router.directory, 'exact.pem'), fresh.certificate);
  await router.sees(/exact\.pem.*|the key does not belong/);
  await router.sees('what was read before stays in force');
  expect((await tlsGet(port(), { host: 'a.example' })).serial).toBe(before);
  await writeFile(join(router.directory, 'exact.key'), fresh.key);
  await router.sees(/certificates renewed/);
  const after = await tlsGet(port(), { host: 'a.example' });
  expect([after.subject, after.serial === before]).toEqual(['a.example', false]);
  // A connection from before goes on.
  const answered = new Promise<string>((resolve) => open.once('data', (chunk) => resolve(chunk.toString())));
  open.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  expect(await answered).toMatch(/^HTTP\/1\.1 200 /);
  open.destroy();
  await rm(join(router.directory, 'exact.key'));
  await router.sees(/ENOENT; what was read before/);
  expect((await tlsGet(port(), { host: 'a.example' })).serial).toBe(after.serial);
});

test('files that the install file names are followed as well', async () => {
  const first = certificateFor(['a.example']);
  const second = certificateFor(['a.example']);
  await using single = await startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: origin, tls: {} } }
  services: { origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } } }
tls: { certificates: [{ certFile: DIR/one.pem, keyFile: DIR/one.key }] }
`,
    files: { 'one.pem': first.certificate, 'one.key': first.key },
  });
  const before = await tlsGet(single.ports['web']!, { host: 'a.example' });
  expect([before.status, before.subject]).toEqual([200, 'a.example']);
  await writeFile(join(single.directory, 'one.key'), second.key);
  await writeFile(join(single.directory, 'one.pem'), second.certificate);
  await single.sees('certificates renewed');
  const after = await tlsGet(single.ports['web']!, { host: 'a.example' });
  expect([after.status, after.serial === before.serial]).toEqual([200, false]);
});

/** Settles with the protocol, or with what went wrong. */
function handshake(ecdhCurve: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = tls.connect({
      port: router.ports['web']!,
      host: '127.0.0.1',
      servername: 'a.example',
      rejectUnauthorized: false,
      ecdhCurve,
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('secureConnect', () => {
      resolve(socket.getProtocol() ?? '');
      socket.destroy();
    });
  });
}

test.each(['X25519', 'P-256', 'P-384'])('keys are exchanged in %s', async (group) => {
  expect(await handshake(group)).toBe('TLSv1.3');
});

test.each(['ffdhe2048', 'ffdhe8192', 'P-521', 'X448'])('the cost of %s is nobody’s to ask for', async (group) => {
  expect(await handshake(group)).toBe('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE');
});
