import { beforeEach, expect, test } from 'vitest';
import { BODY_LENGTH } from './body.ts';
import { Exchange, type Downstream } from './exchange.ts';
import { FAILURES } from './failure.ts';
import { respond, respondFailure } from './respond.ts';
import { Subrequest, type Taker } from './subrequest.ts';

let events: string[];
let taker: Taker;
beforeEach(() => {
  events = [];
  taker = {
    startResponse: ({ status }) => void events.push(`head ${status}`),
    write: (chunk, start, end) => events.push(chunk.latin1Slice(start, end)) > 0,
    flush: () => {},
    end: () => void events.push('end'),
    abort: ({ flag }) => void events.push(`abort ${flag}`),
    handlerFailed: (error) => void events.push(`threw ${String(error)}`),
  };
});

function ask(target: string, body?: Buffer): Subrequest {
  return new Subrequest(null, { method: 'POST', target, ...(body === undefined ? {} : { body }) }, taker);
}

test.each([
  ['/a/b', '/a/b', '', false],
  ['/a?b=c?d', '/a', 'b=c?d', true],
  ['/a?', '/a', '', true],
  ['a', '/a', '', false],
])('%s is asked for as path and query', (target, path, query, hasQuery) => {
  expect(ask(target).exchange).toMatchObject({ forwardPath: path, path, query, hasQuery, isSubrequest: true });
});

test('the body goes out as often as it is asked for, the answer to the taker', () => {
  const request = ask('/', Buffer.from('body'));
  expect(request.exchange).toMatchObject({ requestFraming: BODY_LENGTH, requestLength: 4 });
  request.send((exchange) => {
    for (let turn = 0; turn < 2; turn++) {
      request.readBody({ ...taker, end: () => void events.push('request end') });
    }
    respond(exchange, 201, 'made');
  });
  expect(events).toEqual(['body', 'request end', 'body', 'request end', 'head 201', 'made', 'end']);
  expect(request.exchange.isFinished).toBe(true);
});

test.each([
  ['throws', () => { throw new Error('now'); }, ['threw Error: now', 'abort internal_error']],
  ['throws later', () => Promise.reject(new Error('later')), ['threw Error: later', 'abort internal_error']],
  ['breaks off', (exchange: Exchange) => exchange.downstream.abort(FAILURES.upstreamReset), ['abort upstream_reset']],
  ['changes the protocol', (exchange: Exchange) => exchange.downstream.startTunnel(exchange, null as never), ['abort upstream_upgrade_refused']],
  ['fails', (exchange: Exchange) => respondFailure(exchange, FAILURES.noServer), ['head 503', 'no available server\n', 'end']],
] as const)('who %s ends it once', async (_, handler, expected) => {
  const request = ask('/');
  request.send(handler);
  await Promise.resolve();
  expect(events).toEqual(expected);
  request.abort(FAILURES.upstreamReset);
  request.end(null);
  expect(events).toEqual(expected);
}); // prettier-ignore

test('a cancelled one stops its server, and says nothing more', () => {
  const request = ask('/');
  let finished = 0;
  request.exchange.onFinish(() => void finished++);
  request.send((exchange) => {
    exchange.responseSource = {
      resume: () => void events.push('resumed'),
      cancel: () => void events.push('cancelled'),
    };
  });
  request.resume();
  request.cancel();
  respond(request.exchange, 200, 'late');
  request.abort(FAILURES.upstreamReset);
  expect(events).toEqual(['resumed', 'cancelled']);
  expect(finished).toBe(1);
});

test('it speaks for the client of another exchange, as far as routers and stages know of that one', () => {
  const client = {
    ip: '10.0.0.1',
    port: 7,
    scheme: 'https',
    tls: null,
    isTrusted: false,
    bonds: null,
    identity: null,
  } as const;
  const like = new Exchange({} as Downstream, client); // Nothing is sent to it.
  Object.assign(like, { host: 'a', authority: 'a:8', entryPointName: 'web', routerName: 'r', hasForwarded: true });
  const { exchange } = new Subrequest(like, { method: 'GET', target: '/' }, taker);
  expect(exchange).toMatchObject({
    client,
    host: 'a',
    authority: 'a:8',
    entryPointName: 'web',
    routerName: 'r',
    hasForwarded: true,
    appendForwardedFor: true,
  });
});
