// One request of a client of HTTP/2 with its response: bodies both ways, and what each of them may take.

import { describe, expect, test } from 'vitest';
import { heldMemory } from '../../core/held-memory.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from '../http/body.ts';
import { FAILURES } from '../http/failure.ts';
import { HeaderList } from '../http/message/header-list.ts';
import { respond } from '../http/respond.ts';
import { http2Lab } from '../../../test/support/downstream-http2.ts';
import { beginResponse, OtherSide, writeText, type DownstreamOptions } from '../../../test/support/downstream.ts';
import { frame, POST, settings, uint32 } from '../../../test/support/raw-http2.ts';

const LONG: DownstreamOptions = { timeouts: { idleMs: 60_000 } };

function data(streamId: number, text: string, endStream = false): Buffer {
  return frame(0, endStream ? 1 : 0, streamId, text);
}

describe('a request body', () => {
  test('waits until somebody wants it, and goes on as it comes, each read with a flush', async () => {
    const { ask, say } = await http2Lab(LONG);
    const exchange = ask(1, POST, false);
    say(data(1, 'ab'));
    const sink = new OtherSide();
    exchange.readBody(sink);
    expect(sink.noted()).toEqual(['ab', '(flush)']);
    say(data(1, 'cd'), data(1, 'ef'));
    say(data(1, '', true));
    expect([sink.noted(), exchange.requestBytes]).toEqual([['cd', 'ef', '(flush)', '(end)'], 6]);
    exchange.readBody(sink);
    expect(sink.noted()).toEqual([]);
  });

  test('waits for a sink without room, and its time does not run meanwhile', async () => {
    const { ask, say, pass, connection, heard, lines } = await http2Lab(LONG);
    const exchange = ask(1, POST, false);
    const sink = new OtherSide();
    exchange.readBody(sink);
    expect(sink.noted()).toEqual(['(flush)']);
    sink.isFull = true;
    say(data(1, 'a'), data(1, 'b'));
    pass(3000);
    expect([sink.noted(), heard]).toEqual([['a'], []]);
    sink.isFull = false;
    exchange.downstream.resumeBody();
    expect(sink.noted()).toEqual(['b', '(flush)']);
    pass(1200);
    expect([sink.noted(), heard]).toEqual([['(abort request_timeout)'], ['finished request_timeout 408']]);
    expect((await lines()).map((line) => line.slice(0, 21))).toEqual([
      'HEADERS 1 :status=408',
      'DATA 1 end Request Ti',
      'RESET 1 0',
    ]);
    connection.destroy();
  });

  test.each([
    ['application/grpc', []],
    ['text/plain', ['finished request_timeout 408']],
  ])('of %s may pause for as long as its kind may', async (type, expected) => {
    const { ask, pass, heard } = await http2Lab({ timeouts: { idleMs: 60_000, readIdleMs: 500, tunnelIdleMs: 5000 } });
    ask(1, [...POST, ['content-type', type]], false).readBody(new OtherSide());
    pass(2000);
    expect(heard).toEqual(expected);
  });

  test('that is too large is told to both sides, and the rest of it dropped', async () => {
    const { ask, say, lines, heard } = await http2Lab({ limits: { maxBodyBytes: 5 } });
    const exchange = ask(1, POST, false);
    const sink = new OtherSide();
    exchange.readBody(sink);
    say(data(1, 'abcde'));
    expect(sink.noted()).toEqual(['(flush)', 'abcde', '(flush)']);
    expect(heard).toEqual([]);
    say(data(1, 'f'), data(1, 'more'));
    expect([sink.noted(), heard]).toEqual([['(abort body_too_large)'], ['finished body_too_large 413']]);
    expect((await lines())[0]).toMatch(/^HEADERS 1 :status=413/);
  });

  test('is refused by a limit that a stage has lowered, also for what has come before', async () => {
    const { ask, say, heard } = await http2Lab();
    const exchange = ask(1, POST, false);
    say(data(1, 'abcde'));
    exchange.maxRequestBytes = 4;
    const sink = new OtherSide();
    exchange.readBody(sink);
    expect([sink.noted(), heard]).toEqual([['(abort body_too_large)'], ['finished body_too_large 413']]);
  });

  test.each([
    ['once', '', ['HEADERS 1 :status=100']],
    ['not to a client that has begun', 'x', []],
  ])('is asked for with 100: %s', async (_, early, expected) => {
    const { ask, say, lines } = await http2Lab();
    const exchange = ask(1, [...POST, ['expect', '100-continue']], false);
    if (early !== '') say(data(1, early));
    exchange.readBody(new OtherSide());
    exchange.readBody(new OtherSide());
    expect(await lines()).toEqual(expected);
  });

  test('has a time for all of it, and the response one of its own', async () => {
    const timeouts = { idleMs: 60_000, readIdleMs: 0, readTotalMs: 500, writeTotalMs: 800 };
    const slow = await http2Lab({ timeouts });
    slow.ask(1, POST, false);
    slow.pass(400);
    expect(slow.heard).toEqual([]);
    slow.pass(200);
    expect(slow.heard).toEqual(['finished request_timeout 408']);
    const read = await http2Lab({ timeouts });
    const exchange = read.ask(1, POST, false);
    read.pass(400);
    read.say(data(1, '', true));
    read.pass(600);
    expect(read.heard).toEqual([]);
    beginResponse(exchange, 200, BODY_CHUNKED);
    read.pass(300);
    expect([read.heard, (await read.lines()).at(-1)]).toEqual([['finished client_stalled 200'], 'RESET 1 8']);
  });

  test('that waits without memory to wait in costs its stream', async () => {
    const { ask, say, heard, lines } = await http2Lab();
    ask(1, POST, false);
    const { maxBytes } = heldMemory;
    heldMemory.maxBytes = 0;
    say(data(1, 'x'));
    heldMemory.maxBytes = maxBytes;
    expect([heard, await lines()]).toEqual([['finished memory_full 503'], ['RESET 1 8']]);
  });
});

describe('a response', () => {
  test('ends with its last frame when that is still here, and with an empty one when not', async () => {
    const { ask, lines } = await http2Lab();
    const exchange = ask(1);
    beginResponse(exchange, 200, BODY_LENGTH, 2);
    writeText(exchange.responseSink, 'ok');
    exchange.responseSink.end(null);
    expect(await lines()).toEqual(['HEADERS 1 :status=200 content-length=2', 'DATA 1 end ok']);
    const other = ask(3);
    beginResponse(other, 200, BODY_CHUNKED);
    writeText(other.responseSink, 'ok');
    await lines();
    other.responseSink.flush();
    other.responseSink.end(null);
    expect(await lines()).toEqual(['DATA 3 end ']);
  });

  test('with trailers', async () => {
    const { ask, lines } = await http2Lab();
    for (const [id, framing, expected] of [
      [1, BODY_CHUNKED, ['HEADERS 1 :status=200', 'DATA 1 ok', 'HEADERS 1 end x-sum=1']],
      [3, BODY_NONE, ['HEADERS 3 end :status=200 content-length=0']],
    ] as const) {
      const exchange = ask(id);
      beginResponse(exchange, 200, framing);
      writeText(exchange.responseSink, 'ok');
      const trailers = new HeaderList();
      trailers.append('X-Sum', '1');
      exchange.responseSink.end(trailers);
      expect(await lines()).toEqual(expected);
    }
  });

  test('of more than was announced is cut, of less broken off', async () => {
    const { ask, lines, heard } = await http2Lab();
    const long = ask(1);
    beginResponse(long, 200, BODY_LENGTH, 2);
    writeText(long.responseSink, 'okay');
    writeText(long.responseSink, 'more');
    long.responseSink.end(null);
    const short = ask(3);
    beginResponse(short, 200, BODY_LENGTH, 2);
    writeText(short.responseSink, 'o');
    short.responseSink.end(null);
    expect((await lines()).filter((line) => !line.startsWith('HEADERS'))).toEqual([
      'DATA 1 end ok',
      'DATA 3 o',
      'RESET 3 2',
    ]);
    expect([long.responseBytes, heard]).toEqual([2, ['finished well 200', 'finished internal_error 200']]);
  });

  test('that comes before the request is whole ends that, too, without an error', async () => {
    const { ask, lines } = await http2Lab();
    respond(ask(1, POST, false), 200, '');
    expect(await lines()).toEqual(['HEADERS 1 end :status=200 content-length=0', 'RESET 1 0']);
  });

  test('informational ones come before it', async () => {
    const { ask, lines } = await http2Lab();
    const exchange = ask(1);
    const headers = new HeaderList();
    headers.append('Link', '</a>');
    exchange.downstream.sendInformational(103, '', headers);
    respond(exchange, 200, '');
    exchange.downstream.sendInformational(103, '', headers);
    expect(await lines()).toEqual(['HEADERS 1 :status=103 link=</a>', 'HEADERS 1 end :status=200 content-length=0']);
  });

  test('is held while the window is shut, and its source asked to wait, then to go on', async () => {
    const { ask, say, pass, lines, heard } = await http2Lab(LONG);
    say(frame(4, 0, 0, settings([4, 3])));
    const exchange = ask(1);
    const source = new OtherSide();
    exchange.responseSource = source;
    beginResponse(exchange, 200, BODY_CHUNKED);
    expect(writeText(exchange.responseSink, 'abcdef')).toBe(false);
    expect((await lines()).at(-1)).toBe('DATA 1 abc');
    pass(700);
    say(frame(8, 0, 1, uint32(1)));
    // Progress, however small, gives it new time, once the old one is over.
    pass(700);
    expect([await lines(), heard]).toEqual([['DATA 1 d'], []]);
    say(frame(8, 0, 1, uint32(10)));
    expect([await lines(), source.noted()]).toEqual([['DATA 1 ef'], ['(resume)']]);
    pass(3000);
    expect(heard).toEqual([]);
    writeText(exchange.responseSink, '0123456789');
    exchange.responseSink.end(null);
    exchange.responseSink.end(null);
    expect(await lines()).toEqual(['DATA 1 01234567']);
    say(frame(8, 0, 1, uint32(10)));
    expect([await lines(), heard]).toEqual([['DATA 1 end 89'], ['finished well 200']]);
  });

  test('that is not taken is given up when its time is over, or at once where memory is short', async () => {
    for (const isShort of [false, true]) {
      const { ask, say, pass, lines, heard } = await http2Lab(LONG);
      say(frame(4, 0, 0, settings([4, 0])));
      const exchange = ask(1);
      const source = new OtherSide();
      exchange.responseSource = source;
      beginResponse(exchange, 200, BODY_CHUNKED);
      await lines();
      const { maxBytes } = heldMemory;
      if (isShort) heldMemory.maxBytes = 0;
      writeText(exchange.responseSink, 'abc');
      heldMemory.maxBytes = maxBytes;
      pass(isShort ? 150 : 900);
      if (!isShort) {
        expect(heard).toEqual([]);
        pass(200);
      }
      expect([heard, await lines(), source.noted()]).toEqual([
        ['finished client_stalled 200'],
        ['RESET 1 8'],
        ['(cancel)'],
      ]);
    }
  });

  test.each([
    ['of the server', FAILURES.upstreamReset, 2],
    ['because the client is gone', FAILURES.clientGone, 8],
  ])('breaks off: %s', async (_, failure, code) => {
    const { ask, lines, heard } = await http2Lab();
    const exchange = ask(1);
    beginResponse(exchange, 200, BODY_CHUNKED);
    exchange.responseSink.abort(failure);
    exchange.responseSink.abort(failure);
    expect((await lines()).slice(1)).toEqual([`RESET 1 ${code}`]);
    expect(heard).toEqual([`finished ${failure.flag} 200`]);
  });

  test('goes nowhere once the client has reset its stream', async () => {
    const { ask, say, lines, heard } = await http2Lab();
    const exchange = ask(1, POST, false);
    const [sink, source] = [new OtherSide(), new OtherSide()];
    exchange.readBody(sink);
    exchange.responseSource = source;
    say(frame(3, 0, 1, uint32(8)));
    expect([sink.noted(), source.noted(), heard]).toEqual([
      ['(flush)', '(abort client_gone)'],
      ['(cancel)'],
      ['finished client_gone 499'],
    ]);
    beginResponse(exchange, 200, BODY_CHUNKED);
    expect(writeText(exchange.downstream, 'late')).toBe(true);
    exchange.downstream.end(null);
    exchange.downstream.readBody(sink);
    expect([await lines(), sink.noted()]).toEqual([[], []]);
  });
});

test('a hook that throws costs its request alone', async () => {
  const { ask, lines, heard } = await http2Lab();
  const exchange = ask(1);
  exchange.onResponse(() => {
    throw new Error('hook');
  });
  respond(exchange, 200, 'ok');
  expect((await lines())[0]).toMatch(/^HEADERS 1 :status=500/);
  expect(heard).toEqual(['failed Error: hook', 'finished internal_error 500']);
});
