// One request on a connection of HTTP/2 to a server: what is sent, what is read, and how it breaks off.

import { describe, expect, test } from 'vitest';
import { BODY_CHUNKED, BODY_LENGTH } from '../../http/body.ts';
import type { Exchange } from '../../http/exchange.ts';
import { FAILURES } from '../../http/failure.ts';
import { HeaderList } from '../../http/message/header-list.ts';
import { webSocketAccept } from '../../http/message/websocket.ts';
import { writeText } from '../../../../test/support/downstream.ts';
import { block, frame, settings, uint32, type FieldPair } from '../../../../test/support/raw-http2.ts';
import { upstreamHttp2Lab, type UpstreamHttp2Lab } from '../../../../test/support/upstream-http2.ts';

const REFUSED_STREAM = 7;

function head(fields: readonly FieldPair[], endStream = false): Buffer {
  return frame(1, endStream ? 5 : 4, 1, block(fields));
}

function data(text: string, endStream = false): Buffer {
  return frame(0, endStream ? 1 : 0, 1, text);
}

function posted(exchange: Exchange): void {
  exchange.method = 'POST';
  exchange.requestFraming = BODY_CHUNKED;
}

const OK: FieldPair = [':status', '200'];

describe('a response', () => {
  test('of a known length, in pieces, is ended by its last frame', async () => {
    const { ask, says, heard, lines } = await upstreamHttp2Lab();
    const { client, exchange } = ask();
    expect(await lines()).toEqual(['HEADERS 1 end :method=GET :scheme=http :authority=a :path=/']);
    says(head([OK, ['content-length', '4']]));
    expect([client.noted(), exchange.responseFraming, exchange.responseLength]).toEqual([
      ['(begin 200)', '(flush)'],
      BODY_LENGTH,
      4,
    ]);
    says(data('ab'), data('cd', true));
    expect([client.noted(), heard]).toEqual([
      ['ab', 'cd', '(end)'],
      ['answered 200', 'finished'],
    ]);
    expect([exchange.originBytes, exchange.originStatus, exchange.responseSource]).toEqual([4, 200, null]);
    expect(await lines()).toEqual([]);
  });

  test.each([
    ['in its head', [head([OK], true)], ['(begin 200)', '(end)']],
    ['in trailers', [head([OK]), data('x'), head([['x-sum', '1']], true)], ['(begin 200)', 'x', '(end x-sum: 1)']],
    ['to HEAD, which has a length and no body', [head([OK, ['content-length', '4']], true)], ['(begin 200)', '(end)']],
  ] as const)('may end %s', async (how, frames, seen) => {
    const { ask, says, heard } = await upstreamHttp2Lab();
    const { client } = ask((exchange) => how.includes('HEAD') && (exchange.method = 'HEAD'));
    says(...frames);
    expect([client.noted().filter((what) => what !== '(flush)'), heard]).toEqual([seen, ['answered 200', 'finished']]);
  });

  test.each([
    ['without a body, of some length', [head([OK, ['content-length', '4']], true)], 'upstream_bad_response untouched'],
    ['of more than it said', [head([OK, ['content-length', '1']]), data('ab')], 'upstream_bad_response'],
    ['of less than it said', [head([OK, ['content-length', '3']]), data('ab', true)], 'upstream_bad_response'],
    ['without a status', [head([['x', '1']])], 'upstream_bad_response untouched'],
    ['whose body comes first', [data('ab')], 'upstream_bad_response untouched'],
    [
      'of too many fields',
      [head([OK, ...Array.from({ length: 30 }, (): FieldPair => ['x', '1'])])],
      'upstream_headers_too_large untouched',
    ],
    ['that ends as a 1xx', [head([[':status', '103']], true)], 'upstream_bad_response'],
    ['with trailers that do not end it', [head([OK]), head([['x', '1']])], 'upstream_bad_response'],
    ['with trailers that are malformed', [head([OK]), head([[':path', '/']], true)], 'upstream_bad_response'],
  ] as const)('%s is the server’s failure', async (_, frames, failed) => {
    const { ask, says, heard, lines } = await upstreamHttp2Lab();
    ask();
    await lines();
    says(...frames);
    expect(await lines()).toEqual(['RESET 1 1']);
    expect(heard.filter((what) => !what.startsWith('answered'))).toEqual(['finished', `failed ${failed}`]);
  });

  test('is held while its client has no room, and credited when it goes on', async () => {
    const { ask, says, lines } = await upstreamHttp2Lab();
    const { client, exchange } = ask();
    await lines();
    says(head([OK]));
    client.noted();
    client.isFull = true;
    const piece = 'x'.repeat(16_000);
    says(data(piece), data(piece), data(piece));
    expect(client.noted()).toEqual([piece, '(flush)']);
    expect((await lines()).filter((line) => line.startsWith('WINDOW 1'))).toEqual([]);
    client.isFull = false;
    exchange.responseSource!.resume();
    expect(client.noted()).toEqual([piece + piece, '(flush)']);
    expect((await lines()).filter((line) => line.startsWith('WINDOW 1'))).toHaveLength(1);
    says(data('', true));
    expect(client.noted()).toEqual(['(end)']);
  });

  test('1xx come before it, but for 100, and not without end', async () => {
    const { ask, says, heard } = await upstreamHttp2Lab();
    const { client } = ask();
    says(
      head([[':status', '100']]),
      head([
        [':status', '103'],
        ['link', '</a>'],
      ]),
    );
    expect(client.noted()).toEqual(['(103 link: </a>)']);
    for (let count = 0; count < 2000 && heard.length === 0; count++) says(head([[':status', '103']]));
    expect(heard).toEqual(['finished', 'failed upstream_bad_response']);
  });

  test('keeps the fields as they came where somebody wants them, and tells events from others', async () => {
    const { ask, says } = await upstreamHttp2Lab({}, { keepOriginHeaders: true });
    const { exchange } = ask((its) => its.onResponse((one) => one.responseHeaders.set('X', 'ours')));
    says(head([OK, ['x', 'theirs'], ['content-type', 'text/event-stream']]));
    expect([exchange.originHeaders?.get('x'), exchange.responseHeaders.get('x'), exchange.traffic]).toEqual([
      'theirs',
      'ours',
      'sse',
    ]);
  });

  test.each(['hook', 'client'])('that a %s gives up when it begins is read no further', async (how) => {
    const { ask, says, lines, heard } = await upstreamHttp2Lab();
    const { client } = ask((exchange) => {
      if (how === 'hook') exchange.onResponse(({ responseSource }) => (responseSource!.cancel(), 'taken'));
    });
    if (how === 'client') client.startResponse = ({ responseSource }) => responseSource!.cancel();
    await lines();
    says(head([OK]), data('x'));
    expect([client.noted(), await lines(), heard]).toEqual([[], ['RESET 1 8'], ['answered 200', 'finished']]);
  });
});

describe('a request with a body', () => {
  test('goes out as it comes, ended with its last frame or with trailers', async () => {
    const { ask, lines } = await upstreamHttp2Lab();
    const { client } = ask(posted);
    writeText(client.sink!, 'ab');
    client.sink!.flush();
    client.sink!.end(null);
    client.sink!.end(null);
    expect(writeText(client.sink!, 'late')).toBe(true);
    expect((await lines()).slice(1)).toEqual(['DATA 1 end ab']);
    const other = ask(posted);
    const trailers = new HeaderList();
    trailers.append('X-Sum', '1');
    other.client.sink!.end(trailers);
    expect((await lines()).slice(1)).toEqual(['HEADERS 3 end x-sum=1']);
  });

  test('of more than was announced is cut, of less given up', async () => {
    const { ask, lines, heard } = await upstreamHttp2Lab();
    const sized = (exchange: Exchange): void => {
      posted(exchange);
      exchange.requestFraming = BODY_LENGTH;
      exchange.requestLength = 2;
    };
    const { client } = ask(sized);
    writeText(client.sink!, 'abcd');
    writeText(client.sink!, 'ef');
    client.sink!.end(null);
    const short = ask(sized);
    writeText(short.client.sink!, 'a');
    short.client.sink!.end(null);
    expect((await lines()).filter((line) => !line.startsWith('HEADERS'))).toEqual([
      'DATA 1 end ab',
      'DATA 3 a',
      'RESET 3 8',
    ]);
    expect(heard).toEqual(['finished']);
  });

  test('waits for the server’s window, has time while it moves, and is given up when it does not', async () => {
    const { ask, says, lines, pass, heard } = await upstreamHttp2Lab({ idleConnTimeoutMs: 60_000 });
    says(frame(4, 0, 0, settings([4, 2])));
    const { client } = ask(posted);
    expect(writeText(client.sink!, 'abcdef')).toBe(false);
    expect((await lines()).at(-1)).toBe('DATA 1 ab');
    pass(700);
    says(frame(8, 0, 1, uint32(1)));
    pass(700);
    expect([await lines(), heard, client.noted()]).toEqual([['DATA 1 c'], [], []]);
    says(frame(8, 0, 1, uint32(3)));
    expect([await lines(), client.noted()]).toEqual([['DATA 1 def'], ['(resume body)']]);
    pass(3000);
    expect(heard).toEqual([]);
    writeText(client.sink!, 'gh');
    pass(1200);
    expect([heard, await lines()]).toEqual([['finished', 'failed upstream_write_timeout untouched'], ['RESET 1 8']]);
  });

  test('that breaks off resets the stream, as a client that leaves does', async () => {
    const { ask, lines, heard } = await upstreamHttp2Lab();
    ask(posted).client.sink!.abort(FAILURES.clientGone);
    const { exchange } = ask();
    exchange.responseSource!.cancel();
    exchange.responseSource?.cancel();
    expect((await lines()).filter((line) => !line.startsWith('HEADERS'))).toEqual(['RESET 1 8', 'RESET 3 8']);
    expect(heard).toEqual(['finished', 'finished']);
  });

  test('that is answered before its end is reset, and the response whole', async () => {
    const { ask, says, lines, heard } = await upstreamHttp2Lab();
    const { client } = ask(posted);
    await lines();
    says(head([OK], true));
    expect([client.noted(), await lines(), heard]).toEqual([
      ['(begin 200)', '(end)'],
      ['RESET 1 8'],
      ['answered 200', 'finished'],
    ]);
  });

  test('whose answer waits for its client goes no further when the server wants no more of it', async () => {
    const { ask, says, lines, heard } = await upstreamHttp2Lab();
    const { client, exchange } = ask(posted);
    says(head([OK]));
    client.noted();
    client.isFull = true;
    says(data('a'), data('b', true), frame(3, 0, 1, uint32(0)));
    expect(writeText(client.sink!, 'more')).toBe(true);
    client.isFull = false;
    exchange.responseSource!.resume();
    expect([client.noted(), heard]).toEqual([
      ['a', '(flush)', 'b', '(end)'],
      ['answered 200', 'finished'],
    ]);
    expect((await lines()).slice(1)).toEqual([]);
  });
});

test.each([
  ['refuses', REFUSED_STREAM, [], 'failed upstream_refused untouched unseen'],
  ['breaks off', 2, [], 'failed upstream_reset untouched'],
  ['refuses late', REFUSED_STREAM, [head([OK])], 'failed upstream_reset'],
])('a server that %s a request', async (_, code, before, failed) => {
  const { ask, says, heard } = await upstreamHttp2Lab();
  ask();
  says(...before, frame(3, 0, 1, uint32(code)));
  expect(heard.filter((what) => !what.startsWith('answered'))).toEqual(['finished', failed]);
});

test('a server that does not answer has its time, from the end of the request on', async () => {
  const { ask, pass, heard, lines } = await upstreamHttp2Lab();
  const { client } = ask(posted);
  pass(3000);
  client.sink!.end(null);
  pass(900);
  expect(heard).toEqual([]);
  await lines();
  pass(200);
  expect([heard, await lines()]).toEqual([['finished', 'failed upstream_response_timeout untouched'], ['RESET 1 8']]);
});

describe('a tunnel', () => {
  async function asked(): Promise<UpstreamHttp2Lab & ReturnType<UpstreamHttp2Lab['ask']>> {
    const one = await upstreamHttp2Lab();
    const request = one.ask((exchange) => {
      exchange.upgrade = 'websocket';
      exchange.requestHeaders.append('Sec-WebSocket-Key', 'key');
    });
    return Object.assign(one, request);
  }

  test('is opened by a 2xx; both ways end by themselves, and no time for an answer counts', async () => {
    const { says, lines, client, exchange, heard, pass } = await asked();
    expect(await lines()).toEqual(['HEADERS 1 :method=CONNECT :protocol=websocket :scheme=http :authority=a :path=/']);
    says(head([OK]), data('hello'));
    expect([client.noted(), exchange.status]).toEqual([['(tunnel websocket)', 'hello', '(flush)'], 101]);
    expect(exchange.responseHeaders.get('sec-websocket-accept')).toBe(webSocketAccept('key'));
    pass(5000);
    const end = exchange.responseSource as unknown as { write: typeof client.write; finish(): void }; // It is a TunnelEnd as well.
    end.write(Buffer.from('up'), 0, 2);
    end.finish();
    expect([await lines(), heard]).toEqual([['DATA 1 end up'], ['answered 200']]);
    says(data('', true));
    expect([client.noted(), heard]).toEqual([['(end)'], ['answered 200', 'finished']]);
  });

  test('whose server ends first goes on the other way', async () => {
    const { says, lines, client, exchange, heard } = await asked();
    says(head([OK]));
    const end = exchange.responseSource as unknown as { finish(): void; destroy(): void }; // It is a TunnelEnd as well.
    says(data('bye', true));
    expect([client.noted(), heard]).toEqual([['(tunnel websocket)', 'bye', '(end)'], ['answered 200']]);
    await lines();
    end.finish();
    expect([await lines(), heard]).toEqual([['DATA 1 end '], ['answered 200', 'finished']]);
    end.destroy();
    expect(await lines()).toEqual([]);
  });

  test('asks its client to go on when the server has room', async () => {
    const { says, client, exchange, heard, pass } = await asked();
    says(frame(4, 0, 0, settings([4, 1])), head([OK]));
    client.noted();
    const end = exchange.responseSource as unknown as { write: typeof client.write }; // It is a TunnelEnd as well.
    expect(end.write(Buffer.from('abc'), 0, 3)).toBe(false);
    says(frame(8, 0, 1, uint32(9)));
    expect(client.noted()).toEqual(['(resume tunnel)']);
    pass(5000);
    expect(heard).toEqual(['answered 200']);
  });

  test('that is refused is an answer like any other', async () => {
    const { says, lines, client } = await asked();
    await lines();
    says(
      head([
        [':status', '403'],
        ['content-length', '2'],
      ]),
      data('no', true),
    );
    expect(client.noted()).toEqual(['(begin 403)', 'no', '(end)']);
    expect(await lines()).toEqual(['DATA 1 end ']);
  });
});
