// Requests that two readers could understand differently, or that no reader should accept. Numbers are those of the
// product's list of attacks. After each the router still serves, and the origin has seen nothing it should not.

import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

const { origin, web: port } = await startLab((originPort) => {
  const limits = 'transport: { limits: { maxHeaderCount: 50, maxLineBytes: 4096, maxBodyBytes: 1000000 } }';
  return simpleInstall(originPort, '', `    http: { maxHeaderBytes: 8192 }\n    ${limits}`);
});

const get = (fields: string, line = 'GET / HTTP/1.1'): string => `${line}\r\n${fields}\r\n`;
const host = 'Host: a\r\n';
const post = (fields: string, body = ''): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;

const REFUSED: readonly (readonly [name: string, request: string, status: number])[] = [
  [
    '1 CL.TE: length and chunked together',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  ['2 two different lengths', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'), 400],
  ['3 two equal lengths', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'), 400],
  ['3 a list of lengths', post('Content-Length: 5, 5\r\n', 'hello'), 400],
  ['4 empty length', post('Content-Length: \r\n'), 400],
  ['4 signed length', post('Content-Length: +5\r\n', 'hello'), 400],
  ['4 negative length', post('Content-Length: -5\r\n', 'hello'), 400],
  ['4 hexadecimal length', post('Content-Length: 0x5\r\n', 'hello'), 400],
  ['4 underscore in a length', post('Content-Length: 5_0\r\n', 'hello'), 400],
  ['4 junk in a length', post('Content-Length: 5 5\r\n', 'hello'), 400],
  ['4 length beyond 2^53', post('Content-Length: 9007199254740993\r\n', 'hello'), 400],
  ['4 length of 20 digits', post('Content-Length: 18446744073709551621\r\n', 'hello'), 400],
  ['5 unknown coding', post('Transfer-Encoding: gzip\r\n'), 501],
  ['5 identity', post('Transfer-Encoding: identity\r\n'), 501],
  ['5 chunked not last', post('Transfer-Encoding: chunked, gzip\r\n'), 400],
  ['6 xchunked', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), 400],
  ['6 leading comma', post('Transfer-Encoding: ,chunked\r\n', '0\r\n\r\n'), 400],
  ['6 trailing comma', post('Transfer-Encoding: chunked,\r\n', '0\r\n\r\n'), 400],
  ['6 vertical tab', post('Transfer-Encoding: chunked\x0b\r\n', '0\r\n\r\n'), 400],
  ['6 no-break space', post('Transfer-Encoding: \xa0chunked\r\n', '0\r\n\r\n'), 400],
  ['6 quoted', post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n'), 400],
  ['6 space before the colon', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'), 400],
  ['7 chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
  ['7 chunked, chunked', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'), 400],
  ['8 chunked in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['18 other expectation', post('Expect: 200-ok\r\nContent-Length: 1\r\n', 'x'), 417],
  ['18 obfuscated expectation', post('Expect: y 100-continue\r\nContent-Length: 1\r\n', 'x'), 417],
  ['19 length hidden by folding', 'POST / HTTP/1.1\r\nHost: a\r\nX: 1\r\n Content-Length: 5\r\n\r\nhello', 400],
  ['21 CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 405],
  ['26 space before a colon', get(`${host}X : 1\r\n`), 400],
  ['27 folded field', get(`${host}X: 1\r\n 2\r\n`), 400],
  ['28 space before the first field', get(` X: 1\r\n${host}`), 400],
  ['29 empty name', get(`${host}: 1\r\n`), 400],
  ['29 no colon', get(`${host}abc\r\n`), 400],
  ['30 NUL in a value', get(`${host}X: a\0b\r\n`), 400],
  ['30 control character in a value', get(`${host}X: a\x01b\r\n`), 400],
  ['30 DEL in a value', get(`${host}X: a\x7fb\r\n`), 400],
  ['30 byte above 127 in a name', get(`${host}X\xe4: 1\r\n`), 400],
  ['30 parenthesis in a name', get(`${host}X(: 1\r\n`), 400],
  ['31 bare LF', 'GET / HTTP/1.1\nHost: a\n\n', 400],
  ['31 bare LF in a field', get(`${host}X: 1\nY: 2\r\n`), 400],
  ['32 bare CR', get(`${host}X: 1\rY: 2\r\n`), 400],
  ['33 no Host', get(''), 400],
  ['34 two Hosts', get('Host: a\r\nHost: b\r\n'), 400],
  ['34 list of hosts', get('Host: a,b\r\n'), 400],
  ['34 user info', get('Host: u@a\r\n'), 400],
  ['34 path in Host', get('Host: a/b\r\n'), 400],
  ['34 space in Host', get('Host: a b\r\n'), 400],
  ['34 port above 65535', get('Host: a:65536\r\n'), 400],
  ['34 bad Host beside an absolute target', get('Host: a b\r\n', 'GET http://c/ HTTP/1.1'), 400],
  ['36 too many fields', get(host + 'X: 1\r\n'.repeat(60)), 431],
  ['36 head too large', get(host + `X: ${'a'.repeat(3000)}\r\n`.repeat(4)), 431],
  ['37 line too long', get(`${host}X: ${'a'.repeat(5000)}\r\n`), 431],
  ['45 broken escape', get(host, 'GET /%zz HTTP/1.1'), 400],
  ['45 space in the target', get(host, 'GET /a b HTTP/1.1'), 400],
  ['45 tab in the target', get(host, 'GET /a\tb HTTP/1.1'), 400],
  ['45 fragment in the target', get(host, 'GET /a#b HTTP/1.1'), 400],
  ['46 path too long', get(host, `GET /${'a'.repeat(5000)} HTTP/1.1`), 414],
  ['47 asterisk without OPTIONS', get(host, 'GET * HTTP/1.1'), 400],
  ['48 CONNECT in lower case', get(host, 'connect / HTTP/1.1'), 405],
  ['48 very long method', get(host, `${'A'.repeat(100)} / HTTP/1.1`), 501],
  ['48 bad byte in a method', get(host, 'G(T / HTTP/1.1'), 400],
  ['48 TRACE', get(host, 'TRACE / HTTP/1.1'), 405],
  ['49 HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['49 HTTP/1.2', get(host, 'GET / HTTP/1.2'), 505],
  ['49 HTTP/2.0', get(host, 'GET / HTTP/2.0'), 505],
  ['49 HTTP/1.1x', get(host, 'GET / HTTP/1.1x'), 400],
  ['44 backslash', get(host, 'GET /a\\b HTTP/1.1'), 400],
  ['44 encoded NUL', get(host, 'GET /%00 HTTP/1.1'), 400],
  ['44 path parameter on a dot segment', get(host, 'GET /a/..;/admin HTTP/1.1'), 400],
  ['44 dot segment behind an encoded slash', get(host, 'GET /a%2f../admin HTTP/1.1'), 400],
  ['72 body over the limit', post('Content-Length: 2000000\r\n', 'x'), 413],
];

test.each(REFUSED)('%s is refused and the connection closed', async (_, request, status) => {
  const client = await RawClient.connect(port);
  client.send(`${request}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
  const response = await client.response();
  expect(response.status).toBe(status);
  expect(response.head).toContain('Connection: close\r\n');
  await client.closed();
  expect(client.received).toBe('');
  expect(origin.received).toBe('');
  client.socket.destroy();
  expect((await RawClient.exchange(port, get(host))).status).toBe(200);
});

const BAD_CHUNKS: readonly (readonly [name: string, body: string])[] = [
  ['10 0x5', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['10 +5', '+5\r\nhello\r\n0\r\n\r\n'],
  ['10 trailing space', '5 \r\nhello\r\n0\r\n\r\n'],
  ['10 empty size', '\r\nhello\r\n0\r\n\r\n'],
  ['10 overflowing size', 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n'],
  ['11 bare LF behind the size', '5\nhello\r\n0\r\n\r\n'],
  ['11 bare CR behind the size', '5\rhello\r\n0\r\n\r\n'],
  ['12 data longer than its size', '5\r\nhelloo\r\n0\r\n\r\n'],
  ['12 data shorter than its size', '6\r\nhello\r\n0\r\n\r\n'],
  ['13 extension without end', `5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
  ['13 LF in an extension', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
  ['14 length as a trailer', '5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n'],
  ['14 credentials as a trailer', '5\r\nhello\r\n0\r\nAuthorization: x\r\n\r\n'],
  ['14 trailers without end', `5\r\nhello\r\n0\r\n${'X: 1\r\n'.repeat(5000)}\r\n`],
];

test.each(BAD_CHUNKS)('%s in a chunked body: 400, and the upstream request is never completed', async (_, body) => {
  origin.respond = (connection) => {
    if (connection.received.endsWith('0\r\n\r\n'))
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  };
  const client = await RawClient.connect(port);
  client.send(post('Transfer-Encoding: chunked\r\n', body));
  expect((await client.response()).status).toBe(400);
  await client.closed();
  await origin.until(() => origin.connections.every((connection) => connection.isClosed));
  expect(origin.received).not.toMatch(/0\r\n\r\n$/);
  client.socket.destroy();
});

test('9 a body of an HTTP/1.0 request without length is not read as one', async () => {
  const client = await RawClient.connect(port);
  client.send('POST / HTTP/1.0\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).status).toBe(200);
  await client.closed();
  expect(origin.received).not.toContain('GET /x');
  client.socket.destroy();
});

test('15 junk behind the last chunk is judged as the next request', async () => {
  origin.respond = (connection) => {
    if (connection.received.endsWith('0\r\n\r\n'))
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  };
  const client = await RawClient.connect(port);
  client.send(post('Transfer-Encoding: chunked\r\n', '1\r\nx\r\n0\r\n\r\nX'));
  expect((await client.response()).status).toBe(200);
  client.send('YZ / HTTP/1.1 junk\r\n\r\n');
  expect((await client.response()).status).toBe(400);
  await client.closed();
  client.socket.destroy();
});

test('16 GET with a body keeps body and length together', async () => {
  origin.respond = (connection) => {
    if (connection.received.endsWith('hello'))
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  };
  const response = await RawClient.exchange(port, get(`${host}Content-Length: 5\r\n`) + 'hello');
  expect(response.status).toBe(200);
  expect(origin.received).toMatch(/Content-Length: 5\r\n\r\nhello$/);
});

test('17 a body not read by an early answer is never taken for a request', async () => {
  await using strict = await startRouter({
    install: simpleInstall(origin.port).replace('PathPrefix(`/`)', 'PathPrefix(`/known`)'),
  });
  const inner = 'GET /known/smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
  const client = await RawClient.connect(strict.ports['web']!);
  client.send(
    `POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: ${inner.length}\r\n\r\n${inner}GET /known/next HTTP/1.1\r\nHost: a\r\n\r\n`,
  );
  expect((await client.response()).status).toBe(404);
  expect((await client.response()).status).toBe(200);
  expect(origin.received).toContain('/known/next');
  expect(origin.received).not.toContain('smuggled');
  client.socket.destroy();
});

test('18 Expect without a body changes nothing', async () => {
  const client = await RawClient.connect(port);
  client.send(get(`${host}Expect: 100-continue\r\n`));
  expect((await client.response()).status).toBe(200);
  client.send(get(host));
  expect((await client.response()).status).toBe(200);
  client.socket.destroy();
});

test('20 no tunnel before the upstream agrees, and none for h2c', async () => {
  origin.respond = (connection) => connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const client = await RawClient.connect(port);
  client.send(
    `GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n`,
  );
  expect((await client.response()).status).toBe(200);
  await client.until(() => client.received.includes('ok'));
  // What follows a refused upgrade is a request like any other, seen by the router.
  expect(origin.received).toContain('X-Forwarded-Host: a\r\n');
  const h2c = await RawClient.exchange(
    port,
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
  );
  expect(h2c.status).toBe(200);
  expect(origin.received).not.toMatch(/h2c|http2-settings/i);
  client.socket.destroy();
});

test('35 one canonical host whatever its spelling', async () => {
  const hosts = 'http:\n  routers:\n    h: { rule: "Host(`shop.test`)", service: origin }\n';
  await using routed = await startRouter({
    install: simpleInstall(origin.port).replace(/http:\n {2}routers:\n {4}all: .*\n/, hosts),
  });
  for (const spelling of ['shop.test', 'SHOP.test', 'shop.test.', 'shop.test:80', 'Shop.Test.:8080']) {
    const response = await RawClient.exchange(routed.ports['web']!, get(`Host: ${spelling}\r\n`));
    expect([spelling, response.status]).toEqual([spelling, 200]);
  }
  expect((await RawClient.exchange(routed.ports['web']!, get('Host: shop.testx\r\n'))).status).toBe(404);
});

test('38 39 40 41 42 spoofed, hop-by-hop and httpoxy fields do not reach the origin', async () => {
  await RawClient.exchange(
    port,
    get(
      `${host}X-Real-IP: 1.1.1.1\r\nTrue-Client-IP: 1.1.1.1\r\nX_Real_IP: 1.1.1.1\r\nX-Forwarded-Ssl: on\r\nProxy: evil\r\n` +
        'Proxy-Authorization: x\r\nKeep-Alive: 1\r\nConnection: close, X-Custom, X-Forwarded-For, Authorization\r\n' +
        'X-Custom: 1\r\nAuthorization: Basic abc\r\n',
    ),
  );
  expect(origin.received).not.toMatch(/1\.1\.1\.1|evil|proxy-|keep-alive|x-custom|forwarded-ssl/i);
  expect(origin.received).toContain('Authorization: Basic abc\r\n');
  expect(origin.received).toContain('X-Forwarded-For: 127.0.0.1\r\n');
});

test('40 a trusted peer’s list is kept and appended to', async () => {
  await using trusting = await startRouter({
    install: simpleInstall(origin.port, '', '    forwardedHeaders: { trustedIPs: [127.0.0.0/8] }'),
  });
  await RawClient.exchange(
    trusting.ports['web']!,
    get(`${host}X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n`),
  );
  expect(origin.received).toContain('X-Forwarded-For: 9.9.9.9, 127.0.0.1\r\n');
  expect(origin.received).toContain('X-Forwarded-Proto: https\r\n');
});

test('44 what was matched is what is forwarded', async () => {
  for (const [sent, forwarded] of [
    ['/a/../admin', '/admin'],
    ['//admin', '/admin'],
    ['/%2e%2e/admin', '/admin'],
    ['/%2fadmin', '/%2Fadmin'],
    ['/%252e%252e/x', '/%252e%252e/x'],
  ] as const) {
    for (const connection of origin.connections) connection.received = '';
    await RawClient.exchange(port, get(host, `GET ${sent} HTTP/1.1`));
    expect(origin.received.split(' ')[1]).toBe(forwarded);
  }
});

test('52 a hundred thousand parameters are matched in linear time', async () => {
  const rules = 'http:\n  routers:\n    q: { rule: "Query(`last`, `1`)", service: origin }\n';
  await using routed = await startRouter({
    install: simpleInstall(
      origin.port,
      '',
      '    transport: { limits: { maxLineBytes: 900000 } }\n    http: { maxHeaderBytes: 1000000 }',
    ).replace(/http:\n {2}routers:\n {4}all: .*\n/, rules),
  });
  const query = `${'a=1&'.repeat(100_000)}last=1`;
  expect((await RawClient.exchange(routed.ports['web']!, get(host, `GET /?${query} HTTP/1.1`))).status).toBe(200);
});

test('72 a chunked body over the limit is cut off with 413', async () => {
  origin.respond = () => {};
  const client = await RawClient.connect(port);
  client.send(post('Transfer-Encoding: chunked\r\n', `1e8480\r\n${'x'.repeat(100)}`));
  expect((await client.response()).status).toBe(413);
  await client.closed();
  await origin.until(() => origin.connections.every((connection) => connection.isClosed));
  client.socket.destroy();
});

test('78 what a client sends cannot forge a log line or a metric label', async () => {
  await using logging = await startRouter({
    install: simpleInstall(
      origin.port,
      'accessLog: { format: common, fields: { headers: { names: { User-Agent: keep } } } }',
    ),
  });
  await RawClient.exchange(logging.ports['web']!, get(`${host}User-Agent: a\t"b\\\xff\r\n`, 'QUERYX / HTTP/1.1'));
  const metrics = await (await fetch(`http://127.0.0.1:${logging.ports['traefik']!}/metrics`)).text();
  expect(metrics).toContain('method="EXTENSION_METHOD"');
  expect(metrics).not.toContain('QUERYX');
  logging.signal('SIGTERM');
  await logging.exited;
  expect(logging.stdout()).toMatch(
    /^127\.0\.0\.1 - - \[[^\]]+\] "QUERYX \/ HTTP\/1\.1" 200 2 "-" "a\\x09\\x22b\\x5c\\xff" 1 "all@install" "http:\/\/127\.0\.0\.1:\d+" \d+ms\n$/,
  );
});
