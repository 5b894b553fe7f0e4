// Servers of HTTP/2 that misbehave: the client gets 502, or sees the response break off; the connection is given up
// where the protocol says so, and the next request is served by another one.

import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { block, frame, GET, RawHttp2, RawHttp2Server, settings, uint32, type Frame } from '../support/raw-http2.ts';
import { startRouter } from '../support/router.ts';
import { mutate, SeededRandom } from './byte-mutator.ts';

const origin = await forFile(RawHttp2Server.start());
const router = await forFile(
  startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
accessLog: { format: json }
serversTransport: { maxResponseHeaderBytes: 4096, maxResponseHeaderCount: 50, forwardingTimeouts: { responseHeaderTimeout: 0s, dialTimeout: 0s } }
http:
  routers:
    all: { rule: "PathPrefix(\`/\`)", service: origin }
    hasty: { rule: "Path(\`/hasty\`)", priority: 1000, service: hasty }
  services:
    origin: { loadBalancer: { servers: [{ url: "h2c://127.0.0.1:${origin.port}" }] } }
    hasty: { loadBalancer: { serversTransport: hasty, servers: [{ url: "h2c://127.0.0.1:${origin.port}" }] } }
  serversTransports: { hasty: { forwardingTimeouts: { responseHeaderTimeout: 300ms, dialTimeout: 300ms } } }
`,
  }),
);
const port = router.ports['web']!;
beforeEach(() => origin.reset());

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = block([[':status', '200']]);

function flagOf(record: string): string {
  return (JSON.parse(record) as { ResponseFlag: string }).ResponseFlag;
}

let provoked = 0;

/** Sends a request, lets the server answer with the bytes, and returns what the client got. */
async function provoke(bytes: Buffer): Promise<{ status: number; flag: string; server: RawHttp2 }> {
  // Lines of earlier requests may still be on their way.
  const path = `/provoked-${++provoked}`;
  const client = await RawClient.connect(port);
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const server = await origin.connection(origin.connections.length);
  await server.request(1);
  server.send(bytes);
  const { status } = await client.response();
  const lineOf = (printed: string): string | undefined =>
    printed.split('\n').find((line) => line.endsWith('}') && line.includes(`"${path}"`));
  await router.prints((printed) => lineOf(printed) !== undefined);
  client.socket.destroy();
  return { status, flag: flagOf(lineOf(router.stdout())!), server };
}

const SPREAD = Array.from({ length: 40 }, () => frame(9, 0, 1, block([['x', 'y'.repeat(200)]])));

test.each([
  ['a pushed stream', frame(5, 4, 1, Buffer.concat([uint32(2), block(GET)])), 1],
  ['a frame larger than allowed', Buffer.from([0x00, 0x40, 0x01, 0, 0, 0, 0, 0, 1]), 6],
  ['DATA on stream 0', frame(0, 0, 0, 'x'), 1],
  ['HEADERS on a stream nobody opened', frame(1, 5, 3, OK), 1],
  ['HEADERS on a stream of the server’s own', frame(1, 5, 2, OK), 1],
  ['DATA on a stream nobody opened', frame(0, 1, 7, 'x'), 1],
  ['a header block that is none', frame(1, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])), 9],
  ['a table larger than allowed', frame(1, 5, 1, Buffer.concat([Buffer.from([0x3f, 0xff, 0xff, 0x03]), OK])), 9],
  ['a header block broken by another frame', Buffer.concat([frame(1, 0, 1, OK), frame(6, 0, 0, 'pingpong')]), 1],
  ['CONTINUATION without an end', Buffer.concat([frame(1, 0, 1, OK), ...SPREAD]), 11],
  ['CONTINUATION of nothing', frame(9, 4, 1, OK), 1],
  ['SETTINGS of a wrong size', frame(4, 0, 0, 'abc'), 6],
  ['SETTINGS that allow pushing', frame(4, 0, 0, settings([2, 1])), 1],
  ['a window that overflows', frame(8, 0, 0, uint32(0x7fff_ffff)), 3],
  ['a window update of nothing', frame(8, 0, 0, uint32(0)), 1],
  ['a flood of PINGs', Buffer.concat(Array.from({ length: 3000 }, () => frame(6, 0, 0, 'pingpong'))), 11],
  ['a flood of SETTINGS', Buffer.concat(Array.from({ length: 300 }, () => frame(4, 0, 0))), 11],
  ['a flood of empty DATA', Buffer.concat([frame(1, 4, 1, OK), ...Array.from({ length: 3000 }, () => frame(0, 0, 1))]), 11],
] as const)('%s ends the connection, with a reason', async (name, bytes, code) => {
  const flag = code === 11 ? 'upstream_http2_flood' : 'upstream_http2_error';
  const count = (printed: string): number => printed.split(`"${flag}"`).length;
  const before = count(router.stdout());
  const client = await RawHttp2.connect(port);
  client.headers(1, GET);
  const server = await origin.connection(0);
  await server.request(1);
  server.send(bytes);
  expect([name, await server.goaway(code)]).toEqual([name, code]);
  await client.until(() => client.frames.some(({ type, streamId, fields }) => streamId === 1 && (type === 3 || fields[':status'] === '502')));
  await server.closed();
  await router.prints((printed) => count(printed) > before);
  client.headers(3, GET);
  const next = await origin.connection(1);
  await next.request(1);
  next.headers(1, [[':status', '200']]);
  expect(await client.status(3)).toBe('200');
  client.socket.destroy();
}); // prettier-ignore

test.each([
  ['no status', block([['x', '1']]), 'upstream_bad_response'],
  ['two statuses', block([[':status', '200'], [':status', '200']]), 'upstream_bad_response'],
  ['a status behind a field', block([['x', '1'], [':status', '200']]), 'upstream_bad_response'],
  ['a status that is none', block([[':status', '2x0']]), 'upstream_bad_response'],
  ['101', block([[':status', '101']]), 'upstream_bad_response'],
  ['a pseudo-header of requests', block([[':status', '200'], [':path', '/']]), 'upstream_bad_response'],
  ['an upper-case name', block([[':status', '200'], ['X-A', '1']]), 'upstream_bad_response'],
  ['a connection-specific field', block([[':status', '200'], ['transfer-encoding', 'chunked']]), 'upstream_bad_response'],
  ['a line break in a value', block([[':status', '200'], ['x', 'a\r\nset-cookie: b']]), 'upstream_bad_response'],
  ['two lengths', block([[':status', '200'], ['content-length', '1'], ['content-length', '1']]), 'upstream_bad_response'],
  ['a length without a body', block([[':status', '200'], ['content-length', '5']]), 'upstream_bad_response'],
  ['too many fields', block([[':status', '200'], ...Array.from({ length: 60 }, () => ['x', '1'] as const)]), 'upstream_headers_too_large'],
  ['too large a head', block([[':status', '200'], ['x', 'a'.repeat(5000)]]), 'upstream_headers_too_large'],
] as const)('%s: 502, and the connection goes on', async (_, fields, expected) => {
  const { status, flag, server } = await provoke(frame(1, 5, 1, fields));
  expect([status, flag]).toEqual([502, expected]);
  expect(await server.reset(1)).toBe(1);
  const next = RawClient.exchange(port, REQUEST);
  await server.request(3);
  server.headers(3, [[':status', '200']]);
  expect((await next).status).toBe(200);
}); // prettier-ignore

test('a flood of interim responses: 502', async () => {
  const client = await RawHttp2.connect(port);
  client.headers(1, GET);
  const server = await origin.connection(0);
  await server.request(1);
  for (let index = 0; index < 150; index++) server.headers(1, [[':status', '103']], false);
  expect(await client.status(1)).toBe('502');
  client.socket.destroy();
});

test.each([
  ['more than announced', [['content-length', '3']], [frame(0, 0, 1, 'abcdef')]],
  ['less than announced', [['content-length', '9']], [frame(0, 1, 1, 'abc')]],
  ['trailers that do not end', [], [frame(0, 0, 1, 'abc'), frame(1, 4, 1, block([['x', '1']]))]],
  ['too many trailers', [], [frame(0, 0, 1, 'abc'), frame(1, 5, 1, block(Array.from({ length: 49 }, () => ['x', 'y'.repeat(60)] as const)))]],
  ['a pseudo-header among trailers', [], [frame(0, 0, 1, 'abc'), frame(1, 5, 1, block([[':status', '200']]))]],
  ['more than the window', [], Array.from({ length: 5 }, () => frame(0, 0, 1, Buffer.alloc(16_384)))],
] as const)('a body with %s never looks complete', async (name, fields, frames) => {
  // The window stays shut where it is what counts: this client reads nothing.
  const client = await RawHttp2.connect(port, name === 'more than the window' ? settings([4, 0]) : settings());
  client.headers(1, GET);
  const server = await origin.connection(0);
  await server.request(1);
  server.headers(1, [[':status', '200'], ...fields], false);
  server.send(...frames);
  await client.reset(1);
  expect(client.frames.some(({ type, flags, streamId }) => streamId === 1 && type < 2 && (flags & 1) !== 0)).toBe(false);
  expect(await server.reset(1)).toBe(1);
  client.socket.destroy();
}); // prettier-ignore

test('trailers that may not come behind a body are left out', async () => {
  const client = await RawHttp2.connect(port);
  client.headers(1, GET);
  const server = await origin.connection(0);
  await server.request(1);
  server.headers(1, [[':status', '200']], false);
  server.data(1, 'abc');
  const trailers = [
    ['grpc-status', '0'],
    ['content-length', '9'],
    ['set-cookie', 'a=b'],
    ['x-own', '1'],
  ] as const;
  server.send(frame(1, 5, 1, block(trailers)));
  expect((await client.ended(1)).fields).toEqual({ 'grpc-status': '0', 'x-own': '1' });
  client.socket.destroy();
});

test('a server that speaks HTTP/1.1 instead: 502, whatever it says', async () => {
  origin.settings = null;
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  const server = await origin.connection(0);
  server.send(Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
  expect((await client.response()).status).toBe(502);
  client.socket.destroy();
});

test('mutated answers end each request, and the router lives', async () => {
  const answer = Buffer.concat([
    frame(4, 0, 0, settings([3, 100])),
    frame(1, 4, 1, block([[':status', '103'], ['link', '</a>']])),
    frame(1, 4, 1, block([[':status', '200'], ['content-length', '8'], ['x-a', 'b']])),
    frame(0, 0, 1, 'abcd'),
    frame(6, 0, 0, 'pingpong'),
    frame(8, 0, 1, uint32(1000)),
    frame(0, 1, 1, 'efgh'),
  ]); // prettier-ignore
  const isOver = ({ type, flags, streamId }: Frame): boolean =>
    streamId === 1 && (type === 3 || (type < 2 && (flags & 1) !== 0));
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      origin.settings = null;
      const client = await RawHttp2.connect(port);
      // Some allow no request, and no server comes that does.
      client.headers(
        1,
        GET.map(([field, value]) => [field, field === ':path' ? '/hasty' : value] as const),
      );
      const over = client.until(() => client.frames.some(isOver));
      // It may have waited for a connection of the one before in vain.
      const server = await Promise.race([origin.connection(origin.connections.length), over]);
      if (server === undefined) {
        client.socket.destroy();
        return;
      }
      asked++;
      server.send(Buffer.from(mutate(new SeededRandom(seed), [answer.toString('latin1')]), 'latin1'));
      server.socket.end();
      await over;
      client.socket.destroy();
    }),
    { numRuns: 200 },
  );
  expect(asked).toBeGreaterThan(20);
  expect(router.stderr()).not.toMatch(/handler failed|worker/i);
});
