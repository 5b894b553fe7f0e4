// Targets that a rule and an origin could read as different paths, that make matching slow, or that try to leave their
// place in what is built from them.

import { afterEach, expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { simpleInstall, startRouter } from '../support/router.ts';
import { answerWhole, readStrictly } from './strict-reading.ts';

/**
 * `/admin` is guarded: it goes to an address where nobody listens, so that whatever reaches the origin got around it.
 */
function guardedInstall(serverPort: number): string {
  return `
entryPoints:
  web: { address: "127.0.0.1:0", http: { maxHeaderBytes: 1048576 }, transport: { limits: { maxLineBytes: 900000 } } }
http:
  routers:
    all: { rule: "PathPrefix(\`/\`)", service: origin }
    admin: { rule: "PathPrefix(\`/admin\`)", service: nobody }
    strip: { rule: "PathPrefix(\`/api\`)", middlewares: [strip], service: origin }
    add: { rule: "PathPrefix(\`/plain\`)", middlewares: [add], service: origin }
    slow: { rule: "PathRegexp(\`^/slow/(a+)+$\`) || QueryRegexp(\`q\`, \`^(([a-z])+.)+[A-Z]([a-z])+$\`)", service: nobody, priority: 900 }
    slowHost: { rule: "HostRegexp(\`^(([a-z]+)*\\\\.)*evil$\`)", service: nobody, priority: 901 }
    slowHeader: { rule: "HeaderRegexp(\`X-Slow\`, \`^(a|aa)+$\`)", service: nobody, priority: 902 }
  middlewares:
    strip: { stripPrefix: { prefixes: [/api] } }
    add: { addPrefix: { prefix: /inner } }
  services:
    origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${serverPort}" }] } }
    nobody: { loadBalancer: { servers: [] } }
`;
}

const { origin, web: port } = await startLab((originPort) => guardedInstall(originPort), answerWhole());
afterEach(() => {
  for (const connection of origin.connections) expect(readStrictly(connection.received).violation).toBe(null);
});

const targets = (): string[] =>
  origin.connections.flatMap((connection) => readStrictly(connection.received).requests.map(({ target }) => target));

async function statusOf(target: string, fields = 'Host: a\r\n'): Promise<number> {
  return (await RawClient.exchange(port, `GET ${target} HTTP/1.1\r\n${fields}\r\n`)).status;
}

test.each([
  ['dot segments', '/a/../admin'],
  ['encoded dots', '/a/%2e%2e/admin'],
  ['half encoded dots', '/a/.%2E/admin'],
  ['double slash', '//admin'],
  ['many slashes', '////admin//x'],
  ['dot', '/./admin'],
  ['encoded letters', '/%61dmin'],
  ['encoded letters in both cases of digits', '/%61%64m%69%6E'],
  ['dot segments above the root', '/../../admin'],
  ['trailing dot segment', '/admin/x/..'],
  ['absolute form', 'http://a/b/../admin'],
  ['absolute form with two slashes', 'http://a//admin'],
  ['an empty segment between dots', '/a//../admin'],
])('44 %s does not get around the rule for /admin', async (_, target) => {
  expect(await statusOf(target)).toBe(503);
  expect(targets()).toEqual([]);
});

test.each([
  ['path parameter on a dot segment', '/a/..;/admin'],
  ['path parameter with a value', '/a/..;x=y/admin'],
  ['path parameter on a single dot', '/.;/admin'],
  ['encoded semicolon on a dot segment', '/a/..%3B/admin'],
  ['dot segment behind an encoded slash', '/a%2f..%2fadmin'],
  ['dot segment before an encoded slash', '/a/..%2fadmin'],
  ['dot segment behind an encoded backslash', '/a%5c..%5cadmin'],
  ['backslash', '/a\\..\\admin'],
  ['leading backslash', '\\admin'],
  ['encoded NUL', '/a%00/../admin'],
  ['encoded NUL at the end', '/admin%00.png'],
])('44 %s is refused: origins differ on what it means', async (_, target) => {
  expect(await statusOf(target)).toBe(400);
  expect(targets()).toEqual([]);
});

test.each([
  ['encoded slash', '/x%2fadmin', '/x%2Fadmin'],
  ['doubly encoded dots', '/a/%252e%252e/b', '/a/%252e%252e/b'],
  ['doubly encoded slash', '/a%252f..', '/a%252f..'],
  ['encoded question mark', '/a%3fx=1', '/a%3Fx=1'],
  ['encoded hash', '/a%23b', '/a%23b'],
  ['three dots', '/.../b', '/.../b'],
  ['dots inside a name', '/a..b', '/a..b'],
  ['upper case', '/ADMIN', '/ADMIN'],
  ['invalid UTF-8', '/%ff%fe', '/%FF%FE'],
  ['overlong encoding of a slash', '/a%c0%afadmin', '/a%C0%AFadmin'],
  ['overlong encoding of a dot', '/%c0%ae%c0%ae/admin', '/%C0%AE%C0%AE/admin'],
])('44 %s is matched as what it is and forwarded as it was matched', async (_, target, sent) => {
  expect(await statusOf(target)).toBe(200);
  expect(targets()).toEqual([sent]);
});

test('44 a stripped prefix leaves no path that the rules never saw', async () => {
  for (const [target, sent] of [
    ['/api/x', '/x'],
    ['/api', '/'],
    ['/api//x', '/x'],
    ['/api%2fadmin', null],
    ['/api../admin', null],
    ['/api./admin', null],
    ['/apievil.test', '/evil.test'],
  ] as const) {
    const before = targets().length;
    const status = await statusOf(target);
    const reached = targets().slice(before);
    if (sent !== null) expect([target, status, reached]).toEqual([target, 200, [sent]]);
    else
      for (const path of reached) expect([target, path]).toEqual([target, expect.not.stringMatching(/\.\.?\/|^\/\//)]);
  }
});

test('44 encoded characters are refused one by one where the entry point says so', async () => {
  const options = ['Slash', 'BackSlash', 'Semicolon', 'Percent', 'QuestionMark', 'Hash'];
  await using strict = await startRouter({
    install: simpleInstall(
      origin.port,
      '',
      `    http: { encodedCharacters: { ${options.map((name) => `allowEncoded${name}: false`).join(', ')} } }`,
    ),
  });
  for (const escape of ['%2f', '%2F', '%5c', '%3b', '%25', '%3F', '%23']) {
    const request = `GET /a${escape}b HTTP/1.1\r\nHost: a\r\n\r\n`;
    expect([escape, (await RawClient.exchange(strict.ports['web']!, request)).status]).toEqual([escape, 400]);
  }
  expect(targets()).toEqual([]);
});

test('45 no byte that a target may not hold gets through, in the path or in the query', async () => {
  const bad = Array.from({ length: 256 }, (_, code) => code)
    .filter((code) => code <= 0x20 || code === 0x7f || code === 0x23)
    .map((code) => String.fromCharCode(code));
  const found = await Promise.all(bad.flatMap((byte) => [statusOf(`/a${byte}b`), statusOf(`/a?b=${byte}c`)]));
  expect(found.filter((status) => status !== 400)).toEqual([]);
  expect(targets()).toEqual([]);
});

test('45 characters that no URI may hold raw are sent encoded in the path, and as they came in the query', async () => {
  expect(await statusOf('/"<>^`{|}?"<>\\^`{|}[]')).toBe(200);
  expect(await statusOf('/caf\xc3\xa9?caf\xc3\xa9')).toBe(200);
  expect(targets()).toEqual(['/%22%3C%3E%5E%60%7B%7C%7D?"<>\\^`{|}[]', '/caf%C3%A9?caf\xc3\xa9']);
});

test.each([
  '/x?',
  '/x??',
  '/x?filter[a]=1&b=|',
  '/x?q=100%',
  '/x?%zz',
  '/x?a/../b//c',
  "/x?a='b'&c=(d)!*",
  '/x?%7e%41',
])('a query goes on as it came: %s', async (target) => {
  expect(await statusOf(target)).toBe(200);
  expect(targets()).toEqual([target]);
});

test.each([
  ['47 asterisk with a path', 'OPTIONS */x HTTP/1.1', 400],
  ['47 no slash', 'GET admin HTTP/1.1', 400],
  ['47 authority form without CONNECT', 'GET a:80 HTTP/1.1', 400],
  ['47 another scheme', 'GET ftp://a/ HTTP/1.1', 400],
  ['47 scheme without slashes', 'GET http:/admin HTTP/1.1', 400],
  ['48 TRACK', 'TRACK / HTTP/1.1', 405],
  ['48 CONNECT with an absolute target', 'CONNECT http://a/ HTTP/1.1', 405],
  ['48 no method', ' / HTTP/1.1', 400],
  ['48 method in UTF-8', 'G\xc3\x8bT / HTTP/1.1', 400],
  ['48 preface of HTTP/2', 'PRI * HTTP/2.0', 505],
  ['49 no version', 'GET / ', 400],
  ['49 lower-case name of the protocol', 'GET / http/1.1', 400],
  ['49 other protocol', 'GET / ICY/1.1', 400],
  ['49 long version', 'GET / HTTP/1.10', 400],
  ['49 leading zero', 'GET / HTTP/01.1', 400],
  ['49 HTTP/1.', 'GET / HTTP/1.', 400],
  ['49 two spaces before the version', 'GET /  HTTP/1.1', 400],
  ['49 tab before the version', 'GET /\tHTTP/1.1', 400],
  ['49 space behind the version', 'GET / HTTP/1.1 ', 400],
  ['49 negative version', 'GET / HTTP/-1.1', 400],
])('%s is refused', async (_, line, status) => {
  const client = await RawClient.connect(port);
  client.send(`${line}\r\nHost: a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
  expect((await client.response()).status).toBe(status);
  await client.closed();
  expect(client.received).toBe('');
  expect(targets()).toEqual([]);
  client.socket.destroy();
});

test('52 duplicates, empty names, semicolons and escapes in a query reach the origin as they were matched', async () => {
  expect(await statusOf('/?a=1&a=2&&=x&b&c=%26%3D;d=1&__proto__=1&constructor=2')).toBe(200);
  expect(targets()).toEqual(['/?a=1&a=2&&=x&b&c=%26%3D;d=1&__proto__=1&constructor=2']);
});

test('53 the patterns of the next test are live: what they describe goes where they say', async () => {
  const found = await Promise.all([
    statusOf('/slow/aaaa'),
    statusOf('/?q=abAb'),
    statusOf('/', 'Host: x.evil\r\n'),
    statusOf('/', 'Host: a\r\nX-Slow: aaa\r\n'),
  ]);
  expect(found).toEqual([503, 503, 503, 503]);
});

// A backtracking engine would need longer than the universe has; the test's time limit is the assertion.
test.each([
  ['path', `/slow/${'a'.repeat(50_000)}!`, 'Host: a\r\n'],
  ['query', `/?q=${'a'.repeat(50_000)}`, 'Host: a\r\n'],
  ['host', '/', `Host: ${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.x\r\n`],
  ['field', '/', `Host: a\r\nX-Slow: ${'a'.repeat(50_000)}!\r\n`],
])('53 ReDoS: a pattern with nested repetition over a long %s is linear', async (_, target, fields) => {
  expect(await statusOf(target, fields)).toBe(200);
});

test('54 encoded line ends stay encoded in everything built from the path', async () => {
  expect(await statusOf('/api/%0d%0aX-Injected:%201?y=%0d%0aSet-Cookie:z')).toBe(200);
  expect(await statusOf('/plain/%0D%0A%0D%0AGET%20/x')).toBe(200);
  expect(targets()).toEqual(['/%0D%0AX-Injected:%201?y=%0d%0aSet-Cookie:z', '/inner/plain/%0D%0A%0D%0AGET%20/x']);
  expect(origin.received).not.toMatch(/\r\nX-Injected|\r\nSet-Cookie/);
});

test('54 no answer of the router sends a client elsewhere, nor repeats what it was sent', async () => {
  await using empty = await startRouter({ install: 'entryPoints: { web: { address: "127.0.0.1:0" } }\nhttp: {}\n' });
  for (const target of [
    '//evil.test',
    '/%0d%0aLocation:%20x',
    'http://evil.test/',
    '/\\evil.test',
    '/<script>',
    '/%zz<script>',
  ]) {
    const response = await RawClient.exchange(empty.ports['web']!, `GET ${target} HTTP/1.1\r\nHost: evil.test\r\n\r\n`);
    expect([400, 404]).toContain(response.status);
    expect(response.head).not.toMatch(/location|evil/i);
    expect(response.body).not.toMatch(/evil|script/);
    expect(response.head).toContain('X-Content-Type-Options: nosniff\r\n');
  }
});
