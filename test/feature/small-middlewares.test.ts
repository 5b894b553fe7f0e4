// encodedCharacters, requestId, bodyLimit and maintenance through the built program.

import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { ask, field, installWithMiddlewares } from '../support/middlewares.ts';
import { RawClient } from '../support/raw-client.ts';

const { origin, router, web } = await startLab((originPort) =>
  installWithMiddlewares(
    originPort,
    {
      strict: { encodedCharacters: {} },
      slash: { encodedCharacters: { allowEncodedSlash: true } },
      open: {
        encodedCharacters: {
          allowEncodedSlash: true,
          allowEncodedBackSlash: true,
          allowEncodedNullCharacter: true,
          allowEncodedSemicolon: true,
          allowEncodedPercent: true,
          allowEncodedQuestionMark: true,
          allowEncodedHash: true,
        },
      },
      id: { requestId: {} },
      trusting: { requestId: { headerName: 'X-Trace', trustIncoming: true } },
      limit: { bodyLimit: { maxRequestBodyBytes: 10 } },
      wide: { bodyLimit: { maxRequestBodyBytes: 1000 } },
      down: { maintenance: { body: '<h1>ä</h1>', contentType: 'text/html; charset=utf-8', retryAfter: '90500ms' } },
      gone: { maintenance: { status: 204, body: '' } },
      bypass: { maintenance: { bypass: { sourceRange: ['127.0.0.1'] } } },
      nobypass: { maintenance: { bypass: { sourceRange: ['10.0.0.1'], ipStrategy: { depth: 1 } } } },
    },
    { limits: ['limit', 'wide'], widelimit: ['wide', 'limit'] },
  ),
);
const trusted = router.ports['trusted']!;

test.each(['%2F', '%2f', '%5C', '%3B', '%25', '%3f', '%23'])('encodedCharacters refuses %s unless allowed', async (code) => {
  expect((await ask(web, 'strict', `/a${code}b`)).status).toBe(400);
  expect((await ask(web, 'open', `/a${code}b`)).status).toBe(200);
  expect((await ask(web, 'slash', `/a${code}b`)).status).toBe(code.toLowerCase() === '%2f' ? 200 : 400);
}); // prettier-ignore

test('encodedCharacters looks at the path alone, and at these characters alone', async () => {
  expect((await ask(web, 'strict', '/a%20%C3%A4?x=%2F%23')).status).toBe(200);
});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('requestId gives each request its own, to the service and the client', async () => {
  const first = field(
    await ask(web, 'id', '/', { fields: 'x-request-id: mine\r\nX-Request-Id: mine2\r\n' }),
    'X-Request-Id',
  );
  const second = field(await ask(web, 'id', '/'), 'X-Request-Id');
  expect(first).toMatch(UUID);
  expect(second).toMatch(UUID);
  expect(first).not.toBe(second);
  expect(origin.received.match(/^X-Request-Id: .*$/gim)).toEqual([`X-Request-Id: ${first}`, `X-Request-Id: ${second}`]);
});

test('requestId takes over what is trusted and harmless', async () => {
  const id = async (sent: string): Promise<string | null> =>
    field(await ask(web, 'trusting', '/', { fields: sent === '' ? '' : `X-Trace: ${sent}\r\n` }), 'X-Trace');
  expect(await id('abc-1:2/3')).toBe('abc-1:2/3');
  for (const sent of ['', 'a b', '<x>', 'x'.repeat(129)]) expect(await id(sent)).toMatch(UUID);
});

test('requestId leaves the field of a response alone', async () => {
  origin.respond = (connection) =>
    connection.socket.write('HTTP/1.1 200 OK\r\nX-Request-Id: theirs\r\nContent-Length: 0\r\n\r\n');
  const response = await ask(web, 'id', '/');
  expect(response.head.match(/x-request-id: .*(?=\r)/gi)).toEqual(['X-Request-Id: theirs']);
});

test('bodyLimit refuses an announced body before it is sent', async () => {
  for (const name of ['limit', 'limits', 'widelimit']) {
    const fields = 'Expect: 100-continue\r\nContent-Length: 11\r\n';
    expect((await ask(web, name, '/', { method: 'POST', fields })).status).toBe(413);
  }
  expect(origin.connections).toHaveLength(0);
  const fits = await ask(web, 'limit', '/', { method: 'POST', fields: 'Content-Length: 10\r\n', body: '0123456789' });
  expect(fits.status).toBe(200);
});

test('bodyLimit breaks a chunked body off that passes it', async () => {
  origin.respond = () => {};
  for (const name of ['limit', 'limits', 'widelimit']) {
    const client = await RawClient.connect(web);
    client.send(`POST / HTTP/1.1\r\nHost: ${name}.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n`);
    await origin.until(() => origin.received.endsWith('01234\r\n'));
    client.send('6\r\n567');
    expect((await client.response()).status).toBe(413);
    await client.closed();
    await origin.until(() => origin.connections[0]!.isClosed);
    expect(origin.received).not.toContain('0\r\n\r\n');
    origin.connections.length = 0;
    client.socket.destroy();
  }
});

test('bodyLimit lets a chunked body of the size pass, and the next request on the connection', async () => {
  origin.respond = (connection, bytes) => {
    if (bytes.includes('0\r\n\r\n')) connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  };
  const client = await RawClient.connect(web);
  for (const host of ['limit.test', 'wide.test']) {
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n`);
    expect((await client.response()).status).toBe(200);
  }
  client.socket.destroy();
});

test('maintenance answers in the service’s place', async () => {
  const response = await ask(web, 'down', '/');
  expect([response.status, field(response, 'Content-Type'), field(response, 'Retry-After')]).toEqual([
    503,
    'text/html; charset=utf-8',
    '91',
  ]);
  expect(Buffer.from(response.body, 'latin1').toString()).toBe('<h1>ä</h1>');
  expect(field(response, 'Cache-Control')).toBe('no-store');
  expect((await ask(web, 'down', '/', { method: 'HEAD' })).head).toContain('Content-Length: 11\r\n');
  expect((await ask(web, 'gone', '/')).status).toBe(204);
  expect(origin.connections).toHaveLength(0);
});

test('maintenance lets those pass who work on the service', async () => {
  expect((await ask(web, 'bypass', '/')).status).toBe(200);
  expect((await ask(web, 'nobypass', '/')).status).toBe(503);
  const fields = 'X-Forwarded-For: 10.0.0.1\r\n';
  expect((await ask(web, 'nobypass', '/', { fields })).status).toBe(503);
  expect((await ask(trusted, 'nobypass', '/', { fields })).status).toBe(200);
});
