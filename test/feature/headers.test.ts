// The headers middleware through the built program: custom fields, security fields, hosts, redirects to TLS, CORS.

import { beforeEach, expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { ask, field, installWithMiddlewares } from '../support/middlewares.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter } from '../support/router.ts';

let answer = '';

const { origin, router, web } = await startLab(
  (originPort) =>
    installWithMiddlewares(originPort, {
      custom: {
        headers: {
          customRequestHeaders: { 'X-Set': 'new', 'X-Gone': '', HOST: 'inner.test:8080' },
          customResponseHeaders: { 'X-Out': 'out', Server: '' },
        },
      },
      forged: { headers: { customRequestHeaders: { 'X-Forwarded-For': '9.9.9.9', 'X-Forwarded-Proto': 'https' } } },
      hidden: { headers: { customRequestHeaders: { 'X-Forwarded-For': '', 'X-Real-Ip': '' } } },
      secure: {
        headers: {
          frameDeny: true,
          contentTypeNosniff: true,
          browserXssFilter: true,
          contentSecurityPolicy: "default-src 'self'",
          contentSecurityPolicyReportOnly: "img-src 'self'",
          publicKey: 'pin',
          referrerPolicy: 'no-referrer',
          permissionsPolicy: 'camera=()',
          featurePolicy: "camera 'none'",
          customResponseHeaders: { 'Referrer-Policy': 'same-origin' },
        },
      },
      values: { headers: { frameDeny: true, customFrameOptionsValue: 'SAMEORIGIN', customBrowserXSSValue: '0' } },
      sts: {
        headers: { stsSeconds: 60, stsIncludeSubdomains: true, stsPreload: true, sslProxyHeaders: { 'X-Tls': 'on' } },
      },
      forced: { headers: { stsSeconds: 60, forceSTSHeader: true } },
      hosts: { headers: { allowedHosts: ['Hosts.test', 'other.test:81'], hostsProxyHeaders: ['X-Asked'] } },
      relaxed: {
        headers: {
          allowedHosts: ['other.test'],
          sslRedirect: true,
          stsSeconds: 1,
          forceSTSHeader: true,
          isDevelopment: true,
        },
      },
      ssl: { headers: { sslRedirect: true } },
      sslhost: { headers: { sslHost: 'www.test', sslForceHost: true, sslTemporaryRedirect: true } },
      cors: {
        headers: {
          accessControlAllowOriginList: ['https://a.test', 'https://b.test'],
          accessControlAllowOriginListRegex: ['^https://[a-z]+\\.c\\.test$'],
          accessControlAllowMethods: ['GET', 'PUT'],
          accessControlAllowHeaders: ['X-One', 'X-Two'],
          accessControlExposeHeaders: ['X-Three'],
          accessControlAllowCredentials: true,
          accessControlMaxAge: 100,
          addVaryHeader: true,
          allowedHosts: ['cors.test'],
        },
      },
      any: { headers: { accessControlAllowOriginList: ['*', 'https://a.test'] } },
      quiet: { headers: { customResponseHeaders: { 'X-Out': 'out' } } },
    }),
  (connection, bytes) => {
    if (bytes.includes('\r\n\r\n')) connection.socket.write(answer);
  },
);
const trusted = router.ports['trusted']!;
beforeEach(() => {
  answer = 'HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Length: 2\r\n\r\nok';
});

test('sets, replaces and removes fields both ways, and the host', async () => {
  const response = await ask(web, 'custom', '/', { fields: 'x-set: old\r\nX-Gone: 1\r\nX-Gone: 2\r\n' });
  expect(origin.received).toContain('Host: inner.test:8080\r\nX-Set: new\r\nX-Forwarded-Host');
  expect(origin.received).not.toMatch(/x-gone/i);
  expect([field(response, 'X-Out'), field(response, 'Server')]).toEqual(['out', null]);
});

test('fields about forwarding can be set, and stay one line each', async () => {
  await ask(web, 'forged', '/');
  expect(origin.received.match(/^X-Forwarded-(?:For|Proto): .*$/gm)).toEqual([
    'X-Forwarded-Proto: https',
    'X-Forwarded-For: 9.9.9.9, 127.0.0.1',
  ]);
});

test('an empty X-Forwarded-For keeps the client’s address from the server', async () => {
  for (const port of [web, trusted]) {
    await ask(port, 'hidden', '/', { fields: 'X-Forwarded-For: 6.6.6.6\r\n' });
    const { received } = origin.connections.at(-1)!;
    expect(received.slice(received.lastIndexOf('GET '))).not.toMatch(/x-forwarded-for|x-real-ip|127\.0\.0\.1/i);
  }
});

test('sends the security fields, and custom ones win', async () => {
  const response = await ask(web, 'secure', '/');
  expect(response.head).toContain(
    'X-Frame-Options: DENY\r\nX-Content-Type-Options: nosniff\r\nX-XSS-Protection: 1; mode=block\r\n' +
      "Content-Security-Policy: default-src 'self'\r\nContent-Security-Policy-Report-Only: img-src 'self'\r\n" +
      "Referrer-Policy: same-origin\r\nFeature-Policy: camera 'none'\r\nPermissions-Policy: camera=()\r\n",
  );
  const pins = 'Public-Key-Pins';
  expect(field(response, pins)).toBeNull();
  expect(field(await ask(trusted, 'secure', '/', { fields: 'X-Forwarded-Proto: https\r\n' }), pins)).toBe('pin');
  const values = await ask(web, 'values', '/');
  expect([field(values, 'X-Frame-Options'), field(values, 'X-XSS-Protection')]).toEqual(['SAMEORIGIN', '0']);
});

test('Strict-Transport-Security goes out over TLS only, which a trusted proxy or a marked field tells', async () => {
  const name = 'Strict-Transport-Security';
  expect(field(await ask(web, 'sts', '/'), name)).toBeNull();
  expect(field(await ask(web, 'sts', '/', { fields: 'X-Forwarded-Proto: https\r\n' }), name)).toBeNull();
  const value = 'max-age=60; includeSubDomains; preload';
  expect(field(await ask(trusted, 'sts', '/', { fields: 'X-Forwarded-Proto: https\r\n' }), name)).toBe(value);
  expect(field(await ask(web, 'sts', '/', { fields: 'X-Tls: on\r\n' }), name)).toBe(value);
  expect(field(await ask(web, 'sts', '/', { fields: 'X-Tls: off\r\n' }), name)).toBeNull();
  expect(field(await ask(web, 'forced', '/'), name)).toBe('max-age=60');
});

test('refuses hosts that are not listed', async () => {
  const status = async (fields: string, host = 'hosts.test'): Promise<number> =>
    (await ask(web, 'hosts', '/', { host, fields })).status;
  expect(await status('')).toBe(200);
  expect(await status('', 'HOSTS.test.:99')).toBe(200);
  expect(await status('X-Asked: other.test:81\r\n')).toBe(200);
  expect(await status('X-Asked: other.test\r\n')).toBe(400);
  expect(await status('X-Asked: evil.test\r\n')).toBe(400);
  expect(await status('X-Asked: not a host\r\n')).toBe(400);
  const relaxed = await ask(web, 'relaxed', '/');
  expect([relaxed.status, field(relaxed, 'Strict-Transport-Security')]).toEqual([200, null]);
});

test('the deprecated redirects work', async () => {
  const ssl = await ask(web, 'ssl', '/a?b', { method: 'POST', host: 'ssl.test:80' });
  expect([ssl.status, field(ssl, 'Location')]).toEqual([301, 'https://ssl.test/a?b']);
  expect((await ask(trusted, 'ssl', '/', { fields: 'X-Forwarded-Proto: https\r\n' })).status).toBe(200);
  const forced = await ask(web, 'sslhost', '/x');
  expect([forced.status, field(forced, 'Location')]).toEqual([307, 'https://www.test/x']);
  expect(router.stderr()).toContain('"sslRedirect" is deprecated; the middleware redirectScheme takes its place');
});

const PREFLIGHT = 'Access-Control-Request-Method: PUT\r\n';

test('answers a preflight without asking the service', async () => {
  const response = await ask(web, 'cors', '/', { method: 'OPTIONS', fields: `Origin: https://b.test\r\n${PREFLIGHT}` });
  expect(response.status).toBe(200);
  expect(response.head.replace(/Date: .*\r\n/, '')).toBe(
    'HTTP/1.1 200 OK\r\nAccess-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Headers: X-One,X-Two\r\n' +
      'Access-Control-Allow-Methods: GET,PUT\r\nAccess-Control-Max-Age: 100\r\n' +
      'Access-Control-Allow-Origin: https://b.test\r\nContent-Length: 0\r\n\r\n',
  );
  const refused = await ask(web, 'cors', '/', { method: 'OPTIONS', fields: `Origin: https://x.test\r\n${PREFLIGHT}` });
  expect([refused.status, field(refused, 'Access-Control-Allow-Origin')]).toEqual([200, null]);
  expect(origin.connections).toHaveLength(0);
});

test('other OPTIONS requests reach the service', async () => {
  await ask(web, 'cors', '/', { method: 'OPTIONS', fields: 'Origin: https://a.test\r\n' });
  await ask(web, 'cors', '/', { method: 'OPTIONS', fields: PREFLIGHT });
  await ask(web, 'quiet', '/', { method: 'OPTIONS', fields: `Origin: https://a.test\r\n${PREFLIGHT}` });
  expect(origin.received.match(/^OPTIONS/gm)).toHaveLength(3);
});

test('says on responses which origin may read them', async () => {
  const allowed = async (name: string, fields: string): Promise<string | null> =>
    field(await ask(web, name, '/', { fields }), 'Access-Control-Allow-Origin');
  expect(await allowed('cors', 'Origin: https://a.test\r\n')).toBe('https://a.test');
  expect(await allowed('cors', 'Origin: https://shop.c.test\r\n')).toBe('https://shop.c.test');
  expect(await allowed('cors', 'Origin: https://shop.c.test.evil.test\r\n')).toBeNull();
  expect(await allowed('cors', '')).toBeNull();
  expect(await allowed('any', 'Origin: https://x.test\r\n')).toBe('*');
  expect(await allowed('any', 'Origin: https://a.test\r\n')).toBe('https://a.test');
  expect(await allowed('any', '')).toBe('*');
  const response = await ask(web, 'cors', '/');
  expect(field(response, 'Access-Control-Expose-Headers')).toBe('X-Three');
  expect(field(response, 'Access-Control-Allow-Credentials')).toBe('true');
  expect(field(response, 'Vary')).toBe('Origin');
});

test.each([
  ['Vary: Accept-Encoding\r\n', 'Accept-Encoding, Origin'],
  ['Vary: Accept\r\nVary: X-A\r\n', 'Accept, X-A, Origin'],
  ['Vary: Accept,origin\r\n', 'Accept,origin'],
  ['Vary: *\r\n', '*'],
  ['Vary: X-Origin\r\n', 'X-Origin, Origin'],
])('joins what the service varies by (%j)', async (lines, expected) => {
  answer = `HTTP/1.1 200 OK\r\n${lines}Content-Length: 0\r\n\r\n`;
  const response = await ask(web, 'cors', '/');
  expect(field(response, 'Vary')).toBe(expected);
  expect(response.head.match(/vary:/gi)).toHaveLength(1);
});

test('fields are set on the answers of the proxy itself', async () => {
  await using dead = await RecordingOrigin.start();
  const install = installWithMiddlewares(dead.port, { down: { headers: { frameDeny: true } } });
  await dead[Symbol.asyncDispose]();
  await using other = await startRouter({ install });
  const response = await RawClient.exchange(other.ports['web']!, 'GET / HTTP/1.1\r\nHost: down.test\r\n\r\n');
  expect([response.status, field(response, 'X-Frame-Options')]).toEqual([502, 'DENY']);
});
