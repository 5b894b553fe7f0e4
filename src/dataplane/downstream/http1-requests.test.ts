// Requests of a client of HTTP/1.1 as they come in: one after the other, with their bodies, and within their time.

import { expect, test } from 'vitest';
import { heldMemory } from '../../core/held-memory.ts';
import { BODY_CHUNKED, BODY_NONE } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { respond } from '../http/respond.ts';
import { Http1Connection } from './http1-connection.ts';
import { PREFACE_HEAD } from './http1-requests.ts';
import { FakeSocket } from '../../../test/support/fake-socket.ts';
import {
  beginResponse,
  CLIENT,
  downstreamLab,
  OtherSide,
  type DownstreamLab,
  type DownstreamOptions,
} from '../../../test/support/downstream.ts';

interface Lab extends DownstreamLab {
  readonly socket: FakeSocket;
  readonly connection: Http1Connection;
  readonly say: (text: string) => void;
  /** Statuses and closes that the client has seen since this was asked last. */
  readonly answers: () => readonly string[];
}

function lab(options: DownstreamOptions = {}): Lab {
  const shared = downstreamLab(options);
  const socket = new FakeSocket();
  const connection = new Http1Connection(shared.context, socket.asSocket, CLIENT, 7, false);
  return Object.assign(shared, {
    socket,
    connection,
    say: (text: string) => connection.onRead(Buffer.from(text, 'latin1'), text.length),
    answers: () =>
      [...socket.said().matchAll(/HTTP\/1.1 (\d+)|Connection: (close)/g)].map((match) => match[1] ?? match[2]!),
  });
}

function answerAll(exchange: Exchange): void {
  respond(exchange, 200, 'ok');
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n';

test('requests in one piece are served one after the other, each when the one before is answered', () => {
  const one = lab();
  one.say(GET.replace('/', '/a') + GET.replace('/', '/b') + GET.replace('/', '/c'));
  expect([one.exchanges.map(({ path }) => path), one.socket.calls]).toEqual([['/a'], ['pause']]);
  respond(one.exchanges[0]!, 200, 'ok');
  expect(one.exchanges.map(({ path }) => path)).toEqual(['/a', '/b']);
  one.handler = answerAll;
  respond(one.exchanges[1]!, 200, 'ok');
  expect(one.exchanges.map(({ path }) => path)).toEqual(['/a', '/b', '/c']);
  expect([one.answers(), one.socket.calls.at(-1)]).toEqual([['200', '200', '200'], 'resume']);
});

test.each([
  ['no request', '\x16\x03\x01', '400'],
  ['a head too large', `GET / HTTP/1.1\r\nHost: a\r\nx: ${'y'.repeat(5000)}\r\n\r\n`, '431'],
  ['a bad field', `GET / HTTP/1.1\r\nHost: a\r\nx y: z\r\n\r\n${GET}`, '400'],
  ['no host', `GET / HTTP/1.1\r\n\r\n${GET}`, '400'],
])('%s is refused, and nothing behind it is looked at', (_, text, status) => {
  const { say, answers, socket, exchanges } = lab({ limits: { maxHeaderBytes: 4096 } });
  say(text);
  say(GET);
  expect([answers(), exchanges]).toEqual([[status, 'close'], []]);
  expect(socket.calls.includes('end')).toBe(true);
});

test('a head has a time to come, counted from its first octet', () => {
  const { say, answers, pass, socket, heard } = lab();
  pass(900);
  say('GET / HTTP/1.1\r\n');
  pass(900);
  say('Host: ');
  expect(answers()).toEqual([]);
  pass(200);
  expect([answers(), heard, socket.calls]).toEqual([['408', 'close'], ['finished request_timeout 408'], ['end']]);
});

test('a client that asks nothing is let go', () => {
  const { answers, pass, socket, say } = lab();
  say('\r\n');
  pass(1200);
  expect([answers(), socket.calls]).toEqual([[], ['destroySoon']]);
});

test.each([
  ['in number', { keepAliveMaxRequests: 2 }, 0],
  ['in time', { keepAliveMaxTimeMs: 1500 }, 800],
])('requests of one connection are limited %s', (_, limits, pause) => {
  const one = lab({ limits, timeouts: { idleMs: 10_000 } });
  one.handler = answerAll;
  one.say(GET);
  one.pass(pause);
  expect(one.answers()).toEqual(['200']);
  if (pause > 0) one.say(GET);
  one.pass(pause);
  one.say(GET);
  expect(one.answers().slice(-2)).toEqual(['200', 'close']);
});

test('a handler that throws, or whose promise fails, costs its request alone', async () => {
  const one = lab();
  one.handler = () => {
    throw new Error('now');
  };
  one.say(GET);
  one.handler = () => Promise.reject(new Error('later'));
  one.say(GET);
  await new Promise(setImmediate);
  expect(one.answers()).toEqual(['500', '500']);
  expect(one.heard).toEqual([
    'failed Error: now',
    'finished internal_error 500',
    'failed Error: later',
    'finished internal_error 500',
  ]);
});

test('the preface of HTTP/2 is handed over with what follows it, as the first request alone', () => {
  const one = lab();
  one.say(`${PREFACE_HEAD}SM\r\n\r\nmore`);
  expect(one.heard).toEqual(['http2 SM\r\n\r\nmore']);
  one.pass(5000);
  one.connection.drain();
  // The socket is another connection's: this one has nothing to end any more.
  expect([one.connection.closeIfResting(), one.socket.calls, one.socket.said()]).toEqual([false, [], '']);
  const other = lab();
  other.handler = answerAll;
  other.say(GET + PREFACE_HEAD);
  expect([other.answers(), other.heard.filter((what) => what.startsWith('http2'))]).toEqual([
    ['200', '505', 'close'],
    [],
  ]);
});

test('a body goes to whoever wants it: what waits first, then as it comes, and its end once', () => {
  const { say, exchanges, socket } = lab();
  say(`${POST}he`);
  expect(socket.calls).toEqual(['pause']);
  const sink = new OtherSide();
  exchanges[0]!.readBody(sink);
  expect([sink.noted(), socket.calls]).toEqual([
    ['he', '(flush)'],
    ['pause', 'resume'],
  ]);
  say(`llo${GET}`);
  expect([sink.noted(), exchanges[0]!.requestBytes]).toEqual([['llo', '(end)'], 5]);
  exchanges[0]!.readBody(sink);
  expect([sink.noted(), exchanges.length]).toEqual([[], 1]);
});

test('trailers of a body come with its end', () => {
  const { say, exchanges } = lab();
  say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  const sink = new OtherSide();
  exchanges[0]!.readBody(sink);
  say('1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n');
  expect(sink.noted()).toEqual(['x', '(end X-Sum: 1)']);
});

test('a sink without room stops the client, whose time does not run meanwhile', () => {
  const { say, exchanges, socket, connection, pass, heard } = lab();
  say(POST);
  const sink = new OtherSide();
  sink.isFull = true;
  exchanges[0]!.readBody(sink);
  say('he');
  expect(socket.calls).toEqual(['pause']);
  pass(3000);
  expect(heard).toEqual([]);
  sink.isFull = false;
  connection.resumeBody();
  expect(socket.calls).toEqual(['pause', 'resume']);
  pass(1200);
  expect([heard, sink.noted().at(-1)]).toEqual([['finished request_timeout 408'], '(abort request_timeout)']);
});

test.each([
  ['once, when somebody wants the body', '', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['not to a client that has begun to send', 'he', ''],
])('100 is said %s', (_, early, expected) => {
  const { say, exchanges, socket } = lab();
  say(`${POST.slice(0, -2)}Expect: 100-continue\r\n\r\n${early}`);
  const sink = new OtherSide();
  exchanges[0]!.readBody(sink);
  exchanges[0]!.readBody(sink);
  expect(socket.said()).toBe(expected);
});

test.each([
  ['too large', 'zzzzzz', 'body_too_large', '413'],
  ['malformed', '!', 'bad_chunk', '400'],
])('a body that is %s is told to both sides, and the connection ends', (_, body, flag, status) => {
  const { say, exchanges, answers, socket, heard } = lab({ limits: { maxBodyBytes: 5 } });
  say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  const sink = new OtherSide();
  exchanges[0]!.readBody(sink);
  say(status === '413' ? `6\r\n${body}\r\n` : body);
  expect(sink.noted().at(-1)).toBe(`(abort ${flag})`);
  expect([answers(), socket.calls]).toEqual([[status, 'close'], ['end']]);
  expect(heard).toEqual([`finished ${flag} ${status}`]);
});

test('a rest that turns out malformed ends the connection without another word', () => {
  const { say, exchanges, socket, heard } = lab();
  say(POST.replace('5', '8'));
  beginResponse(exchanges[0]!, 200, BODY_NONE);
  exchanges[0]!.responseSink.end(null);
  socket.said();
  say('abc');
  expect([socket.calls, heard]).toEqual([[], ['finished well 200']]);
  say(`defgh${GET}`);
  expect(exchanges.length).toBe(2);
});

test('a sink that answers in the middle of its body leaves the rest to be drained', () => {
  const { say, exchanges, answers } = lab();
  say(POST);
  const sink = new OtherSide();
  sink.onWrite = () => respond(exchanges[0]!, 200, 'ok');
  exchanges[0]!.readBody(sink);
  say('he');
  say(`llo${GET}`);
  expect([answers(), sink.noted(), exchanges.length]).toEqual([['200'], ['he'], 2]);
});

test.each([
  ['whose body is not read', false, 'finished client_stalled 499', []],
  ['whose body is', true, 'finished request_timeout 408', ['408', 'close']],
])('a request has a time for all of it, also one %s', (_, isRead, expected, answered) => {
  const { say, exchanges, pass, heard, answers } = lab({ timeouts: { readTotalMs: 500, readIdleMs: 0 } });
  say(POST);
  if (isRead) exchanges[0]!.readBody(new OtherSide());
  say('h');
  pass(400);
  expect(heard).toEqual([]);
  pass(300);
  expect([heard, answers()]).toEqual([[expected], answered]);
});

test('a response has a time of its own from the end of the request on, and none once it is over', () => {
  const { say, exchanges, pass, heard, socket } = lab({
    timeouts: { readTotalMs: 500, writeTotalMs: 800, idleMs: 9000 },
  });
  say(POST);
  exchanges[0]!.readBody(new OtherSide());
  pass(400);
  say(`hello`);
  pass(700);
  respond(exchanges[0]!, 200, 'ok');
  pass(2000);
  expect([heard, socket.calls]).toEqual([['finished well 200'], []]);
  say(GET);
  beginResponse(exchanges[1]!, 200, BODY_CHUNKED);
  pass(1000);
  expect([heard.at(-1), socket.calls]).toEqual(['finished client_stalled 200', ['reset']]);
});

test('what waits for its turn needs memory: without room the client is given up', () => {
  const { say, heard, socket, connection } = lab();
  say(`${POST}h`);
  const held = heldMemory.bytes;
  const { maxBytes } = heldMemory;
  heldMemory.maxBytes = held;
  say('ello');
  heldMemory.maxBytes = maxBytes;
  expect([heard, socket.calls]).toEqual([['finished memory_full 503'], ['pause', 'reset']]);
  connection.onClose();
  expect(heldMemory.bytes).toBe(held - 1);
});
