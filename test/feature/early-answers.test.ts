// Answers that come before the request's body is there: they reach the client, and a client that is told that its
// connection goes on can rely on it.

import net, { type AddressInfo } from 'node:net';
import http2 from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const UPLOAD = 20_000_000;
const REFUSAL = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large';

let origin: net.Server;
let router: RouterProcess;
let port: number;

/** Answers heads of requests; under /gone it breaks off without having read the body. */
function serve(socket: net.Socket): void {
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  socket.on('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1');
    for (const [, path] of text.matchAll(/^(?:PUT|POST|GET) (\S+) HTTP/gm)) {
      if (path === '/gone') {
        socket.pause();
        // Not read: closing resets.
        socket.write(REFUSAL, () => socket.destroy());
      } else if (path === '/refuse') socket.write(REFUSAL);
      else if (path === '/fields')
        socket.write(`HTTP/1.1 413 No\r\nConnection: close\r\n\r\nuntil`, () => socket.end());
      else if (path !== '/small') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    }
  });
}

beforeAll(async () => {
  origin = net.createServer({ allowHalfOpen: true, noDelay: true }, serve);
  await new Promise<void>((resolve) => {
    origin.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`; // A TCP server.
  router = await startRouter({
    install: `
entryPoints:
  web: { address: "127.0.0.1:0", http: {} }
  traefik: { address: "127.0.0.1:0" }

http:
  routers:
    all: { rule: "PathPrefix(\`/\`)", service: origin }
    small: { rule: "Path(\`/small\`)", priority: 100, service: origin, middlewares: [small] }
    guarded: { rule: "Path(\`/guarded\`)", service: origin, middlewares: [guarded] }
  middlewares:
    small: { buffering: { maxRequestBodyBytes: 1000 } }
    guarded: { basicAuth: { users: ["cat:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="] } }
  services:
    origin: { loadBalancer: { servers: [{ url: "${url}" }] } }
`,
  });
  port = router.ports['web']!;
});
afterAll(async () => {
  await router?.[Symbol.asyncDispose]();
  origin?.close();
});

/**
 * Writes the whole upload, as fast as it is taken, before it reads anything: what a client with blocking calls does.
 */
function upload(path: string, framing: 'length' | 'chunked'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let received = '';
    const piece = Buffer.alloc(64 * 1024, 'x');
    const block = framing === 'length' ? piece : Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
    let left = Math.ceil(UPLOAD / piece.length);
    const length = `Content-Length: ${left * piece.length}`;
    socket.pause();
    socket.write(
      `PUT ${path} HTTP/1.1\r\nHost: a\r\n${framing === 'length' ? length : 'Transfer-Encoding: chunked'}\r\n\r\n`,
    );
    const next = (): void => {
      if (left-- > 0) {
        socket.write(block, next);
        return;
      }
      if (framing === 'chunked') socket.write('0\r\n\r\n');
      socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      socket.resume();
    };
    socket.on('connect', next);
    socket.on('error', reject);
    socket.on('end', () => {
      socket.destroy();
      resolve(received);
    });
  });
}

test.each(['/refuse', '/gone', '/small', '/guarded'])(
  'a refusal of a large upload reaches a client that writes all of it first: %s',
  async (path) => {
    for (let round = 0; round < 6; round++) {
      const answers = await Promise.all([upload(path, 'length'), upload(path, 'chunked')]);
      for (const answer of answers) {
        expect(answer).toMatch(path === '/guarded' ? /^HTTP\/1\.1 401 / : /^HTTP\/1\.1 413 /);
        expect(answer).toContain('Connection: close\r\n');
      }
    }
  },
);

test('what a server says before it breaks off is heard, whatever the upload', async () => {
  for (let round = 0; round < 10; round++) {
    const client = await RawClient.connect(port);
    const body = 'x'.repeat(200_000);
    client.send(`PUT /gone HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length * 10}\r\n\r\n`);
    for (let piece = 0; piece < 10; piece++) client.send(body);
    expect((await client.response()).body).toBe('too large');
    client.socket.destroy();
  }
});

test('an answer to an upload of unknown length announces that the connection ends', async () => {
  const client = await RawClient.connect(port);
  client.send('POST /refuse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  expect((await client.response()).head).toContain('Connection: close\r\n');
  client.socket.destroy();
});

test('an answer that keeps the connection keeps it', async () => {
  const client = await RawClient.connect(port);
  const body = 'x'.repeat(100_000);
  client.send(`POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
  const answer = await client.response();
  expect(answer.head).not.toContain('Connection: close');
  client.send(body);
  client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).body).toBe('ok');
  client.socket.destroy();
});

test('an upload over HTTP/2 is refused with its answer, and the connection stays', async () => {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const statuses: unknown[] = [];
  for (const path of ['/refuse', '/gone', '/small', '/guarded', '/refuse']) {
    const stream = session.request({ ':method': 'PUT', ':path': path });
    const piece = Buffer.alloc(1_000_000, 'x');
    stream.on('error', () => {});
    const next = (): void => {
      if (!stream.destroyed && !stream.writableEnded) stream.write(piece, next);
    };
    next();
    statuses.push(
      await new Promise((resolve) => {
        stream.on('response', (head) => resolve(head[':status']));
        stream.on('close', () => resolve('closed'));
      }),
    );
    stream.resume();
    await new Promise((resolve) => (stream.closed ? resolve(null) : stream.once('close', resolve)));
  }
  expect(statuses).toEqual([413, 413, 413, 401, 413]);
  expect(session.closed).toBe(false);
  session.destroy();
});
