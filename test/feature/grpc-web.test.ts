// gRPC-Web: what a browser sends, to a real gRPC server, through the built program.

import grpc from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { startGrpcServer } from '../support/grpc.ts';
import { forFile } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';

const server = await forFile(
  startGrpcServer({
    unary(made: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) {
      const trailers = new grpc.Metadata();
      trailers.set('x-length', String(made.request.length));
      if (made.request === 'refuse') done({ code: grpc.status.NOT_FOUND, details: 'none', metadata: trailers });
      else done(null, made.request.toUpperCase(), trailers);
    },
    repeat(made: grpc.ServerWritableStream<string, string>) {
      for (let index = 0; index < Number(made.request); index++) made.write(`message ${index}`);
      made.end();
    },
    collect() {},
    chat() {},
  }),
);
const router = await forFile(
  startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
accessLog: { format: json }
http:
  routers:
    listed: { rule: "Host(\`listed.test\`)", service: s, middlewares: [listed] }
    any: { rule: "PathPrefix(\`/\`)", service: s, middlewares: [any] }
  middlewares:
    listed: { grpcWeb: { allowOrigins: ["https://shop.test"] } }
    any: { grpcWeb: { allowOrigins: ["*"] } }
  services:
    s: { loadBalancer: { servers: [{ url: "h2c://127.0.0.1:${server.port}" }] } }
`,
  }),
);
const base = `http://127.0.0.1:${router.ports['web']!}`;

function messageOf(text: string): Buffer {
  const frame = Buffer.alloc(5 + text.length);
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5);
  return frame;
}

/** Frames of a body: messages, then trailers. */
function framesOf(bytes: Buffer): { messages: string[]; trailers: string[] } {
  const messages: string[] = [];
  const trailers: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at + 1);
    const text = bytes.toString('latin1', at + 5, at + 5 + length);
    if (bytes[at] === 0x80) trailers.push(...text.split('\r\n').slice(0, -1));
    else messages.push(text);
    at += 5 + length;
  }
  return { messages, trailers };
}

async function call(method: string, message: string, type: string, headers: Record<string, string> = {}) {
  const isText = type.includes('-text');
  const body = isText ? messageOf(message).toString('base64') : messageOf(message);
  const answer = await fetch(`${base}/test.Echo/${method}`, {
    method: 'POST',
    headers: { 'content-type': type, 'x-grpc-web': '1', ...headers },
    body,
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  // Each part is padded for itself.
  const decoded = isText
    ? Buffer.concat(bytes.toString().match(/[^=]+=*/g)!.map((part) => Buffer.from(part, 'base64'))) // prettier-ignore
    : bytes;
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    headers: answer.headers,
    ...framesOf(decoded),
  };
}

test.each([['application/grpc-web+proto'], ['application/grpc-web'], ['application/grpc-web-text+proto'], ['application/grpc-web-text']])(
  'unary calls as %s',
  async (type) => {
    const answer = await call('Unary', 'hello', type);
    expect(answer).toMatchObject({ status: 200, messages: ['HELLO'] });
    expect(answer.type).toMatch(type.includes('-text') ? /^application\/grpc-web-text/ : /^application\/grpc-web/);
    expect(answer.trailers).toEqual(expect.arrayContaining(['grpc-status: 0', 'x-length: 5']));
  },
); // prettier-ignore

test.each([['application/grpc-web+proto'], ['application/grpc-web-text']])('streams as %s', async (type) => {
  const answer = await call('Repeat', '5', type);
  expect(answer.messages).toEqual(Array.from({ length: 5 }, (_, index) => `message ${index}`));
  expect(answer.trailers).toContain('grpc-status: 0');
});

test('an error status comes in the last frame', async () => {
  const { status, messages, trailers } = await call('Unary', 'refuse', 'application/grpc-web+proto');
  expect([status, messages]).toEqual([200, []]);
  expect(trailers).toEqual(expect.arrayContaining(['grpc-status: 5', 'grpc-message: none']));
});

test('a body that is no Base64: 400', async () => {
  const client = await RawClient.connect(router.ports['web']!);
  client.send(
    'POST /test.Echo/Unary HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web-text\r\nContent-Length: 8\r\n\r\nAAAAAA*=',
  );
  expect((await client.response()).status).toBe(400);
  client.socket.destroy();
});

test('pages of listed origins may read answers, with credentials; others may not', async () => {
  const listed = { host: 'listed.test', origin: 'https://shop.test' };
  const ask = (origin: string): Promise<Headers> => ask0({ ...listed, origin });
  const ask0 = async (headers: Record<string, string>): Promise<Headers> => {
    const client = await RawClient.connect(router.ports['web']!);
    const message = messageOf('x').toString('latin1');
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join(''); // prettier-ignore
    client.send(
      `POST /test.Echo/Unary HTTP/1.1\r\n${fields}Content-Type: application/grpc-web\r\nContent-Length: ${message.length}\r\n\r\n${message}`,
    );
    const { head } = await client.response();
    client.socket.destroy();
    const lines = head.split('\r\n').slice(1, -2);
    return new Headers(lines.map((line) => line.split(': ', 2) as [string, string]));
  };
  const good = await ask('https://shop.test');
  expect(good.get('access-control-allow-origin')).toBe('https://shop.test');
  expect(good.get('access-control-allow-credentials')).toBe('true');
  expect(good.get('access-control-expose-headers')).toContain('grpc-status');
  expect(good.get('vary')).toContain('Origin');
  const bad = await ask('https://evil.test');
  expect(bad.get('access-control-allow-origin')).toBeNull();
  expect(bad.get('vary')).toContain('Origin');
});

test('preflights are answered; with * for every origin, without credentials', async () => {
  const preflight = (origin: string, host: string): Promise<string> =>
    RawClient.exchange(
      router.ports['web']!,
      `OPTIONS /test.Echo/Unary HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nAccess-Control-Request-Method: POST\r\n` +
        'Access-Control-Request-Headers: content-type,x-grpc-web,x-user-agent\r\n\r\n',
      'OPTIONS',
    ).then(({ head }) => head);
  const any = await preflight('https://anyone.test', 'a');
  expect(any).toMatch(/^HTTP\/1.1 204 /);
  expect(any).toMatch(/Access-Control-Allow-Origin: \*\r\n/);
  expect(any).toMatch(/Access-Control-Allow-Headers: content-type,x-grpc-web,x-user-agent\r\n/);
  expect(any).not.toMatch(/credentials/i);
  expect(await preflight('https://shop.test', 'listed.test')).toMatch(/Allow-Origin: https:\/\/shop.test\r\n/);
  expect(await preflight('https://evil.test', 'listed.test')).not.toMatch(/Allow-Origin/);
});

test('other requests pass unchanged', async () => {
  const answer = await fetch(`${base}/test.Echo/Unary`, {
    method: 'POST',
    body: 'x',
    headers: { origin: 'https://a.test' },
  });
  // What grpc-js says to a content type that is none of its own.
  expect(answer.status).toBe(415);
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
});
