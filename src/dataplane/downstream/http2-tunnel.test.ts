// Tunnels of HTTP/2 clients, by extended CONNECT: how they open, what goes through them, and how they end.

import { expect, test } from 'vitest';
import { BODY_CHUNKED } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { webSocketAccept } from '../http/message/websocket.ts';
import { http2Lab, type Http2Lab } from '../../../test/support/downstream-http2.ts';
import { beginResponse, OtherSide, writeText, type DownstreamOptions } from '../../../test/support/downstream.ts';
import { frame, settings, uint32, type FieldPair } from '../../../test/support/raw-http2.ts';

const LONG: DownstreamOptions = { timeouts: { idleMs: 60_000 } };

function data(streamId: number, text: string, endStream = false): Buffer {
  return frame(0, endStream ? 1 : 0, streamId, text);
}

const CONNECT: readonly FieldPair[] = [
  [':method', 'CONNECT'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.test'],
];

interface Asked extends Http2Lab {
  readonly exchange: Exchange;
  readonly server: OtherSide;
  readonly open: () => void;
}

async function asked(protocol: string, options: DownstreamOptions = LONG): Promise<Asked> {
  const one = await http2Lab(options);
  const exchange = one.ask(1, [...CONNECT, [':protocol', protocol]], false);
  const server = new OtherSide();
  const open = (): void => {
    exchange.status = 101;
    exchange.downstream.startTunnel(exchange, server);
  };
  return Object.assign(one, { exchange, server, open });
}

test('a tunnel is opened with 200; both ways end by themselves', async () => {
  const { say, lines, open, exchange, server, heard } = await asked('derp');
  say(data(1, 'early'));
  open();
  expect([await lines(), server.noted()]).toEqual([['HEADERS 1 :status=200'], ['early']]);
  say(data(1, 'more'));
  writeText(exchange.downstream, 'back');
  exchange.downstream.end(null);
  expect([server.noted(), await lines(), heard]).toEqual([['more'], ['DATA 1 end back'], []]);
  say(data(1, 'last', true));
  expect([server.noted(), heard]).toEqual([['last', '(finish)', '(destroy)'], ['finished well 200']]);
  expect([exchange.requestBytes, exchange.responseBytes]).toEqual([13, 4]);
});

test('a tunnel whose client ends first still carries what the server says', async () => {
  const { say, lines, open, exchange, server, heard } = await asked('derp');
  open();
  say(data(1, '', true));
  expect([server.noted(), heard]).toEqual([['(finish)'], []]);
  writeText(exchange.downstream, 'on');
  exchange.downstream.end(null);
  expect([(await lines()).at(-1), server.noted(), heard]).toEqual([
    'DATA 1 end on',
    ['(destroy)'],
    ['finished well 200'],
  ]);
});

test('a tunnel waits for whoever has no room', async () => {
  const { say, lines, open, exchange, server } = await asked('derp');
  say(frame(4, 0, 0, settings([4, 2])));
  open();
  server.isFull = true;
  say(data(1, 'a'), data(1, 'b'));
  expect(server.noted()).toEqual(['a']);
  server.isFull = false;
  exchange.downstream.resumeTunnel();
  expect(server.noted()).toEqual(['b']);
  expect(writeText(exchange.downstream, 'abc')).toBe(false);
  await lines();
  say(frame(8, 0, 1, uint32(5)));
  expect([await lines(), server.noted()]).toEqual([['DATA 1 c'], ['(resume)']]);
});

test('a tunnel in which nobody says anything is given up; either side keeps it, and no other time counts', async () => {
  const { say, pass, lines, open, exchange, server, heard } = await asked('derp', {
    timeouts: { idleMs: 60_000, readTotalMs: 800, writeTotalMs: 800 },
  });
  open();
  pass(700);
  say(data(1, 'x'));
  pass(700);
  writeText(exchange.downstream, 'y');
  pass(700);
  expect(heard).toEqual([]);
  await lines();
  pass(500);
  expect([heard, server.noted().at(-1), await lines()]).toEqual([
    ['finished tunnel_idle 200'],
    '(destroy)',
    ['RESET 1 8'],
  ]);
});

test('a tunnel of WebSocket is one when the server shows that it speaks it', async () => {
  for (const isRight of [true, false]) {
    const { lines, open, exchange, heard } = await asked('websocket');
    const key = exchange.requestHeaders.get('sec-websocket-key')!;
    exchange.responseHeaders.append('Sec-WebSocket-Accept', isRight ? webSocketAccept(key) : 'wrong');
    open();
    const [head] = await lines();
    expect(head!.slice(0, 21)).toBe(isRight ? 'HEADERS 1 :status=200' : 'HEADERS 1 :status=502');
    expect(head).not.toContain('sec-websocket');
    expect(heard).toEqual(isRight ? [] : ['finished upstream_upgrade_refused 502']);
  }
});

test('a tunnel is not what a 2xx without a change of protocol says', async () => {
  for (const [status, expected] of [
    [200, 'HEADERS 1 :status=502'],
    [403, 'HEADERS 1 :status=403'],
  ] as const) {
    const { lines, exchange } = await asked('derp');
    const source = new OtherSide();
    exchange.responseSource = source;
    beginResponse(exchange, status, BODY_CHUNKED);
    expect((await lines())[0]!.slice(0, 21)).toBe(expected);
    expect(source.noted()).toEqual(status === 200 ? ['(cancel)'] : []);
  }
});

test('a tunnel ends when the client resets it', async () => {
  const { say, open, server, heard } = await asked('derp');
  open();
  say(frame(3, 0, 1, uint32(8)));
  expect([server.noted(), heard]).toEqual([['(destroy)'], ['finished client_gone 200']]);
});
