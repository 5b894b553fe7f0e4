// What frames of a client mean to its requests: which open, which are refused, and what costs the stream or the
// connection.

import { describe, expect, test } from 'vitest';
import { respond } from '../http/respond.ts';
import { http2Lab, type Http2Lab } from '../../../test/support/downstream-http2.ts';
import { OtherSide } from '../../../test/support/downstream.ts';
import { block, frame, GET, POST, uint32, type FieldPair } from '../../../test/support/raw-http2.ts';

const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const STREAM_CLOSED = 5;
const FRAME_SIZE_ERROR = 6;
const REFUSED_STREAM = 7;
const CANCEL = 8;

function data(streamId: number, text: string, endStream = false): Buffer {
  return frame(0, endStream ? 1 : 0, streamId, text);
}

function head(streamId: number, fields: readonly FieldPair[] = GET, endStream = true): Buffer {
  return frame(1, endStream ? 5 : 4, streamId, block(fields));
}

test('requests of one read reach the stages when the whole of it is understood', async () => {
  const one = await http2Lab();
  one.handler = (exchange) => respond(exchange, 200, 'ok');
  one.say(head(1), head(3), frame(3, 0, 1, uint32(CANCEL)));
  expect(one.exchanges.length).toBe(1);
  expect(await one.lines()).toEqual([
    'HEADERS 3 :status=200 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff content-length=2',
    'DATA 3 end ok',
  ]);
  expect(one.heard).toEqual(['finished client_gone 499', 'finished well 200']);
});

describe('a head', () => {
  test.each([
    ['that is malformed', 'RESET 1 1', [[':method', 'GET']] as FieldPair[]],
    ['whose length is not what it has', 'RESET 1 1', [...GET, ['content-length', '3']] as FieldPair[]],
    ['that depends on itself', 'RESET 1 1', null],
  ])('%s costs its stream', async (_, expected, fields) => {
    const { say, lines, exchanges } = await http2Lab();
    if (fields === null) say(frame(1, 0x25, 1, Buffer.concat([uint32(1), Buffer.from([0]), block(GET)])));
    else say(head(1, fields));
    expect([await lines(), exchanges]).toEqual([[expected], []]);
  });

  test('that may not be served is answered', async () => {
    const { say, lines, exchanges } = await http2Lab();
    say(head(1, [[':method', 'TRACE'], ...GET.slice(1)]));
    expect([(await lines())[0]!.slice(0, 23), exchanges]).toEqual(['HEADERS 1 :status=405 a', []]);
  });

  test('of an even id, or an older one that never was, is an error of the connection', async () => {
    for (const late of [2, 1]) {
      const { say, ask, lines } = await http2Lab();
      ask(3);
      say(head(late));
      expect(await lines()).toEqual([`GOAWAY 0 3 ${PROTOCOL_ERROR}`]);
    }
  });

  test('on a stream that is over: an error, but for one that this side has reset', async () => {
    const over = await http2Lab();
    over.handler = (exchange) => respond(exchange, 200, '');
    over.say(head(1), head(1));
    expect((await over.lines()).at(-1)).toBe('RESET 1 5');
    over.say(head(3));
    over.say(head(3));
    expect((await over.lines()).at(-1)).toBe(`GOAWAY 0 3 ${STREAM_CLOSED}`);

    const reset = await http2Lab();
    reset.say(head(1, [[':method', 'GET']]), head(1), head(3));
    expect([await reset.lines(), reset.exchanges.length]).toEqual([['RESET 1 1'], 1]);
  });

  test('beyond the number of streams is refused, and may be sent again', async () => {
    const one = await http2Lab({ http2: { maxConcurrentStreams: 2 } });
    one.say(head(1), head(3), head(5));
    expect([await one.lines(), one.exchanges.length]).toEqual([[`RESET 5 ${REFUSED_STREAM}`], 2]);
    respond(one.exchanges[0]!, 200, '');
    one.say(head(7));
    expect(one.exchanges.length).toBe(3);
  });

  test('that comes after the last one that is served is not looked at', async () => {
    const { say, ask, lines, exchanges, connection } = await http2Lab();
    ask(1);
    connection.drain();
    say(frame(6, 1, 0, 'goaway..'));
    say(head(3), data(3, 'x'), frame(3, 0, 3, uint32(CANCEL)));
    expect(exchanges.length).toBe(1);
    expect(await lines()).toEqual(['GOAWAY 0 2147483647 0', 'PING 0 goaway..', 'GOAWAY 0 1 0']);
  });
});

test.each([
  ['in number', { keepAliveMaxRequests: 2 }, 0],
  ['in time', { keepAliveMaxTimeMs: 500 }, 300],
])('requests of one connection are limited %s', async (_, limits, pause) => {
  const one = await http2Lab({ limits, timeouts: { idleMs: 10_000 } });
  one.handler = (exchange) => respond(exchange, 200, '');
  one.ask(1);
  if (pause > 0) one.ask(3);
  one.pass(pause);
  expect((await one.lines()).some((line) => line.startsWith('GOAWAY'))).toBe(false);
  one.pass(pause);
  one.ask(5);
  one.ask(7);
  expect(await one.lines()).toEqual([
    'GOAWAY 0 2147483647 0',
    'PING 0 goaway..',
    'HEADERS 5 end :status=200 content-length=0',
    'HEADERS 7 end :status=200 content-length=0',
  ]);
});

describe('trailers', () => {
  async function asked(): Promise<Http2Lab & { readonly sink: OtherSide }> {
    const one = await http2Lab();
    const sink = new OtherSide();
    one.ask(1, POST, false).readBody(sink);
    one.say(data(1, 'abc'));
    sink.noted();
    return Object.assign(one, { sink });
  }

  test('end the body', async () => {
    const { say, sink } = await asked();
    say(head(1, [['x-sum', '1']]));
    expect(sink.noted()).toEqual(['(end x-sum: 1)']);
    const other = await asked();
    other.say(frame(1, 5, 1));
    expect(other.sink.noted()).toEqual(['(end)']);
  });

  test('that may not be there are answered with 400', async () => {
    const { say, sink, lines } = await asked();
    say(head(1, [['content-length', '1']]));
    expect([sink.noted(), (await lines())[0]!.slice(0, 21)]).toEqual([
      ['(abort bad_trailer)'],
      'HEADERS 1 :status=400',
    ]);
  });

  test.each([
    ['that end nothing', head(1, [['x', '1']], false), PROTOCOL_ERROR],
    ['that are malformed', head(1, [[':path', '/']]), PROTOCOL_ERROR],
  ])('%s cost the stream', async (_, bytes, code) => {
    const { say, sink, lines, heard } = await asked();
    say(bytes);
    expect([sink.noted(), await lines()]).toEqual([['(abort http2_error)'], [`RESET 1 ${code}`]]);
    expect(heard).toEqual(['finished http2_error 400']);
  });

  test('behind the end cost the stream, and so do those of a body that is too short', async () => {
    const { say, lines } = await asked();
    say(data(1, '', true), head(1, [['x', '1']]));
    expect(await lines()).toEqual([`RESET 1 ${STREAM_CLOSED}`]);
    const short = await http2Lab();
    short.ask(1, [...POST, ['content-length', '3']], false);
    short.say(head(1, [['x', '1']]));
    expect(await short.lines()).toEqual([`RESET 1 ${PROTOCOL_ERROR}`]);
  });
});

describe('DATA', () => {
  test.each([
    ['of more than was announced', data(1, 'abcd'), `RESET 1 ${PROTOCOL_ERROR}`],
    ['of less than that', data(1, 'ab', true), `RESET 1 ${PROTOCOL_ERROR}`],
    ['behind the end', Buffer.concat([data(1, 'abc', true), data(1, 'd')]), `RESET 1 ${STREAM_CLOSED}`],
    ['of a stream that never was', data(9, 'x'), `GOAWAY 0 1 ${PROTOCOL_ERROR}`],
  ])('%s is an error', async (_, bytes, expected) => {
    const { ask, say, lines } = await http2Lab();
    ask(1, [...POST, ['content-length', '3']], false);
    say(bytes);
    expect(await lines()).toEqual([expected]);
  });

  test('beyond the window of its stream costs the stream, beyond that of the connection everything', async () => {
    const { ask, say, lines } = await http2Lab();
    for (const id of [1, 3, 5, 7]) {
      ask(id, POST, false);
      for (let piece = 0; piece < 16; piece++) say(data(id, 'x'.repeat(16_384)));
    }
    expect(await lines()).toEqual([]);
    say(data(1, 'x'));
    expect(await lines()).toEqual([`GOAWAY 0 7 ${FLOW_CONTROL_ERROR}`]);
    const one = await http2Lab();
    one.ask(1, POST, false);
    for (let piece = 0; piece < 16; piece++) one.say(data(1, 'x'.repeat(16_384)));
    one.say(data(1, 'x'));
    expect((await one.lines()).find((line) => line.startsWith('RESET'))).toBe(`RESET 1 ${FLOW_CONTROL_ERROR}`);
  });

  test('for a stream that is over: dropped and credited after a reset, an error after an end', async () => {
    const reset = await http2Lab();
    reset.ask(1, [[':method', 'GET']], false);
    for (let piece = 0; piece < 40; piece++) reset.say(data(1, 'x'.repeat(16_384)));
    const lines = await reset.lines();
    expect([lines[0], lines[1]!.startsWith('WINDOW 0'), lines.some((line) => line.startsWith('GOAWAY'))]).toEqual([
      'RESET 1 1',
      true,
      false,
    ]);
    const ended = await http2Lab();
    ended.handler = (exchange) => respond(exchange, 200, '');
    ended.ask(1);
    ended.say(data(1, 'x'));
    expect((await ended.lines()).at(-1)).toBe(`GOAWAY 0 1 ${STREAM_CLOSED}`);
  });

  test('of a request that is taken is credited to its stream and to the connection', async () => {
    const { ask, say, lines } = await http2Lab();
    ask(1, POST, false).readBody(new OtherSide());
    for (let piece = 0; piece < 40; piece++) say(data(1, 'x'.repeat(16_384)));
    const credited = (await lines()).map((line) => line.split(' ').slice(0, 2).join(' '));
    expect(new Set(credited)).toEqual(new Set(['WINDOW 0', 'WINDOW 1']));
  });
});

describe('PRIORITY', () => {
  test.each([
    ['of a stream on itself', 1, Buffer.concat([uint32(1), Buffer.from([0])]), `RESET 1 ${PROTOCOL_ERROR}`],
    ['of the wrong size', 1, Buffer.alloc(4), `RESET 1 ${FRAME_SIZE_ERROR}`],
    ['of no stream on itself', 9, Buffer.concat([uint32(9), Buffer.from([0])]), `GOAWAY 0 1 ${PROTOCOL_ERROR}`],
    ['of the wrong size for none', 9, Buffer.alloc(4), `GOAWAY 0 1 ${FRAME_SIZE_ERROR}`],
  ])('%s is an error', async (_, id, payload, expected) => {
    const { ask, say, lines } = await http2Lab();
    ask(1);
    say(frame(2, 0, id, payload));
    expect(await lines()).toEqual([expected]);
  });

  test('has no effect', async () => {
    const { ask, say, lines } = await http2Lab();
    ask(1);
    say(frame(2, 0, 1, Buffer.concat([uint32(3), Buffer.from([0])])));
    expect(await lines()).toEqual([]);
  });
});

test('frames for a stream that never was are errors, for one that is over they are not', async () => {
  for (const bytes of [frame(3, 0, 9, uint32(CANCEL)), frame(8, 0, 9, uint32(1))]) {
    const { ask, say, lines } = await http2Lab();
    const exchange = ask(1);
    respond(exchange, 200, '');
    say(frame(3, 0, 1, uint32(CANCEL)), frame(8, 0, 1, uint32(1)));
    expect((await lines()).length).toBe(1);
    say(bytes);
    expect(await lines()).toEqual([`GOAWAY 0 1 ${PROTOCOL_ERROR}`]);
  }
});

test.each([
  ['resets its own', (id: number) => [head(id), frame(3, 0, id, uint32(CANCEL))]],
  ['makes this side reset them', (id: number) => [head(id, [[':method', 'GET']])]],
  ['opens more than it may', (id: number) => [head(id)]],
  ['sends more than it said', (id: number) => [head(id, [...POST, ['content-length', '0']], false), data(id, 'x')]],
] as const)('a client that %s is cut off after a while, not before', async (how, frames) => {
  const { say, ask, lines } = await http2Lab({ http2: { maxConcurrentStreams: 1 } });
  if (how === 'opens more than it may') ask(1);
  let id = 3;
  for (let count = 0; count < 500; count++, id += 2) say(...frames(id));
  expect((await lines()).filter((line) => line.startsWith('GOAWAY'))).toEqual([]);
  say(...frames(id));
  expect((await lines()).at(-1)).toBe(`GOAWAY 0 ${id} 11`);
});
