// Fields that name, spell, repeat or hide things so that proxy and origin understand them differently. Every connection
// to the origin is read by the strictest reader after each test.

import { afterEach, expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { simpleInstall, startRouter } from '../support/router.ts';
import { answerWhole, readStrictly, type StrictRequest } from './strict-reading.ts';

const { origin, web: port } = await startLab((originPort) => simpleInstall(originPort), answerWhole());
afterEach(() => {
  for (const connection of origin.connections) expect(readStrictly(connection.received).violation).toBe(null);
});

const get = (fields: string, line = 'GET / HTTP/1.1'): string => `${line}\r\n${fields}\r\n`;
const HOST = 'Host: a\r\n';

/** What the origin got for one request that was answered 200. */
async function forwarded(request: string, at = port): Promise<StrictRequest> {
  const response = await RawClient.exchange(at, request);
  expect([request, response.status]).toEqual([request, 200]);
  const reading = origin.connections.map((connection) => readStrictly(connection.received).requests);
  return reading.flat().at(-1)!;
}

const values = (request: StrictRequest, name: string): string[] =>
  request.fields.filter((field) => field[0] === name).map((field) => field[1]);

/** Sends each on a connection of its own, many at a time; the statuses in order. */
function statuses(requests: readonly string[]): Promise<number[]> {
  return Promise.all(requests.map(async (request) => (await RawClient.exchange(port, request)).status));
}

test('30 every byte that no name may hold is refused in a name, every other one is accepted', async () => {
  const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;
  const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter((byte) => byte !== ':');
  const found = await statuses(bytes.map((byte) => get(`${HOST}X${byte}Y: 1\r\n`)));
  expect(found).toEqual(bytes.map((byte) => (token.test(byte) ? 200 : 400)));
});

test('30 every control character is refused in a value, every other byte is accepted', async () => {
  const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
  const found = await statuses(bytes.map((byte) => get(`${HOST}X: a${byte}b\r\n`)));
  expect(found).toEqual(bytes.map((byte) => (/[\t\x20-\x7e\x80-\xff]/.test(byte) ? 200 : 400)));
});

test.each([
  ['26 tab before the colon', `${HOST}X\t: 1\r\n`],
  ['27 field folded with a tab', `${HOST}X: 1\r\n\t2\r\n`],
  ['27 Host folded', 'Host:\r\n a\r\n'],
  ['28 tab before the first field', `\tX: 1\r\n${HOST}`],
  ['28 a line of white space', `${HOST} \r\nX: 1\r\n`],
  ['29 colon only', `${HOST}:\r\n`],
  ['31 bare LF before the end of the head', `${HOST}X: 1\r\n\nGET /x HTTP/1.1\r\n${HOST}`],
  ['32 CR CR LF', `${HOST}X: 1\r\r\n`],
  ['32 CR at the beginning of a name', `${HOST}\rX: 1\r\n`],
  ['33 Host with a space before its colon', 'Host : a\r\n'],
  ['34 empty Host beside an absolute target', 'Host:\r\n', 'GET http://b/ HTTP/1.1'],
  ['34 NUL in Host', 'Host: a\0b\r\n'],
  ['34 port that is no number', 'Host: a:8x\r\n'],
  ['34 negative port', 'Host: a:-1\r\n'],
  ['34 at sign with a port', 'Host: a:80@b\r\n'],
  ['34 question mark in Host', 'Host: a?b\r\n'],
  ['34 hash in Host', 'Host: a#b\r\n'],
  ['34 backslash in Host', 'Host: a\\b\r\n'],
  ['34 percent escape in Host', 'Host: a%2eb\r\n'],
  ['34 two dots in Host', 'Host: a..b\r\n'],
  ['34 IPv6 address without brackets', 'Host: ::1\r\n'],
  ['34 open bracket', 'Host: [::1\r\n'],
  ['34 user info in an absolute target', HOST, 'GET http://u@a/ HTTP/1.1'],
  ['34 empty authority in an absolute target', HOST, 'GET http:///x HTTP/1.1'],
  ['35 name in UTF-8 instead of punycode', 'Host: b\xc3\xbccher.test\r\n'],
  ['38 two Hosts that are equal', `${HOST}${HOST}`],
  ['38 Host with the same name in another case', 'Host: a\r\nhOST: a\r\n'],
])('%s: 400', async (_, fields, line = 'GET / HTTP/1.1') => {
  const client = await RawClient.connect(port);
  client.send(get(fields, line));
  const response = await client.response();
  expect(response.status).toBe(400);
  expect(response.head).toContain('Connection: close\r\n');
  await client.closed();
  expect(origin.connections).toHaveLength(0);
  client.socket.destroy();
});

test('25 an absolute target decides host and route, whatever Host says', async () => {
  const routers = 'http:\n  routers:\n    inner: { rule: "Host(`inner.test`)", service: origin }\n';
  await using routed = await startRouter({
    install: simpleInstall(origin.port).replace(/http:\n {2}routers:\n {4}all: .*\n/, routers),
  });
  const web = routed.ports['web']!;
  const request = await forwarded(get('Host: outer.test\r\n', 'GET http://INNER.test:80/x HTTP/1.1'), web);
  expect(request.target).toBe('/x');
  expect(values(request, 'host')).toEqual(['INNER.test:80']);
  expect(values(request, 'x-forwarded-host')).toEqual(['INNER.test:80']);
  const spoofed = await RawClient.exchange(web, get('Host: inner.test\r\n', 'GET http://outer.test/x HTTP/1.1'));
  expect(spoofed.status).toBe(404);
});

test('35 IPv6 and punycode hosts have one form for routing', async () => {
  const routers =
    'http:\n  routers:\n    six: { rule: "Host(`[::1]`)", service: origin }\n    idn: { rule: "Host(`xn--bcher-kva.test`)", service: origin }\n';
  await using routed = await startRouter({
    install: simpleInstall(origin.port).replace(/http:\n {2}routers:\n {4}all: .*\n/, routers),
  });
  for (const host of ['[::1]', '[::1]:8000', 'xn--bcher-kva.test', 'XN--BCHER-KVA.TEST.:80']) {
    await forwarded(get(`Host: ${host}\r\n`), routed.ports['web']!);
  }
});

test('36 the default limits: 200 fields and 64 KiB pass, one more is 431, and nothing is dropped silently', async () => {
  const request = await forwarded(get(HOST + 'X: 1\r\n'.repeat(199)));
  expect(values(request, 'x')).toHaveLength(199);
  expect(await statuses([get(HOST + 'X: 1\r\n'.repeat(200))])).toEqual([431]);
  const line = (size: number): string => `X: ${'a'.repeat(size - 5)}\r\n`;
  expect(await statuses([get(HOST + line(30_000) + line(30_000)), get(HOST + line(30_000).repeat(3))])).toEqual([
    200, 431,
  ]);
});

test('36 a head without end is cut off at the limit, not read on', async () => {
  const client = await RawClient.connect(port);
  client.socket.write(`GET / HTTP/1.1\r\n${HOST}`);
  client.socket.write(Buffer.alloc(200_000, 'X: 1\r\n'));
  expect((await client.response()).status).toBe(431);
  await client.closed();
  client.socket.destroy();
});

test('37 a line without end is 414 in the first line and 431 behind it', async () => {
  const found = await Promise.all(
    [`GET /${'a'.repeat(70_000)}`, `GET / HTTP/1.1\r\n${HOST}X: ${'a'.repeat(70_000)}`].map(async (text) => {
      const client = await RawClient.connect(port);
      client.send(text);
      const response = await client.response();
      await client.closed();
      client.socket.destroy();
      return response.status;
    }),
  );
  expect(found).toEqual([414, 431]);
});

test('38 repeated Authorization and Content-Type are passed on whole and in order: nobody picks one here', async () => {
  const request = await forwarded(
    get(`${HOST}Authorization: Basic one\r\nContent-Type: a/b\r\nauthorization: Basic two\r\nContent-Type: c/d\r\n`),
  );
  expect(values(request, 'authorization')).toEqual(['Basic one', 'Basic two']);
  expect(values(request, 'content-type')).toEqual(['a/b', 'c/d']);
});

test('39 names the proxy acts on are dropped when spelled with underscores, others follow the option', async () => {
  const spoofed =
    'X_Forwarded_For: 6.6.6.6\r\nX_FORWARDED_PROTO: https\r\nX-Forwarded_Host: evil\r\nx_real_ip: 6.6.6.6\r\n' +
    'Content_Length: 7\r\nTransfer_Encoding: chunked\r\nProxy_Connection: x\r\nMy_Own: 1\r\n';
  const request = await forwarded(get(HOST + spoofed));
  expect(request.fields.filter(([name]) => name.includes('_'))).toEqual([['my_own', '1']]);
  expect(JSON.stringify(request.fields)).not.toMatch(/6\.6\.6\.6|evil|https/);
  for (const [strategy, status] of [
    ['delete', 200],
    ['reject', 400],
  ] as const) {
    await using strict = await startRouter({
      install: simpleInstall(origin.port, '', `    http: { underscoreHeadersStrategy: ${strategy} }`),
    });
    const response = await RawClient.exchange(strict.ports['web']!, get(`${HOST}My_Own: 2\r\n`));
    expect([strategy, response.status]).toEqual([strategy, status]);
  }
  expect(origin.received).not.toContain('My_Own: 2');
});

test('40 a client that is not trusted sets none of the fields that tell where a request comes from', async () => {
  const names = [
    'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Proto', 'X-Forwarded-Server', 'X-Forwarded-Uri',
    'X-Forwarded-Method', 'X-Forwarded-Prefix', 'X-Forwarded-Ssl', 'X-Forwarded-Scheme', 'X-Forwarded-Tls-Client-Cert',
    'X-Forwarded-Tls-Client-Cert-Info', 'X-Real-IP', 'True-Client-IP', 'Forwarded',
  ]; // prettier-ignore
  const request = await forwarded(get(HOST + names.map((name) => `${name}: spoof\r\n${name}: spoof2\r\n`).join('')));
  expect(JSON.stringify(request.fields)).not.toContain('spoof');
  expect(values(request, 'x-forwarded-for')).toEqual(['127.0.0.1']);
  expect(values(request, 'x-real-ip')).toEqual(['127.0.0.1']);
});

test('40 lists in several fields become one, and the peer stands last', async () => {
  await using trusting = await startRouter({
    install: simpleInstall(origin.port, '', '    forwardedHeaders: { trustedIPs: [127.0.0.1] }'),
  });
  const request = await forwarded(
    get(`${HOST}X-Forwarded-For: 1.1.1.1\r\nX-Other: 1\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\n`),
    trusting.ports['web']!,
  );
  expect(values(request, 'x-forwarded-for')).toEqual(['1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1']);
});

test('41 Connection takes away only what is hop-by-hop, never what the proxy adds or an origin relies on', async () => {
  const kept = ['Authorization', 'Cookie', 'Content-Type', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Real-Ip', 'Host'];
  const request = await forwarded(
    get(
      `${HOST}Connection: keep-alive, ${kept.join(', ')}\r\nConnection: X-Hop,\tx-hop-2 , ,\r\n` +
        'X-Hop: 1\r\nX-Hop-2: 1\r\nAuthorization: Basic x\r\nCookie: a=b\r\nContent-Type: a/b\r\n',
    ),
  );
  for (const name of kept) expect([name, values(request, name.toLowerCase()).length]).toEqual([name, 1]);
  expect(request.fields.map(([name]) => name)).not.toContain('x-hop');
  expect(request.fields.map(([name]) => name)).not.toContain('x-hop-2');
});

test('41 Connection does not take framing away', async () => {
  const request = await forwarded(
    `POST / HTTP/1.1\r\n${HOST}Connection: Content-Length, Transfer-Encoding\r\nContent-Length: 5\r\n\r\nhello`,
  );
  expect(values(request, 'content-length')).toEqual(['5']);
  expect(request.body).toBe('hello');
});

test('42 hop-by-hop fields stay on their hop', async () => {
  const request = await forwarded(
    get(
      `${HOST}TE: gzip, deflate\r\nTrailer: X\r\nKeep-Alive: timeout=5\r\nProxy-Authorization: x\r\nProxy-Connection: x\r\n` +
        'Proxy: http://evil/\r\nUpgrade: h2c, TLS/1.0\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings, TE\r\n',
    ),
  );
  const names = request.fields.map(([name]) => name);
  for (const name of ['te', 'trailer', 'keep-alive', 'proxy', 'upgrade', 'connection', 'http2-settings']) {
    expect(names).not.toContain(name);
  }
  expect(names.filter((name) => name.startsWith('proxy'))).toEqual([]);
});
