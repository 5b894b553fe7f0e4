// What is said to a server of HTTP/1.1, how its answer is read, and when the connection is of use for another request.

import { describe, expect, test } from 'vitest';
import { BODY_CHUNKED, BODY_LENGTH } from '../../http/body.ts';
import type { Exchange } from '../../http/exchange.ts';
import { FAILURES } from '../../http/failure.ts';
import { HeaderList } from '../../http/message/header-list.ts';
import { Reading } from '../../net/fixed-read.ts';
import type { Bond } from '../bond.ts';
import type { UpstreamContext } from '../connection-owner.ts';
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
  /** The next bond that is asked for; null for none. */
  bond: Bond<UpstreamHttp1Connection> | null;
}

function lab(context: Partial<UpstreamContext> = {}): Lab {
  const shared = upstreamLab(serverSpec(), {}, context);
  const { heard } = shared;
  const socket = new FakeSocket();
  const connection = new UpstreamHttp1Connection(
    {
      ...shared.owner,
      bind() {
        heard.push('bind');
        return made.bond;
      },
      closedByServer: (ms) => void heard.push(`closed by server after ${ms}`),
      outlived: (ms) => void heard.push(`outlived ${ms}`),
      release: () => void heard.push('release'),
      closed: (_, wasBusy) => void heard.push(`closed ${wasBusy ? 'busy' : 'idle'}`),
    },
    socket.asSocket,
    new Reading(),
  );
  const made: Lab = Object.assign(shared, {
    socket,
    connection,
    bond: null,
    says: (text: string) => connection.onRead(Buffer.from(text, 'latin1'), text.length),
  });
  return made;
}

function started(
  one: Lab,
  prepare: (exchange: Exchange) => void = () => {},
): { exchange: Exchange; client: NotingDownstream } {
  const asked = exchangeFor();
  prepare(asked.exchange);
  one.connection.start(asked.exchange);
  return asked;
}

function chunked(exchange: Exchange): void {
  exchange.method = 'POST';
  exchange.requestFraming = BODY_CHUNKED;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';

describe('a response', () => {
  test.each([
    ['of a known length', `${OK}ok`, ['(begin 200)', 'ok', '(end)'], 'release'],
    [
      'in chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
      ['(begin 200)', 'ok', '(end X-Sum: 1)'],
      'release',
    ],
    ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', ['(begin 204)', '(end)'], 'release'],
    [
      'of a server that goes',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
      ['(begin 200)', '(end)'],
      'closed busy',
    ],
    ['with more than it should be', `${OK}okay`, ['(begin 200)', 'ok', '(end)'], 'closed busy'],
    ['of no length with more', 'HTTP/1.1 304 Not Modified\r\n\r\nx', ['(begin 304)', '(end)'], 'closed busy'],
  ])('%s', (_, text, seen, last) => {
    const one = lab();
    const { client, exchange } = started(one);
    expect(one.socket.said()).toBe('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    one.says(text);
    expect([client.noted(), one.heard.at(-1)]).toEqual([seen, last]);
    expect([exchange.originStatus, exchange.responseSource]).toEqual([exchange.status, null]);
    expect(one.connection.isOpen).toBe(last === 'release');
  });

  test('up to the end of the connection is whole when that ends in order', async () => {
    const one = lab();
    const { client } = started(one);
    one.says('HTTP/1.1 200 OK\r\n\r\nab');
    expect(client.noted()).toEqual(['(begin 200)', 'ab', '(flush)']);
    one.connection.onEnd();
    expect(client.noted()).toEqual([]);
    await new Promise(setImmediate);
    expect([client.noted(), one.heard]).toEqual([['(end)'], ['answered 200', 'closed busy']]);
  });

  test('comes in pieces, and its server has time for each', () => {
    const one = lab();
    const { client, exchange } = started(one);
    one.pass(700);
    one.says(OK.slice(0, 9));
    one.says(OK.slice(9));
    expect(client.noted()).toEqual(['(begin 200)', '(flush)']);
    one.pass(700);
    one.says('o');
    one.pass(700);
    one.says('k');
    expect([client.noted(), exchange.originBytes]).toEqual([['o', '(flush)', 'k', '(end)'], 2]);
    one.pass(5000);
    expect(one.heard).toEqual(['answered 200', 'release']);
  });

  test('waits for a client without room, and its server’s time does not run', () => {
    const one = lab();
    const { client } = started(one);
    client.isFull = true;
    one.says(`${OK}o`);
    expect([one.socket.calls, client.noted()]).toEqual([['pause'], ['(begin 200)', 'o', '(flush)']]);
    one.pass(5000);
    expect(one.heard).toEqual(['answered 200']);
    one.connection.resume();
    one.connection.resume();
    expect(one.socket.calls).toEqual(['pause', 'resume']);
    one.pass(1200);
    expect([one.heard.at(-1), client.noted()]).toEqual([
      'failed upstream_read_timeout',
      ['(abort upstream_read_timeout)'],
    ]);
  });

  test('1xx come before it, but for 100, and not without end', () => {
    const one = lab();
    const { client } = started(one);
    one.says(`HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}ok`);
    expect(client.noted()).toEqual(['(103 Link: </a>)', '(begin 200)', 'ok', '(end)']);
    started(one);
    one.says('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(2000));
    // It had said something.
    expect(one.heard.at(-1)).toBe('failed upstream_bad_response reused');
  });

  test('keeps the fields as they came where somebody wants them', () => {
    const one = lab({ keepOriginHeaders: true });
    const { exchange } = started(one, (its) => its.onResponse((its_) => its_.responseHeaders.set('X', 'ours')));
    one.says('HTTP/1.1 200 OK\r\nX: theirs\r\nContent-Length: 0\r\n\r\n');
    expect([exchange.originHeaders?.get('x'), exchange.responseHeaders.get('x')]).toEqual(['theirs', 'ours']);
  });

  test('of events is told from others', () => {
    const one = lab();
    const { exchange } = started(one);
    one.says('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n');
    expect(exchange.traffic).toBe('sse');
  });

  test('that a hook gives up, or whose client leaves when it begins, is read no further', () => {
    for (const how of ['hook', 'client'] as const) {
      const one = lab();
      const asked = exchangeFor();
      if (how === 'hook') asked.exchange.onResponse(({ responseSource }) => (responseSource!.cancel(), 'taken'));
      else asked.client.startResponse = ({ responseSource }) => responseSource!.cancel();
      one.connection.start(asked.exchange);
      one.says(`${OK}ok`);
      expect([asked.client.noted(), one.heard]).toEqual([[], ['answered 200', 'closed busy']]);
    }
  });

  test('whose client leaves in the middle ends its connection', () => {
    const one = lab();
    const { client, exchange } = started(one);
    client.onWrite = () => exchange.responseSource!.cancel();
    one.says(`${OK}o`);
    expect([client.noted(), one.heard, one.socket.destroyed]).toEqual([
      ['(begin 200)', 'o'],
      ['answered 200', 'closed busy'],
      true,
    ]);
  });
});

test.each([
  ['no HTTP', 'nonsense\r\n\r\n', 'upstream_bad_response'],
  ['too large a head', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(5000)}\r\n\r\n`, 'upstream_headers_too_large'],
  ['too many fields', `HTTP/1.1 200 OK\r\n${'X: 1\r\n'.repeat(30)}\r\n`, 'upstream_headers_too_large'],
  [
    'a protocol nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    'upstream_upgrade_refused untouched',
  ],
])('an answer that is %s is the server’s failure', (_, text, flag) => {
  const one = lab();
  const { client } = started(one);
  one.says(text);
  expect(one.heard).toEqual(['closed busy', `failed ${flag}`]);
  expect(client.noted()).toEqual(['(begin 502)', 'Bad Gateway\n', '(end)']);
});

test('a body that is no valid one breaks off visibly', () => {
  const one = lab();
  const { client } = started(one);
  one.says('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n!');
  expect(client.noted()).toEqual(['(begin 200)', '(abort upstream_bad_response)']);
});

test('bytes that nobody has asked for end an idle connection', () => {
  const one = lab();
  one.says('HTTP/1.1 408 Request Timeout\r\n\r\n');
  expect([one.heard, one.socket.destroyed]).toEqual([['closed idle'], true]);
});

describe('a request with a body', () => {
  test('goes out as it comes, its head with the first of it', () => {
    const one = lab();
    const { client } = started(one, chunked);
    expect(one.socket.said()).toBe('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    writeText(client.sink!, 'ab');
    expect(one.socket.said()).toBe('');
    client.sink!.flush();
    const trailers = new HeaderList();
    trailers.append('X-Sum', '1');
    // The time for the answer begins with the end.
    one.pass(3000);
    client.sink!.end(trailers);
    expect(one.socket.said()).toBe('2\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n');
    one.pass(800);
    expect(one.heard).toEqual([]);
    one.pass(400);
    expect(one.heard).toEqual(['closed busy', 'failed upstream_response_timeout untouched']);
  });

  test('waits for a server that takes no more, and gives it up in the end', () => {
    const one = lab();
    const { client, exchange } = started(one, (its) => {
      chunked(its);
      its.requestFraming = BODY_LENGTH;
      its.requestLength = 200_000;
    });
    one.socket.isStuck = true;
    expect(client.sink!.write(Buffer.alloc(80_000), 0, 80_000, null)).toBe(false);
    one.socket.take();
    one.connection.onDrain();
    expect(client.noted()).toEqual(['(resume body)']);
    expect(client.sink!.write(Buffer.alloc(80_000), 0, 80_000, null)).toBe(false);
    one.pass(1200);
    expect(one.heard).toEqual(['closed busy', 'failed upstream_write_timeout untouched']);
    expect(exchange.failure).toBe(FAILURES.upstreamWriteTimeout);
    // What still comes of it is taken and dropped.
    one.socket.said();
    expect(writeText(client.sink!, 'late')).toBe(true);
    client.sink!.flush();
    client.sink!.end(null);
    one.connection.onDrain();
    expect(one.socket.said()).toBe('');
  });

  test('that breaks off ends the connection: it must not look whole', () => {
    const one = lab();
    const { client } = started(one, chunked);
    client.sink!.abort(FAILURES.clientGone);
    expect([one.heard, one.socket.destroyed]).toEqual([['closed busy'], true]);
  });

  test('that is answered before its end makes the connection of no more use', () => {
    const one = lab();
    const { client } = started(one, chunked);
    one.says(`${OK}ok`);
    expect([client.noted(), one.heard]).toEqual([
      ['(begin 200)', 'ok', '(end)'],
      ['answered 200', 'closed busy'],
    ]);
  });
});

describe('a change of protocol', () => {
  const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n';

  function upgrading(exchange: Exchange): void {
    exchange.upgrade = 'websocket';
  }

  test('makes a tunnel: what came with it first, and both ways until they end', async () => {
    const one = lab();
    const { client, exchange } = started(one, upgrading);
    one.says(`${SWITCH}early`);
    expect(client.noted()).toEqual(['(tunnel websocket)', 'early', '(flush)']);
    one.says('more');
    expect([client.noted(), exchange.originBytes, exchange.status]).toEqual([['more', '(flush)'], 9, 101]);
    one.socket.said();
    expect(writeText(one.connection, 'up')).toBe(true);
    expect(one.socket.said()).toBe('up');
    one.connection.onDrain();
    expect(client.noted()).toEqual(['(resume tunnel)']);
    one.connection.finish();
    expect(one.socket.calls).toEqual(['end']);
    one.connection.onEnd();
    expect(client.noted()).toEqual(['(end)']);
    // No time but that of the client's side counts.
    one.pass(60_000);
    expect(one.heard).toEqual([]);
    one.connection.destroy();
    expect(one.heard).toEqual(['closed busy']);
    await new Promise(setImmediate);
  });

  test('waits for a client without room', () => {
    const one = lab();
    const { client } = started(one, upgrading);
    client.isFull = true;
    one.says(`${SWITCH}x`);
    one.connection.resume();
    one.says('y');
    expect(one.socket.calls).toEqual(['pause', 'resume', 'pause']);
  });

  test('comes when the request is complete, and not before', () => {
    const one = lab();
    const { client } = started(one, (exchange) => {
      chunked(exchange);
      upgrading(exchange);
    });
    one.says(`${SWITCH}early`);
    expect([client.noted(), one.socket.calls]).toEqual([[], ['pause']]);
    client.sink!.end(null);
    expect([client.noted(), one.socket.calls]).toEqual([
      ['(tunnel websocket)', 'early', '(flush)'],
      ['pause', 'resume'],
    ]);
  });

  test('that a hook gives up is none', () => {
    const one = lab({ keepOriginHeaders: true });
    const { client, exchange } = started(one, (its) => {
      upgrading(its);
      its.onResponse(({ responseSource }) => (responseSource!.cancel(), 'taken'));
    });
    one.says(SWITCH);
    expect([client.noted(), one.heard, exchange.originHeaders !== null]).toEqual([[], ['closed busy'], true]);
  });
});

describe('a connection that authenticates its user', () => {
  test.each([
    ['by what the client says', 'Authorization', ''],
    ['by what the server asks', '', 'WWW-Authenticate: NTLM\r\n'],
  ])('belongs to the client: %s', (_, field, challenge) => {
    const one = lab();
    one.bond = {} as Bond<UpstreamHttp1Connection>; // Nothing of it is used here.
    started(one, (exchange) => field !== '' && exchange.requestHeaders.append(field, 'NTLM abc'));
    one.says(`HTTP/1.1 401 Unauthorized\r\n${challenge}Content-Length: 0\r\n\r\n`);
    expect([one.connection.bond === one.bond, one.heard]).toEqual([
      true,
      field === '' ? ['answered 401', 'bind', 'release'] : ['bind', 'answered 401', 'release'],
    ]);
  });

  test('and whose client has another one is not used again', () => {
    const one = lab();
    started(one);
    one.says('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n');
    expect(one.heard).toEqual(['answered 401', 'bind', 'closed busy']);
  });
});
