// All the ways in which a connection to a server of HTTP/1.1 ends, and what each of them says of the request.

import { describe, expect, test } from 'vitest';
import { BODY_CHUNKED } from '../../http/body.ts';
import type { Exchange } from '../../http/exchange.ts';
import { Reading } from '../../net/fixed-read.ts';
import { UpstreamHttp1Connection } from './http1-connection.ts';
import { writeText } from '../../../../test/support/downstream.ts';
import { FakeSocket } from '../../../../test/support/fake-socket.ts';
import {
  exchangeFor,
  serverSpec,
  upstreamLab,
  type NotingDownstream,
  type UpstreamLab,
} from '../../../../test/support/upstream.ts';

interface Lab extends UpstreamLab {
  readonly socket: FakeSocket;
  readonly connection: UpstreamHttp1Connection;
  readonly says: (text: string) => void;
  readonly ask: (prepare?: (exchange: Exchange) => void) => { exchange: Exchange; client: NotingDownstream };
}

function lab(host = 'a'): Lab {
  const shared = upstreamLab(serverSpec('http', host));
  const { heard } = shared;
  const socket = new FakeSocket();
  const connection = new UpstreamHttp1Connection(
    {
      ...shared.owner,
      bind: () => null,
      closedByServer: (ms) => void heard.push(`closed by server after ${ms}`),
      outlived: (ms) => void heard.push(`outlived ${ms}`),
      release(released) {
        released.idleSinceMs = shared.clock.now();
        heard.push('release');
      },
      closed: (_, wasBusy) => void heard.push(`closed ${wasBusy ? 'busy' : 'idle'}`),
    },
    socket.asSocket,
    new Reading(),
  );
  return Object.assign(shared, {
    socket,
    connection,
    says: (text: string) => connection.onRead(Buffer.from(text, 'latin1'), text.length),
    ask(prepare: (exchange: Exchange) => void = () => {}) {
      const asked = exchangeFor();
      prepare(asked.exchange);
      connection.start(asked.exchange);
      return asked;
    },
  });
}

/** One request has been answered. */
function used(host = 'a'): Lab {
  const one = lab(host);
  one.ask();
  one.says('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  one.heard.length = 0;
  one.socket.said();
  return one;
}

/** As Node does when a write fails. */
function writeFails(one: Lab, code: 'EPIPE' | 'ECONNRESET'): void {
  one.socket.asSocket.destroy(Object.assign(new Error(code), { code, syscall: 'write' }));
}

const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab';

describe('at rest', () => {
  test('it ends after its time, which says that the server keeps it for that long', () => {
    const one = used();
    one.connection.rest(700);
    one.pass(600);
    expect(one.heard).toEqual([]);
    one.pass(200);
    expect(one.heard).toEqual(['outlived 800', 'closed idle']);
  });

  test('the server ends it, which says that it closes others of that age; one never used says nothing', () => {
    const one = used();
    one.pass(300);
    one.connection.onEnd();
    expect(one.heard).toEqual(['closed by server after 300', 'closed idle']);
    one.connection.onClose(null);
    const fresh = lab();
    fresh.connection.onClose(new Error('reset'));
    expect([one.heard.length, fresh.heard]).toEqual([2, ['closed idle']]);
  });
});

describe('with a request', () => {
  test.each([
    ['closed', null, 'upstream_closed'],
    ['reset', new Error('reset'), 'upstream_reset'],
  ])('%s: a first request is untouched, a later one was sent on a kept connection', (_, error, flag) => {
    const first = lab();
    first.ask();
    first.connection.onClose(error);
    expect(first.heard).toEqual(['closed busy', `failed ${flag} untouched`]);
    const later = used();
    later.pass(400);
    later.ask();
    later.connection.onClose(error);
    expect(later.heard).toEqual(['closed by server after 400', 'closed busy', `failed ${flag} untouched reused`]);
  });

  test.each([
    ['a part of its head', 'HTTP/1.1 2'],
    ['an interim answer', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ])('a server that has said %s has begun with it', (_, said) => {
    const one = used();
    one.ask();
    one.says(said);
    one.connection.onClose(null);
    expect(one.heard).toEqual(['closed busy', 'failed upstream_closed reused']);
  });

  test('a server that does not answer is given up, and it says nothing of its age', () => {
    const one = used();
    one.ask();
    one.pass(900);
    expect(one.heard).toEqual([]);
    one.pass(200);
    expect(one.heard).toEqual(['closed busy', 'failed upstream_response_timeout untouched reused']);
  });

  test('an end in the middle of a body is no whole body', async () => {
    const one = lab();
    const { client } = one.ask();
    one.says(HALF);
    client.noted();
    one.connection.onEnd();
    await new Promise(setImmediate);
    expect([client.noted(), one.heard.slice(1)]).toEqual([
      ['(abort upstream_closed)'],
      ['closed busy', 'failed upstream_closed'],
    ]);
  });

  test('an end that was a reset, as the next write shows, is one', async () => {
    const one = lab();
    const { client } = one.ask();
    one.says('HTTP/1.1 200 OK\r\n\r\nab');
    client.noted();
    one.connection.onEnd();
    one.socket.errored = new Error('EPIPE');
    await new Promise(setImmediate);
    expect(client.noted()).toEqual([]);
    one.connection.onClose(new Error('EPIPE'));
    expect(client.noted()).toEqual(['(abort upstream_reset)']);
  });

  test('a Unix socket knows no resets: its end is one in order, at once', () => {
    const one = lab('@/run/a');
    const { client } = one.ask();
    one.says('HTTP/1.1 200 OK\r\n\r\nab');
    client.noted();
    one.connection.onEnd();
    expect(client.noted()).toEqual(['(end)']);
  });
});

describe('a write that fails', () => {
  function uploading(): Lab & { readonly client: NotingDownstream } {
    const one = lab();
    const { client } = one.ask((exchange) => {
      exchange.method = 'POST';
      exchange.requestFraming = BODY_CHUNKED;
    });
    return Object.assign(one, { client });
  }

  test('leaves the answer that the server has given before, and nothing more is sent', () => {
    const one = uploading();
    writeFails(one, 'EPIPE');
    writeFails(one, 'EPIPE');
    one.socket.said();
    expect(writeText(one.client.sink!, 'more')).toBe(true);
    one.client.sink!.flush();
    one.client.sink!.end(null);
    expect([one.socket.said(), one.heard, one.socket.destroyed]).toEqual(['', [], false]);
    one.says('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n');
    expect([one.client.noted(), one.heard]).toEqual([
      ['(begin 413)', '(end)'],
      ['answered 413', 'closed busy'],
    ]);
  });

  test('without an answer that is there is a reset, after the time that it may take to be read', () => {
    const one = uploading();
    writeFails(one, 'ECONNRESET');
    one.pass(1900);
    expect(one.heard).toEqual([]);
    one.pass(200);
    expect(one.heard).toEqual(['closed busy', 'failed upstream_reset untouched']);
  });

  test.each([
    ['EPIPE', ['(end)']],
    ['ECONNRESET', ['(abort upstream_reset)']],
  ] as const)('of %s says by itself whether the end before it was one in order', (code, expected) => {
    const one = uploading();
    one.says('HTTP/1.1 200 OK\r\n\r\nab');
    one.client.noted();
    writeFails(one, code);
    one.connection.onEnd();
    expect(one.client.noted()).toEqual(expected);
  });

  test('behind the end shows that it was a reset', () => {
    const one = uploading();
    one.connection.onEnd();
    writeFails(one, 'EPIPE');
    expect(one.heard).toEqual(['closed busy', 'failed upstream_reset untouched']);
  });

  test('of a connection at rest ends it; other errors end it whatever it does', () => {
    const one = uploading();
    one.client.sink!.end(null);
    one.says('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    writeFails(one, 'EPIPE');
    expect(one.heard).toEqual(['answered 200', 'release', 'closed idle']);
    const other = uploading();
    other.socket.asSocket.destroy(new Error('of another kind'));
    expect(other.socket.destroyed).toBe(true);
  });
});
