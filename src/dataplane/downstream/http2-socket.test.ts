// How a connection of HTTP/2 opens, rests, leaves and ends, and what time each of it may take.

import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { heldMemory } from '../../core/held-memory.ts';
import { respond } from '../http/respond.ts';
import { Http2Connection } from './http2-connection.ts';
import { bareHttp2Lab, http2Lab, PREFACE, SETTINGS } from '../../../test/support/downstream-http2.ts';
import { CLIENT, downstreamLab, OtherSide } from '../../../test/support/downstream.ts';
import { block, frame, GET, POST } from '../../../test/support/raw-http2.ts';

const GOODBYE = 'GOAWAY 0 0 0';
const NOT_HTTP2 = 'GOAWAY 0 0 1';

test('says first what a client may do', async () => {
  const { lines } = bareHttp2Lab({ limits: { maxHeaderBytes: 5000 }, http2: { maxConcurrentStreams: 9 } });
  expect(await lines()).toEqual(['SETTINGS 0 3=9 4=262144 6=5000 8=1', 'WINDOW 0 983041']);
  const other = bareHttp2Lab({ http2: { maxConcurrentStreams: 9, maxDecoderHeaderTableSize: 100 } });
  expect((await other.lines())[0]).toMatch(/ 8=1 1=100$/);
});

test('a preface may come in pieces, or with its begin read by somebody else', async () => {
  for (const skipped of [0, 18]) {
    const { connection, say, lines, ask, exchanges } = bareHttp2Lab();
    await lines();
    connection.skipPreface(skipped);
    say(PREFACE.subarray(skipped, 20));
    say(PREFACE.subarray(20, 24), SETTINGS);
    expect(await lines()).toEqual(['SETTINGS 0 ack']);
    ask(1);
    expect(exchanges.length).toBe(1);
  }
});

test('what is no preface ends the connection, and a MiB is read of what follows, so that GOAWAY arrives', async () => {
  const { say, lines, socket } = bareHttp2Lab();
  await lines();
  say(Buffer.from('PRI * HTTP/1.1\r\n'));
  expect([await lines(), socket.calls]).toEqual([[NOT_HTTP2], ['end']]);
  for (let piece = 0; piece < 16; piece++) say(Buffer.alloc(65_536));
  expect(socket.calls).toEqual(['end']);
  say(Buffer.alloc(1));
  expect(socket.calls).toEqual(['end', 'reset']);
});

test('a client that says nothing, or half a frame, is given up when its time is over', async () => {
  const silent = bareHttp2Lab();
  await silent.lines();
  silent.pass(900);
  expect(silent.socket.calls).toEqual([]);
  silent.pass(200);
  expect([await silent.lines(), silent.socket.calls]).toEqual([[NOT_HTTP2], ['end']]);

  const slow = await http2Lab({ timeouts: { idleMs: 9000 } });
  slow.pass(3000);
  const head = frame(1, 5, 1, block(GET));
  slow.say(head.subarray(0, 12));
  slow.pass(600);
  slow.say(head.subarray(12, 14));
  slow.pass(300);
  expect(await slow.lines()).toEqual([]);
  slow.pass(300);
  expect(await slow.lines()).toEqual(['GOAWAY 0 0 11']);

  const whole = await http2Lab({ timeouts: { idleMs: 9000 } });
  whole.say(head.subarray(0, 12));
  whole.pass(600);
  whole.say(head.subarray(12));
  whole.pass(3000);
  expect(whole.exchanges.length).toBe(1);
  expect(await whole.lines()).toEqual([]);
});

test('no time for heads is no limit', async () => {
  const { pass, lines, say } = bareHttp2Lab({ timeouts: { headerMs: 0, idleMs: 0 } });
  await lines();
  pass(100_000);
  say(PREFACE, SETTINGS, frame(1, 5, 1).subarray(0, 5));
  pass(100_000);
  expect(await lines()).toEqual(['SETTINGS 0 ack']);
});

test('one that rests is told to go after its time, which requests begin anew, and is cut off if it stays', async () => {
  const one = await http2Lab({ timeouts: { idleMs: 500 } });
  one.pass(400);
  const exchange = one.ask(1);
  one.pass(2000);
  respond(exchange, 200, '');
  one.pass(400);
  expect((await one.lines()).length).toBe(1);
  one.pass(200);
  expect([await one.lines(), one.socket.calls]).toEqual([['GOAWAY 0 1 0'], ['end']]);
  one.pass(4800);
  expect(one.socket.calls).toEqual(['end']);
  one.pass(400);
  expect(one.socket.calls).toEqual(['end', 'reset']);
});

test('a client that goes on sending is read for a while, but while draining its time is not prolonged', async () => {
  for (const isDraining of [false, true]) {
    const one = await http2Lab({ timeouts: { idleMs: 500 } });
    one.pass(600);
    expect(one.socket.calls).toEqual(['end']);
    one.entryPoint.isDraining = isDraining;
    let ms = 0;
    for (; one.socket.calls.length === 1; ms += 4000) {
      one.say(SETTINGS);
      one.pass(4000);
    }
    expect(one.socket.calls).toEqual(['end', 'reset']);
    expect(ms).toBe(isDraining ? 8000 : 32_000);
  }
});

test('a drain goes in two steps, so that what was sent meanwhile is served', async () => {
  const one = await http2Lab();
  const first = one.ask(1);
  one.connection.drain();
  one.connection.drain();
  const second = one.ask(3);
  expect(await one.lines()).toEqual(['GOAWAY 0 2147483647 0', 'PING 0 goaway..']);
  one.say(frame(6, 1, 0, 'another.'));
  expect(await one.lines()).toEqual([]);
  one.say(frame(6, 1, 0, 'goaway..'), frame(6, 1, 0, 'goaway..'));
  one.ask(5);
  expect([await one.lines(), one.exchanges.length]).toEqual([['GOAWAY 0 3 0'], 2]);
  respond(first, 200, '');
  expect(one.socket.calls).toEqual([]);
  respond(second, 200, '');
  expect([(await one.lines()).length, one.socket.calls]).toEqual([2, ['end']]);
});

test('a client that does not answer is told after a second; one that rests is let go then', async () => {
  const one = await http2Lab();
  one.connection.drain();
  await one.lines();
  one.pass(900);
  expect(await one.lines()).toEqual([]);
  one.pass(200);
  expect([await one.lines(), one.socket.calls]).toEqual([[GOODBYE], ['end']]);
});

test('a stream that ends before the second step does not end the connection', async () => {
  const one = await http2Lab();
  const exchange = one.ask(1);
  one.connection.drain();
  respond(exchange, 200, '');
  expect(one.socket.calls).toEqual([]);
  one.ask(3);
  expect(one.exchanges.length).toBe(2);
});

test('a drain before the preface closes, and in patience waits for it', async () => {
  const closed = bareHttp2Lab();
  await closed.lines();
  closed.connection.drain();
  expect([await closed.lines(), closed.socket.calls]).toEqual([[GOODBYE], ['end']]);

  const patient = bareHttp2Lab({}, ({ entryPoint }) =>
    Object.assign(entryPoint, { isDraining: true, patienceMs: 300 }),
  );
  await patient.lines();
  patient.connection.drain();
  expect(await patient.lines()).toEqual([]);
  patient.say(PREFACE, SETTINGS);
  expect(await patient.lines()).toEqual(['GOAWAY 0 2147483647 0', 'PING 0 goaway..', 'SETTINGS 0 ack']);
});

test('who rests makes room for another, and nobody with a request does', async () => {
  const one = await http2Lab();
  const exchange = one.ask(1);
  expect([one.connection.hasAsked, one.connection.closeIfResting()]).toEqual([true, false]);
  respond(exchange, 200, '');
  expect([one.connection.closeIfResting(), one.socket.calls]).toEqual([true, ['destroy']]);
});

test('a client that takes no answers is not read; it is waited for while it takes some, and cut off when it does not', async () => {
  const one = await http2Lab({ timeouts: { idleMs: 0, readIdleMs: 0 } });
  one.ask(1, POST, false).readBody(new OtherSide());
  one.socket.isStuck = true;
  const ping = frame(6, 0, 0, '12345678');
  // Data pays for the pings that go with it.
  const paid = Buffer.concat([frame(0, 0, 1, Buffer.alloc(1024)), ping, ping, ping, ping]);
  const flood = (): void => {
    for (let count = 0; count < 4000; count++) one.say(paid);
  };
  one.say(ping);
  await one.lines();
  flood();
  expect(one.socket.calls).toEqual(['pause']);
  one.socket.take();
  one.pass(1200);
  expect([one.socket.calls, one.heard]).toEqual([['pause'], []]);
  await one.lines();
  one.socket.take();
  expect(one.socket.calls).toEqual(['pause', 'resume']);
  one.pass(3000);
  flood();
  await one.lines();
  expect([one.socket.calls, one.heard]).toEqual([['pause', 'resume', 'pause'], []]);
  one.pass(1200);
  expect([one.socket.calls.at(-1), one.heard]).toEqual(['reset', ['finished client_stalled 499']]);
});

test('without memory for what comes, the connection says so and ends', async () => {
  const one = await http2Lab();
  const exchange = one.ask(1);
  const { maxBytes } = heldMemory;
  heldMemory.maxBytes = 0;
  one.say(frame(1, 1, 3, block(GET)));
  heldMemory.maxBytes = maxBytes;
  expect([exchange.failure?.flag, one.socket.calls]).toEqual(['memory_full', ['end']]);
});

test('a client that half-closes can be sent nothing any more: its requests end with 499', async () => {
  const one = await http2Lab();
  one.ask(1);
  one.ask(3);
  one.connection.onDrain();
  one.connection.onEnd();
  expect(one.heard).toEqual(['finished client_gone 499', 'finished client_gone 499']);
  expect(one.socket.calls).toEqual(['end', 'destroySoon']);
  one.connection.onClose();
  expect(one.heard.slice(2)).toEqual(['bond', 'closed']);
});

test('a connection that is lost takes its requests along, and nothing of it stays in the wheel', async () => {
  const one = await http2Lab();
  one.ask(1);
  one.connection.onClose();
  expect(one.heard).toEqual(['finished client_gone 499', 'bond', 'closed']);
  one.pass(60_000);
  expect([await one.lines(), one.socket.calls]).toEqual([[], []]);
});

test('GOAWAY of a client costs nothing that is in progress, and too many of them the connection', async () => {
  const one = await http2Lab();
  one.ask(1);
  const bytes = frame(7, 0, 0, Buffer.alloc(8));
  for (let count = 0; count < 1900; count++) one.say(bytes);
  expect(await one.lines()).toEqual([]);
  for (let count = 0; count < 100; count++) one.say(bytes);
  expect(await one.lines()).toEqual(['GOAWAY 0 1 11']);
  expect(one.heard).toEqual(['finished http2_flood 429']);
});

test('the reads of a connection that has introduced itself are made faster', async () => {
  const shared = downstreamLab();
  shared.handler = (exchange) => respond(exchange, 200, 'ok');
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {}); // How it ends is not what is asked here.
  const [accepted] = (await once(server, 'connection')) as [net.Socket];
  const connection = new Http2Connection(shared.context, accepted, CLIENT, 0, true);
  const closed = once(client, 'close');
  let got = '';
  const answered = new Promise<void>((resolve) => {
    client.on('data', (chunk) => {
      got += chunk.toString('latin1');
      if (got.includes('ok')) resolve();
    });
  });
  client.write(Buffer.concat([PREFACE, SETTINGS]));
  client.write(frame(1, 5, 1, block(GET)));
  await answered;
  // The old object is of no use any more.
  expect([accepted.destroyed, connection.hasAsked]).toEqual([true, true]);
  client.end();
  await closed;
  server.close();
});
