// What a client of HTTP/1.1 is answered, how tunnels go, and how its connection ends, octet by octet, over a socket
// without a client.

import { expect, test } from 'vitest';
import { ClientBonds } from '../http/client-bonds.ts';
import { BODY_CHUNKED, BODY_CLOSE, BODY_LENGTH, BODY_NONE } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { HeaderList } from '../http/message/header-list.ts';
import { Http1Connection } from './http1-connection.ts';
import { FakeSocket } from '../../../test/support/fake-socket.ts';
import {
  beginResponse,
  CLIENT,
  downstreamLab,
  OtherSide,
  writeText,
  type DownstreamLab,
  type DownstreamOptions,
} from '../../../test/support/downstream.ts';

interface Lab extends DownstreamLab {
  readonly socket: FakeSocket;
  readonly connection: Http1Connection;
  readonly say: (text: string) => void;
  /** Sends the request and returns its exchange, which nobody has answered. */
  readonly ask: (text: string) => Exchange;
}

function lab(options: DownstreamOptions = {}): Lab {
  const shared = downstreamLab(options);
  const socket = new FakeSocket();
  const client = { ...CLIENT, bonds: new ClientBonds() };
  client.bonds.add(shared, { clientGone: () => void shared.heard.push('bond') });
  const connection = new Http1Connection(shared.context, socket.asSocket, client, 7, false);
  const say = (text: string): void => connection.onRead(Buffer.from(text, 'latin1'), text.length);
  return Object.assign(shared, {
    socket,
    connection,
    say,
    ask(text: string) {
      say(text);
      return shared.exchanges.at(-1)!;
    },
  });
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n';
const ENDS_AT_ONCE = ['destroySoon'];
const LINGERS = ['end'];

/** Without the date, which is another one each time. */
function undated(text: string): string {
  return text.replace(/Date: [^\r]*\r\n/, '');
}

test.each([
  ['of a known length', 'HTTP/1.1', '', BODY_LENGTH, 'Content-Length: 3\r\n\r\nabc', []],
  ['of an unknown one', 'HTTP/1.1', '', BODY_CHUNKED, 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', []],
  ['none', 'HTTP/1.1', '', BODY_NONE, 'Content-Length: 0\r\n\r\n', []],
  ['up to the end', 'HTTP/1.0', '', BODY_CHUNKED, 'Connection: close\r\n\r\nabc', ENDS_AT_ONCE],
  [
    'for a client that stays',
    'HTTP/1.0',
    'Connection: keep-alive\r\n',
    BODY_LENGTH,
    'Content-Length: 3\r\nConnection: keep-alive\r\n\r\nabc',
    [],
  ],
  [
    'for one that goes',
    'HTTP/1.1',
    'Connection: close\r\n',
    BODY_LENGTH,
    'Content-Length: 3\r\nConnection: close\r\n\r\nabc',
    ENDS_AT_ONCE,
  ],
] as const)('a body %s (%s)', (_, version, field, framing, expected, calls) => {
  const { ask, socket, heard } = lab();
  const exchange = ask(`GET / ${version}\r\nHost: a\r\n${field}\r\n`);
  beginResponse(exchange, 200, framing, 3);
  writeText(exchange.responseSink, 'abc');
  exchange.responseSink.end(null);
  expect(undated(socket.said())).toBe(`HTTP/1.1 200 OK\r\n${expected}`);
  expect([socket.calls, heard]).toEqual([calls, ['finished well 200']]);
  expect(exchange.responseBytes).toBe(framing === BODY_NONE ? 0 : 3);
});

test('a piece waits for what follows it, and leaves with a flush', () => {
  const { ask, socket } = lab();
  const exchange = ask(GET);
  beginResponse(exchange, 200, BODY_CHUNKED);
  expect(writeText(exchange.responseSink, 'a')).toBe(true);
  expect(socket.said()).toBe('');
  exchange.responseSink.flush();
  expect(socket.said()).toMatch(/\r\n\r\n1\r\na\r\n$/);
});

test('trailers follow the body, and are not announced to a client of 1.0', () => {
  for (const [version, end] of [
    ['1.1', '0\r\nX-Sum: 1\r\n\r\n'],
    ['1.0', '\r\n\r\n'],
  ] as const) {
    const { ask, socket } = lab();
    const exchange = ask(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
    exchange.responseHeaders.append('Trailer', 'X-Sum');
    beginResponse(exchange, 200, BODY_CHUNKED);
    const trailers = new HeaderList();
    trailers.append('X-Sum', '1');
    exchange.responseSink.end(trailers);
    const said = socket.said();
    expect([said.includes('Trailer: X-Sum'), said.endsWith(end)]).toEqual([version === '1.1', true]);
  }
});

test('1xx go to clients of 1.1 alone', () => {
  for (const [version, expected] of [
    ['1.1', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'],
    ['1.0', ''],
  ] as const) {
    const { ask, socket, connection } = lab();
    ask(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
    const headers = new HeaderList();
    headers.append('Link', '</a>');
    connection.sendInformational(103, 'Early Hints', headers);
    expect(socket.said()).toBe(expected);
  }
});

test.each([
  ['one that waits for 100', `${POST.slice(0, -2)}Expect: 100-continue\r\n\r\n`, 'close'],
  ['a large rest', POST.replace('5', `${256 * 1024 + 1}`), 'close'],
  ['a rest that may be read', POST.replace('5', `${256 * 1024}`), ''],
  ['one of unknown length', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', 'close'],
])('answered before its body has come: %s', (_, head, expected) => {
  const { ask, socket } = lab();
  const exchange = ask(head);
  beginResponse(exchange, 200, BODY_NONE);
  exchange.responseSink.end(null);
  expect(/Connection: (\w+)/.exec(socket.said())?.[1] ?? '').toBe(expected);
  expect(socket.calls).toEqual(expected === '' ? [] : LINGERS);
});

test('the rest of a body that nobody wants is read, and the next request behind it', () => {
  const { ask, say, socket, exchanges } = lab();
  const exchange = ask(`${POST}he`);
  expect(socket.calls).toEqual(['pause']);
  beginResponse(exchange, 200, BODY_NONE);
  exchange.responseSink.end(null);
  expect(socket.calls).toEqual(['pause', 'resume']);
  say(`llo${GET}`);
  expect(exchanges.map(({ method }) => method)).toEqual(['POST', 'GET']);
});

test('a rest that does not come ends the connection in order', () => {
  const { ask, pass, socket } = lab();
  const exchange = ask(POST);
  beginResponse(exchange, 200, BODY_NONE);
  exchange.responseSink.end(null);
  pass(29_000);
  expect(socket.calls).toEqual([]);
  pass(1200);
  expect(socket.calls).toEqual(LINGERS);
});

test('a body shorter than announced is cut off, not ended', () => {
  const { ask, socket, heard } = lab();
  const exchange = ask(GET);
  beginResponse(exchange, 200, BODY_LENGTH, 3);
  writeText(exchange.responseSink, 'a');
  exchange.responseSink.end(null);
  expect(socket.said()).toMatch(/Content-Length: 3\r\n\r\na$/);
  expect([socket.calls, heard]).toEqual([ENDS_AT_ONCE, ['finished internal_error 200']]);
});

test('only a reset says that a body up to the end of the connection was cut short', () => {
  const { ask, socket, connection, heard } = lab();
  const exchange = ask('GET / HTTP/1.0\r\n\r\n');
  beginResponse(exchange, 200, BODY_CLOSE);
  writeText(exchange.responseSink, 'a');
  exchange.failure = FAILURES.upstreamReset;
  connection.abort(FAILURES.upstreamClosed);
  expect(socket.said()).toMatch(/\r\n\r\na$/);
  // What was wrong first stays.
  expect([socket.calls, heard]).toEqual([['reset'], ['finished upstream_reset 200']]);
  connection.abort(FAILURES.upstreamClosed);
  expect(socket.calls).toEqual(['reset']);
});

test('what comes for an exchange that is over goes nowhere', () => {
  const { ask, socket, connection, heard } = lab();
  const exchange = ask(GET);
  beginResponse(exchange, 200, BODY_NONE);
  exchange.responseSink.end(null);
  socket.said();
  expect(writeText(connection, 'late')).toBe(true);
  connection.end(null);
  connection.flush();
  expect([socket.said(), heard]).toEqual(['', ['finished well 200']]);
});

test('a client that does not read is waited for while it takes something, and given up when it does not', () => {
  const { ask, pass, socket, connection, heard } = lab();
  const exchange = ask(GET);
  const source = new OtherSide();
  exchange.responseSource = source;
  beginResponse(exchange, 200, BODY_CHUNKED);
  socket.isStuck = true;
  expect(connection.write(Buffer.alloc(70_000), 0, 70_000, null)).toBe(false);
  socket.take();
  connection.onDrain();
  expect(source.noted()).toEqual(['(resume)']);
  pass(2000);
  expect(heard).toEqual([]);
  connection.write(Buffer.alloc(70_000), 0, 70_000, null);
  pass(1200);
  expect([socket.calls, source.noted(), heard]).toEqual([['reset'], ['(cancel)'], ['finished client_stalled 200']]);
});

const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: derp\r\n\r\n';

function tunnel(options: DownstreamOptions = {}): Lab & { readonly exchange: Exchange; readonly server: OtherSide } {
  const one = lab(options);
  const exchange = one.ask(`${UPGRADE}early`);
  const server = new OtherSide();
  exchange.status = 101;
  exchange.upgrade = 'derp';
  one.connection.startTunnel(exchange, server);
  return Object.assign(one, { exchange, server });
}

test('a tunnel: what came early goes first, and both ways end by themselves', () => {
  const { say, socket, connection, server, exchange, heard } = tunnel();
  expect(socket.said()).toBe('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: derp\r\n\r\n');
  expect([server.noted(), socket.calls.splice(0)]).toEqual([['early'], ['pause', 'resume']]);
  say('more');
  writeText(connection, 'back');
  connection.flush();
  expect([server.noted(), socket.said()]).toEqual([['more'], 'back']);
  connection.onEnd();
  expect([server.noted(), heard, socket.calls]).toEqual([['(finish)'], [], []]);
  connection.end(null);
  expect(socket.calls).toEqual(['end', 'destroySoon']);
  expect([server.noted(), heard]).toEqual([['(destroy)'], ['finished well 101']]);
  expect([exchange.requestBytes, exchange.responseBytes]).toEqual([9, 4]);
});

test('a tunnel whose server ends first still carries what the client says', () => {
  const { say, socket, connection, server, heard } = tunnel();
  server.noted();
  connection.end(null);
  say('on');
  expect([server.noted(), heard, socket.calls.at(-1)]).toEqual([['on'], [], 'end']);
  connection.onEnd();
  expect([server.noted(), heard]).toEqual([['(finish)', '(destroy)'], ['finished well 101']]);
});

test('a tunnel waits for whoever has no room', () => {
  const { say, socket, connection, server } = tunnel();
  server.isFull = true;
  socket.calls.length = 0;
  say('x');
  expect(socket.calls).toEqual(['pause']);
  connection.resumeTunnel();
  expect(socket.calls).toEqual(['pause', 'resume']);
  server.noted();
  connection.onDrain();
  expect(server.noted()).toEqual(['(resume)']);
});

test('a tunnel in which nobody says anything is given up; either side keeps it', () => {
  const { say, pass, socket, connection, server, heard } = tunnel({ timeouts: { writeTotalMs: 1500 } });
  pass(700);
  say('x');
  pass(700);
  writeText(connection, 'y');
  pass(700);
  expect(heard).toEqual([]);
  server.noted();
  pass(500);
  expect([heard, server.noted()]).toEqual([['finished tunnel_idle 101'], ['(destroy)']]);
  expect(socket.calls.at(-1)).toBe('reset');
});

test('a client that leaves before its answer stops the server, and is recorded with 499', () => {
  const { ask, socket, connection, heard } = lab();
  const exchange = ask(POST);
  const [sink, source] = [new OtherSide(), new OtherSide()];
  exchange.readBody(sink);
  exchange.responseSource = source;
  connection.onEnd();
  expect([sink.noted(), source.noted()]).toEqual([['(abort client_gone)'], ['(cancel)']]);
  expect([socket.calls, heard]).toEqual([['destroy'], ['finished client_gone 499']]);
  connection.onClose();
  expect(heard).toEqual(['finished client_gone 499', 'bond', 'closed']);
});

test('a client that leaves between two requests is let go', () => {
  const { socket, connection, heard } = lab();
  connection.onEnd();
  expect(socket.calls).toEqual(['destroySoon']);
  connection.onClose();
  expect(heard).toEqual(['bond', 'closed']);
});

test('a connection that is lost takes its exchange with it, and nothing of it stays in the wheel', () => {
  const { ask, pass, connection, heard } = lab({ timeouts: { writeTotalMs: 500 } });
  ask(GET);
  connection.onClose();
  pass(5000);
  expect(heard).toEqual(['finished client_gone 499', 'bond', 'closed']);
});
