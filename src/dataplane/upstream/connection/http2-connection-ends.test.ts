// How a connection of HTTP/2 to a server leaves and ends, what it takes for a server that has gone wrong, and what late
// frames mean.

import { expect, test } from 'vitest';
import { BODY_CHUNKED } from '../../http/body.ts';
import { block, frame, settings, uint32, type FieldPair } from '../../../../test/support/raw-http2.ts';
import { bareUpstreamHttp2Lab, upstreamHttp2Lab } from '../../../../test/support/upstream-http2.ts';

const OK: FieldPair = [':status', '200'];

function head(streamId: number, endStream = false): Buffer {
  return frame(1, endStream ? 5 : 4, streamId, block([OK]));
}

function goaway(lastStreamId: number): Buffer {
  return frame(7, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(0)]));
}

test('introduces itself, and is ready when the server has', async () => {
  const { lines, says, heard, connection } = bareUpstreamHttp2Lab({ maxResponseHeaderBytes: 5000 });
  expect(await lines()).toEqual(['SETTINGS 0 2=0 6=5000', 'WINDOW 0 4128769']);
  expect(connection.canTake).toBe(false);
  says(frame(4, 0, 0, settings([8, 1])));
  expect([heard, connection.canTake, connection.canTunnel, connection.isIdle]).toEqual([['ready'], true, true, true]);
});

test('rests for its time, and says goodbye; a server that does not close is cut off', async () => {
  const one = await upstreamHttp2Lab();
  one.pass(800);
  one.ask();
  one.pass(800);
  one.says(head(1, true));
  one.pass(800);
  expect(one.heard).toEqual(['answered 200', 'finished']);
  await one.lines();
  one.pass(400);
  expect([one.heard.slice(2), await one.lines(), one.socket.calls]).toEqual([
    ['leaving', 'gone upstream_closed'],
    ['GOAWAY 0 0 0'],
    ['end'],
  ]);
  one.pass(1800);
  expect(one.socket.calls).toEqual(['end']);
  one.pass(400);
  expect(one.socket.calls).toEqual(['end', 'destroy']);
});

test('leaving, it takes no more, finishes what it has, and then goes', async () => {
  const one = await upstreamHttp2Lab();
  one.ask();
  one.connection.leave();
  one.connection.leave();
  expect([one.heard, one.connection.canTake, one.socket.calls]).toEqual([['leaving'], false, []]);
  one.says(head(1, true));
  expect(one.heard).toEqual(['leaving', 'answered 200', 'gone upstream_closed', 'finished']);
  one.connection.onEnd();
  expect([one.heard.length, one.socket.destroyed]).toEqual([4, true]);
});

test('GOAWAY: what the server has not seen may go elsewhere, the rest goes on', async () => {
  const one = await upstreamHttp2Lab();
  one.ask();
  one.ask();
  one.says(goaway(1));
  expect(one.heard).toEqual(['leaving', 'finished', 'failed upstream_refused untouched unseen']);
  one.says(head(1, true));
  expect(one.heard.slice(3)).toEqual(['answered 200', 'gone upstream_closed', 'finished']);
});

test.each([
  ['in order', (one: Awaited<ReturnType<typeof upstreamHttp2Lab>>) => one.connection.onEnd(), 'upstream_closed'],
  [
    'without a word',
    (one: Awaited<ReturnType<typeof upstreamHttp2Lab>>) => one.connection.onClose(null),
    'upstream_closed',
  ],
  [
    'by a reset',
    (one: Awaited<ReturnType<typeof upstreamHttp2Lab>>) => one.connection.onClose(new Error('x')),
    'upstream_reset',
  ],
  ['by this side', (one: Awaited<ReturnType<typeof upstreamHttp2Lab>>) => one.connection.destroy(), 'upstream_closed'],
])('ended %s, it takes its requests along, once', async (_, end, flag) => {
  const one = await upstreamHttp2Lab();
  one.ask();
  end(one);
  one.connection.onClose(null);
  one.says(head(1));
  // The first one on it: it cannot have been a kept connection that was dead.
  expect(one.heard).toEqual([`gone ${flag}`, 'finished', `failed ${flag} untouched`]);
  const kept = await upstreamHttp2Lab();
  kept.ask();
  kept.says(head(1, true));
  kept.ask();
  end(kept);
  expect(kept.heard.at(-1)).toBe(`failed ${flag} untouched reused`);
});

test('a write that fails leaves the answers that the server has given before', async () => {
  const one = await upstreamHttp2Lab({ idleConnTimeoutMs: 60_000, responseHeaderTimeoutMs: 0 });
  one.ask();
  one.ask();
  one.socket.asSocket.destroy(Object.assign(new Error('EPIPE'), { code: 'EPIPE', syscall: 'write' }));
  expect([one.connection.canTake, one.heard]).toEqual([false, []]);
  one.says(head(1, true));
  expect(one.heard).toEqual(['answered 200', 'finished']);
  one.pass(1900);
  expect(one.heard).toHaveLength(2);
  one.pass(200);
  expect(one.heard.slice(2)).toEqual(['gone upstream_reset', 'finished', 'failed upstream_reset untouched reused']);
});

test('a server that takes nothing is not read, and given up when it does not move', async () => {
  const one = await upstreamHttp2Lab({ idleConnTimeoutMs: 60_000, responseHeaderTimeoutMs: 0 });
  one.socket.isStuck = true;
  one.ask();
  const ping = frame(6, 0, 0, '12345678');
  const paid = Buffer.concat([frame(0, 0, 1, Buffer.alloc(1024)), ping, ping, ping, ping]);
  one.says(head(1));
  for (let count = 0; count < 4000; count++) one.says(paid);
  expect([one.socket.calls, one.connection.canTake]).toEqual([['pause'], false]);
  await one.lines();
  one.socket.take();
  expect([one.socket.calls, one.connection.canTake]).toEqual([['pause', 'resume'], true]);
  one.pass(3000);
  expect(one.heard).toEqual(['answered 200']);
  for (let count = 0; count < 4000; count++) one.says(paid);
  await one.lines();
  one.pass(1200);
  expect(one.heard.slice(1)).toEqual(['gone upstream_write_timeout', 'finished', 'failed upstream_write_timeout']);
});

test('a server that resets whatever comes is asked elsewhere, unless it answers in between', async () => {
  const one = await upstreamHttp2Lab();
  let id = 1;
  for (; id < 19; id += 2) {
    one.ask();
    one.says(frame(3, 0, id, uint32(2)));
  }
  one.ask();
  one.says(head(id, true));
  for (id += 2; id < 39; id += 2) {
    one.ask();
    one.says(frame(3, 0, id, uint32(2)));
  }
  expect(one.heard).not.toContain('leaving');
  one.ask();
  one.says(frame(3, 0, id, uint32(2)));
  expect(one.heard).toContain('leaving');
});

test.each([
  ['a head of a stream that never was', head(3), 'GOAWAY 0 0 1'],
  ['a head of one that it opened', head(2), 'GOAWAY 0 0 1'],
  ['data of a stream that never was', frame(0, 0, 3, 'x'), 'GOAWAY 0 0 1'],
  ['a reset of one', frame(3, 0, 3, uint32(2)), 'GOAWAY 0 0 1'],
  ['data that is more than may come', frame(0, 0, 1, 'x'.repeat(16_384)), ''],
])('%s', async (_, bytes, expected) => {
  const one = await upstreamHttp2Lab();
  one.ask();
  await one.lines();
  one.says(bytes);
  if (expected !== '') expect([(await one.lines())[0], one.heard[0]]).toEqual([expected, 'gone upstream_http2_error']);
  else expect((await one.lines()).at(-1)).toBe('RESET 1 1');
});

test('frames of a stream that is over are dropped, but for those behind its end', async () => {
  const one = await upstreamHttp2Lab();
  const { exchange } = one.ask();
  one.ask();
  exchange.responseSource!.cancel();
  await one.lines();
  one.says(head(1), frame(0, 0, 1, 'x'), frame(0, 0, 1), frame(8, 0, 1, uint32(1)), frame(3, 0, 1, uint32(2)));
  expect(await one.lines()).toEqual([]);
  const held = one.ask((its) => Object.assign(its, { method: 'POST', requestFraming: BODY_CHUNKED }));
  held.client.isFull = true;
  one.says(head(5), frame(0, 0, 5, 'x'), frame(0, 1, 5, 'y'));
  one.says(frame(0, 0, 5, 'z'));
  expect((await one.lines()).at(-1)).toBe('GOAWAY 0 0 5');
});

test('a window that is widened too far, or by nothing, costs its stream', async () => {
  for (const increment of [0, 0x7fff_ffff]) {
    const one = await upstreamHttp2Lab();
    one.ask();
    await one.lines();
    one.says(frame(8, 0, 1, uint32(increment)));
    expect([await one.lines(), one.heard]).toEqual([
      ['RESET 1 1'],
      ['finished', 'failed upstream_http2_error untouched'],
    ]);
  }
});

test('a server that floods its connection is cut off', async () => {
  const one = await upstreamHttp2Lab();
  one.ask();
  for (let count = 0; count < 2100; count++) one.says(frame(6, 1, 0, '12345678'));
  expect(one.heard[0]).toBe('gone upstream_http2_flood');
});

test('late data of a stream that is over is bounded by the windows; empty frames of it are a flood', async () => {
  const one = await upstreamHttp2Lab();
  one.ask().exchange.responseSource!.cancel();
  for (let count = 0; count < 2100; count++) one.says(frame(0, 0, 1, 'x'));
  expect(one.heard).not.toContain('gone upstream_http2_flood');
  for (let count = 0; count < 2100; count++) one.says(frame(0, 0, 1));
  expect(one.heard).toContain('gone upstream_http2_flood');
});
