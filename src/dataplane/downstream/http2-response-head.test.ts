// Which length a head of HTTP/2 speaks of, and whose date.

import { expect, test } from 'vitest';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from '../http/body.ts';
import { http2Lab } from '../../../test/support/downstream-http2.ts';
import { beginResponse } from '../../../test/support/downstream.ts';
import { FrameLines } from '../../../test/support/http2-frames.ts';
import { GET } from '../../../test/support/raw-http2.ts';

test.each([
  ['GET', 200, BODY_LENGTH, ['content-length=3']],
  ['GET', 200, BODY_CHUNKED, []],
  ['GET', 200, BODY_NONE, ['content-length=0']],
  ['GET', 204, BODY_LENGTH, []],
  ['GET', 304, BODY_NONE, []],
  ['HEAD', 200, BODY_LENGTH, ['content-length=3']],
  ['HEAD', 200, BODY_NONE, []],
] as const)('%s, %i, a body of kind %i', async (method, status, framing, expected) => {
  const { ask, lines } = await http2Lab();
  beginResponse(ask(1, [[':method', method], ...GET.slice(1)]), status, framing, 3);
  expect(await lines()).toEqual([['HEADERS 1', `:status=${status}`, ...expected].join(' ')]);
});

test('calls of gRPC have no length when there is no body', async () => {
  const { ask, lines } = await http2Lab();
  const exchange = ask(1, [...GET, ['content-type', 'application/grpc']]);
  beginResponse(exchange, 200, BODY_NONE);
  expect(await lines()).toEqual(['HEADERS 1 :status=200']);
});

test('the date is the one that an origin gave, and ours where it gave none', async () => {
  const { ask, socket } = await http2Lab();
  const dated = ask(1);
  dated.responseHeaders.append('Date', 'yesterday');
  beginResponse(dated, 200, BODY_CHUNKED);
  beginResponse(ask(3), 200, BODY_CHUNKED);
  await new Promise(setImmediate);
  const [first, second] = new FrameLines(/^:/).read(socket.bytes);
  expect(first).toBe('HEADERS 1 date=yesterday');
  expect(second).toMatch(/^HEADERS 3 date=\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
});
