// HTTP/1.1 through the built program, both directions, byte by byte.

import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { answerOk, RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

const { origin, router, web: port } = await startLab((originPort) => simpleInstall(originPort));

test('sends the origin a strict request with the forwarded fields, and nothing hop-by-hop', async () => {
  const response = await RawClient.exchange(
    port,
    'GET /a/../b?x=1 HTTP/1.1\r\nHost: Shop.Test:81\r\nX-One:   padded \t\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\nTE: gzip\r\nProxy: x\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_Proto: https\r\nForwarded: for=6.6.6.6\r\n\r\n',
  );
  expect(response.status).toBe(200);
  expect(response.body).toBe('ok');
  expect(origin.received.replace(/X-Forwarded-Server: .*\r\n/, '')).toBe(
    'GET /b?x=1 HTTP/1.1\r\nHost: Shop.Test:81\r\nX-One: padded\r\nX-Forwarded-Host: Shop.Test:81\r\nX-Forwarded-Port: 81\r\n' +
      'X-Forwarded-Proto: http\r\nX-Real-Ip: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n',
  );
});

test('a method is any token, in its own case', async () => {
  for (const method of ['patch', 'Get', 'GE.T', 'm-search', 'x!#']) {
    await RawClient.exchange(port, `${method} /m HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(origin.received).toContain(`${method} /m HTTP/1.1\r\n`);
  }
});

test('keeps both connections over many requests', async () => {
  const client = await RawClient.connect(port);
  for (let index = 0; index < 5; index++) {
    client.send(`GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect((await client.response()).body).toBe('ok');
  }
  expect(origin.connections).toHaveLength(1);
  client.socket.destroy();
});

test('answers pipelined requests in order, one upstream request at a time', async () => {
  origin.respond = (connection, bytes) => {
    const path = /^GET (\S+)/.exec(bytes)![1]!;
    connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
  };
  const client = await RawClient.connect(port);
  client.send(Array.from({ length: 20 }, (_, index) => `GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  for (let index = 0; index < 20; index++) expect((await client.response()).body).toBe(`/${index}`);
  client.socket.destroy();
});

test('carries bodies with a length and chunked ones, and trailers the client asked for', async () => {
  origin.respond = (connection) => {
    if (!connection.received.endsWith('0\r\nX-Sum: 7\r\n\r\n')) return;
    connection.socket.write(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n',
    );
  };
  const client = await RawClient.connect(port);
  client.send(
    'POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n',
  );
  client.send('2\r\n!!\r\n0\r\nX-Sum: 7\r\n\r\n');
  const response = await client.response();
  expect(response.body).toBe('abc');
  expect(origin.received).toContain('Trailer: X-Sum\r\n');
  expect(origin.received).toContain('TE: trailers\r\n');
  // Extensions are dropped, data and trailers carried.
  expect(origin.received).toMatch(/\r\n\r\n5\r\nhello\r\n2\r\n!!\r\n0\r\nX-Sum: 7\r\n\r\n$/);
  client.socket.destroy();
});

test('gives HEAD, 204 and 304 no body and keeps the connection', async () => {
  const client = await RawClient.connect(port);
  origin.respond = (connection) => connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
  client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response('HEAD')).head).toContain('Content-Length: 5\r\n');
  origin.respond = (connection) => connection.socket.write('HTTP/1.1 204 No Content\r\n\r\n');
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).head).not.toMatch(/content-length/i);
  origin.respond = (connection) => connection.socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n');
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).status).toBe(304);
  expect(origin.connections).toHaveLength(1);
  client.socket.destroy();
});

test('speaks HTTP/1.0: no chunks, closes unless asked to keep', async () => {
  origin.respond = (connection) =>
    connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
  const response = await RawClient.exchange(port, 'GET / HTTP/1.0\r\n\r\n');
  expect(response.head).not.toMatch(/transfer-encoding/i);
  expect(response.head).toContain('Connection: close\r\n');
  expect(response.body).toBe('abc');
  origin.respond = answerOk;
  const client = await RawClient.connect(port);
  client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  expect((await client.response()).head).toContain('Connection: keep-alive\r\n');
  client.send('GET / HTTP/1.0\r\n\r\n');
  expect((await client.response()).body).toBe('ok');
  client.socket.destroy();
});

test('routes absolute-form by its authority and OPTIONS * as it is', async () => {
  await RawClient.exchange(port, 'GET http://real.test/x HTTP/1.1\r\nHost: other.test\r\n\r\n');
  expect(origin.received).toMatch(/^GET \/x HTTP\/1\.1\r\nHost: real\.test\r\n/);
  await RawClient.exchange(port, 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(origin.received).toContain('OPTIONS * HTTP/1.1\r\n');
});

test('answers 100 once, when the upstream is ready for the body', async () => {
  origin.respond = (connection) => {
    if (connection.received.endsWith('hello'))
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  };
  const client = await RawClient.connect(port);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
  expect((await client.response()).head).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  client.send('hello');
  expect((await client.response()).body).toBe('ok');
  expect(origin.received).not.toMatch(/expect/i);
  client.socket.destroy();
});

test('passes interim responses on', async () => {
  origin.respond = (connection) =>
    connection.socket.write(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    );
  const client = await RawClient.connect(port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).head).toBe('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
  expect((await client.response()).body).toBe('ok');
  client.socket.destroy();
});

test('delivers server-sent events as they arrive, and both directions at once', async () => {
  origin.respond = (connection, bytes) => {
    if (bytes.includes('\r\n\r\n')) {
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n');
    } else connection.socket.write(`data: ${bytes.split('\r\n')[1]!}\n\n`);
  };
  const client = await RawClient.connect(port);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  await client.until(() => client.received.includes('\r\n\r\n'));
  for (const word of ['one', 'two', 'three']) {
    client.send(`${word.length.toString(16)}\r\n${word}\r\n`);
    await client.until(() => client.received.includes(`data: ${word}`));
  }
  client.socket.destroy();
  await origin.until(() => origin.connections[0]!.isClosed);
});

test('tunnels WebSocket after the upstream has agreed, also bytes sent too early', async () => {
  origin.respond = (connection, bytes) => {
    if (bytes.startsWith('GET')) {
      connection.socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi',
      );
      if (bytes.endsWith('early')) connection.socket.write('[early]');
    } else connection.socket.write(`[${bytes}]`);
  };
  const client = await RawClient.connect(port);
  client.send(
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\nearly',
  );
  await client.until(() => client.received.includes('hi') && client.received.includes('[early]'));
  expect(client.received).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  expect(origin.received).toContain('Connection: Upgrade\r\nUpgrade: websocket\r\n');
  expect(origin.received).toContain('X-Forwarded-Proto: ws\r\n');
  client.send('ping');
  await client.until(() => client.received.endsWith('[ping]'));
  client.socket.end();
  await client.closed();
  await origin.until(() => origin.connections[0]!.isClosed);
});

test('a client that leaves cancels the upstream request', async () => {
  origin.respond = () => {};
  const client = await RawClient.connect(port);
  client.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await origin.until(() => origin.received.includes('/slow'));
  client.socket.destroy();
  await origin.until(() => origin.connections[0]!.isClosed);
});

test.each([
  ['Content-Length: 10\r\n\r\nabc', 'abc'],
  ['Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', 'abc'],
])('a body cut short by the origin never ends cleanly (%j)', async (rest, part) => {
  origin.respond = (connection) => {
    connection.socket.write(`HTTP/1.1 200 OK\r\n${rest}`);
    connection.socket.end();
  };
  const client = await RawClient.connect(port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.closed();
  expect(client.received).toContain(part);
  expect(client.received.endsWith('0\r\n\r\n')).toBe(false);
});

test('a kept upstream connection that dies is replaced for an idempotent request, not for another', async () => {
  let requests = 0;
  origin.respond = (connection) => {
    requests++;
    if (requests === 2) connection.socket.destroy();
    else connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  };
  const client = await RawClient.connect(port);
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).status).toBe(200);
  client.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).status).toBe(200);
  requests = 1;
  client.send('POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
  expect((await client.response()).status).toBe(502);
  client.socket.destroy();
});

test('a refused connection is 502, and the reason is counted', async () => {
  await using dead = await RecordingOrigin.start();
  const deadPort = dead.port;
  await dead[Symbol.asyncDispose]();
  await using other = await startRouter({ install: simpleInstall(deadPort) });
  const response = await RawClient.exchange(other.ports['web']!, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(response.status).toBe(502);
  const metrics = await (await fetch(`http://127.0.0.1:${other.ports['traefik']!}/metrics`)).text();
  expect(metrics).toContain(
    'signalbox_service_failures_total{service="origin@install",flag="upstream_connect_refused"} 1',
  );
});

test('an early answer drains a small body and keeps the connection, and closes on a large one', async () => {
  await using strict = await startRouter({
    install: simpleInstall(origin.port).replace('PathPrefix(`/`)', 'PathPrefix(`/known`)'),
  });
  const client = await RawClient.connect(strict.ports['web']!);
  client.send(`POST /unknown HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345`);
  expect((await client.response()).status).toBe(404);
  client.send('67890GET /known HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).body).toBe('ok');
  client.send(`POST /unknown HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n12345`);
  expect((await client.response()).head).toContain('Connection: close\r\n');
  await client.closed();
});

test('a stalled client stops the upstream instead of filling memory', async () => {
  const piece = 'x'.repeat(64 * 1024);
  let sent = 0;
  let isBlocked = false;
  origin.respond = (connection) => {
    connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n');
    const fill = (): void => {
      while (sent < 1_073_741_824) {
        sent += piece.length;
        if (!connection.socket.write(piece)) {
          isBlocked = true;
          connection.socket.once('drain', fill);
          return;
        }
      }
    };
    fill();
  };
  const client = await RawClient.connect(port);
  client.socket.pause();
  client.send('GET /big HTTP/1.1\r\nHost: a\r\n\r\n');
  const before = await residentBytes();
  await origin.until(() => origin.connections.length === 1 && isBlocked);
  // The origin cannot write any more: ask until two answers in a row show the same count.
  for (let last = -1; last !== sent;) {
    last = sent;
    await RawClient.exchange(router.ports['traefik']!, 'GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  expect((await residentBytes()) - before).toBeLessThan(32 * 1024 * 1024);
  client.socket.destroy();
  await origin.until(() => origin.connections[0]!.isClosed);

  async function residentBytes(): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${router.ports['traefik']!}/metrics`)).text();
    return Number(/^signalbox_process_resident_memory_bytes (\S+)$/m.exec(text)![1]);
  }
});
