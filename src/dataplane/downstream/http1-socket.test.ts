// How a connection of HTTP/1.1 rests, drains and lingers, and that its reads are made faster once it has proven to
// stay.

import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { BODY_NONE } from '../http/body.ts';
import { respond } from '../http/respond.ts';
import { Http1Connection } from './http1-connection.ts';
import { FakeSocket } from '../../../test/support/fake-socket.ts';
import {
  beginResponse,
  CLIENT,
  downstreamLab,
  type DownstreamLab,
  type DownstreamOptions,
} from '../../../test/support/downstream.ts';

interface Lab extends DownstreamLab {
  readonly socket: FakeSocket;
  readonly connection: Http1Connection;
  readonly say: (text: string) => void;
}

function lab(options: DownstreamOptions = {}, prepare: (shared: DownstreamLab) => void = () => {}): Lab {
  const shared = downstreamLab(options);
  shared.handler = (exchange) => respond(exchange, 200, 'ok');
  prepare(shared);
  const socket = new FakeSocket();
  const connection = new Http1Connection(shared.context, socket.asSocket, CLIENT, 7, false);
  const say = (text: string): void => connection.onRead(Buffer.from(text, 'latin1'), text.length);
  return Object.assign(shared, { socket, connection, say });
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

test('a connection that rests is closed after its time, which each request begins anew', () => {
  const { say, pass, socket, connection } = lab({ timeouts: { idleMs: 500 } });
  say(GET);
  pass(400);
  say(GET);
  pass(400);
  expect([socket.calls, connection.hasAsked, connection.ticket]).toEqual([[], true, 7]);
  pass(300);
  expect(socket.calls).toEqual(['destroySoon']);
  // And one that the kernel keeps is broken off.
  pass(5200);
  expect(socket.calls).toEqual(['destroySoon', 'reset']);
});

test('a drain closes who rests at once, and lets others have their answer, which says so', () => {
  const resting = lab();
  resting.entryPoint.isDraining = true;
  resting.connection.drain();
  expect(resting.socket.calls).toEqual(['destroySoon']);

  const busy = lab({}, (shared) => (shared.handler = () => {}));
  busy.say(GET);
  busy.entryPoint.isDraining = true;
  busy.connection.drain();
  expect(busy.socket.calls).toEqual([]);
  respond(busy.exchanges[0]!, 200, 'ok');
  expect(busy.socket.said()).toMatch(/Connection: close\r\n\r\nok$/);
  expect(busy.socket.calls).toEqual(['end']);

  const begun = lab();
  begun.say('GET /');
  begun.connection.drain();
  expect(begun.socket.calls).toEqual([]);
});

test('in patience a drain waits for a request that may be on its way', () => {
  const one = lab({ timeouts: { headerMs: 60_000 } });
  Object.assign(one.entryPoint, { isDraining: true, patienceMs: 300 });
  one.connection.drain();
  one.pass(200);
  expect(one.socket.calls).toEqual([]);
  one.pass(200);
  expect(one.socket.calls).toEqual(['destroySoon']);

  const newcomer = lab({}, ({ entryPoint }) => Object.assign(entryPoint, { isDraining: true, patienceMs: 300 }));
  newcomer.pass(400);
  expect(newcomer.socket.calls).toEqual(['destroySoon']);
});

test.each([
  [0, ['destroySoon']],
  [300, []],
])('an answer begun before the drain ends the connection after it, with a patience of %i', (patienceMs, calls) => {
  const one = lab({}, (shared) => (shared.handler = () => {}));
  one.say(GET);
  beginResponse(one.exchanges[0]!, 200, BODY_NONE);
  Object.assign(one.entryPoint, { isDraining: true, patienceMs });
  one.exchanges[0]!.responseSink.end(null);
  expect(one.socket.said()).not.toContain('close');
  expect(one.socket.calls).toEqual(calls);
  one.pass(500);
  expect(one.socket.calls).toEqual(['destroySoon']);
});

test('a client that goes on sending behind its last answer is read for a while, and no longer than that', () => {
  const one = lab();
  one.say('\x16');
  expect(one.socket.calls).toEqual(['end']);
  for (let ms = 0; ms < 29_000; ms += 4000) {
    one.say('more');
    one.pass(4000);
  }
  expect(one.socket.calls).toEqual(['end', 'reset']);
});

test('while draining, its time is not prolonged', () => {
  const one = lab();
  one.say('\x16');
  one.entryPoint.isDraining = true;
  one.pass(4000);
  one.say('more');
  one.pass(1200);
  expect(one.socket.calls).toEqual(['end', 'reset']);
});

test('one with requests in line is nobody that rests, and closes so that its answer arrives', () => {
  const one = lab({}, (shared) => (shared.handler = () => {}));
  one.say(GET + GET);
  expect(one.connection.closeIfResting()).toBe(false);
  one.entryPoint.isDraining = true;
  beginResponse(one.exchanges[0]!, 200, BODY_NONE);
  one.exchanges[0]!.responseSink.end(null);
  expect(one.socket.calls).toEqual(['pause', 'end', 'resume']);
});

test('the second request makes the reads faster, over the same connection', async () => {
  const shared = downstreamLab();
  shared.handler = (exchange) => respond(exchange, 200, 'ok');
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {}); // How it ends is not what is asked here.
  const [accepted] = (await once(server, 'connection')) as [net.Socket];
  const connection = new Http1Connection(shared.context, accepted, CLIENT, 0, true);
  const could: boolean[] = [];
  for (let request = 0; request < 3; request++) {
    client.write(GET);
    expect(String(await once(client, 'data'))).toMatch(/ok$/);
    could.push(connection.canRefit);
  }
  expect([could[0], could[2], shared.exchanges.length]).toEqual([true, false, 3]);
  const closed = once(client, 'close');
  client.end();
  await closed;
  server.close();
});
