// Which requests are sent again by themselves, as a table over everything that an attempt says of its end.

import { expect, test } from 'vitest';
import { BODY_LENGTH, BODY_NONE } from '../http/body.ts';
import { Exchange, type Downstream } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { attemptFailed, canSendAgain, sendAgain, sendFirst } from './attempts.ts';

const CLIENT = {
  ip: '127.0.0.1',
  port: 1,
  scheme: 'http',
  tls: null,
  isTrusted: false,
  bonds: null,
  identity: null,
} as const;

interface Lab {
  readonly exchange: Exchange;
  /** What happened, in order. */
  readonly events: string[];
  fail(failure: Failure, isUntouched: boolean, wasReused: boolean, isUnseen: boolean): void;
}

function lab(method = 'GET'): Lab {
  const events: string[] = [];
  const downstream: Partial<Downstream> = {
    startResponse: (one) => {
      one.isResponseStarted = true;
      events.push(`answer ${one.status}`);
    },
    write: () => true,
    end: () => exchange.finish(),
    readBody: () => {},
    resumeBody: () => {},
    handlerFailed: (one, error) => {
      events.push(`threw ${(error as Error).message}`); // Those of the tests.
      respondFailure(one, FAILURES.internal);
    },
  };
  const exchange = new Exchange(downstream as Downstream, CLIENT); // The part that is used.
  exchange.method = method;
  const owner = {
    brokeOff: ({ flag }: Failure, reason: string) => void events.push(`count ${flag} ${reason}`),
    repeat: () => void events.push('repeat'),
  };
  exchange.onAttempt(({ attempt }) => void events.push(`attempt ${attempt.number}`));
  sendFirst(exchange, {
    sendAttempt: ({ attempt }) => {
      attempt.target = owner;
      events.push('send');
    },
  });
  return {
    exchange,
    events,
    fail: (...how) => {
      exchange.attempt.failed(...how);
      attemptFailed(exchange, owner, 'why');
    },
  };
}

const REPEATED = ['attempt 1', 'send', 'attempt 2', 'repeat'];
const [ENDED, OTHER] = [FAILURES.upstreamClosed, FAILURES.upstreamBadResponse];

test.each([
  // failure, untouched, reused, unseen, method → repeated
  [ENDED, true, true, false, 'GET', true],
  [ENDED, true, true, false, 'DELETE', true],
  [ENDED, true, true, false, 'POST', false],
  [ENDED, true, false, false, 'GET', false],
  [ENDED, false, true, false, 'GET', false],
  [OTHER, true, true, false, 'GET', false],
  [OTHER, false, false, true, 'POST', true],
  [FAILURES.connectRefused, true, false, false, 'GET', false],
] as const)('%o untouched %s reused %s unseen %s %s: sent again %s', (failure, untouched, reused, unseen, method, isRepeated) => {
  const one = lab(method);
  one.fail(failure, untouched, reused, unseen);
  const count = `count ${failure.flag} why`;
  expect(one.events).toEqual(isRepeated ? REPEATED : ['attempt 1', 'send', count, `answer ${failure.status}`]);
}); // prettier-ignore

test('once for a dead connection, three times for a refusal', () => {
  const dead = lab();
  for (let turn = 0; turn < 2; turn++) dead.fail(ENDED, true, true, false);
  expect(dead.events.slice(4)).toEqual(['count upstream_closed why', 'answer 502']);
  const refused = lab();
  for (let turn = 0; turn < 4; turn++) refused.fail(FAILURES.upstreamRefused, true, false, true);
  expect(refused.events.filter((event) => event === 'repeat')).toHaveLength(3);
  expect(refused.events.at(-1)).toBe('answer 502');
  expect(refused.exchange.retryAttempts).toBe(3);
});

test.each([
  // failure, untouched, method → goes to another one
  [FAILURES.connectRefused, true, 'POST', true],
  [FAILURES.connectFailed, true, 'GET', true],
  [ENDED, true, 'GET', true],
  [FAILURES.upstreamReset, true, 'HEAD', true],
  [ENDED, true, 'POST', false],
  [ENDED, false, 'GET', false],
  [OTHER, true, 'GET', false],
  [FAILURES.connectTimeout, true, 'GET', false],
] as const)('%o untouched %s %s: goes to another server where there is one: %s', (failure, untouched, method, goesOn) => {
  const one = lab(method);
  one.exchange.sender!.hasAnother = () => true;
  const { target } = one.exchange.attempt;
  one.fail(failure, untouched, false, false);
  const count = `count ${failure.flag} why`;
  const expected = goesOn ? [count, 'attempt 2', 'send'] : [count, `answer ${failure.status}`];
  expect(one.events).toEqual(['attempt 1', 'send', ...expected]);
  expect(one.exchange.attempt.excluded?.has(target!) ?? false).toBe(goesOn);
}); // prettier-ignore

test.each([
  ['twelve times where they refuse', FAILURES.connectRefused, 12],
  ['three times where they cannot be reached', FAILURES.connectFailed, 3],
] as const)('goes to other servers %s, and to none where there is no other', (_, failure, times) => {
  const many = lab();
  many.exchange.sender!.hasAnother = () => true;
  for (let turn = 0; turn <= times; turn++) many.fail(failure, true, false, false);
  expect(many.events.filter((event) => event === 'send')).toHaveLength(times + 1);
  expect(many.events.at(-1)).toBe('answer 502');
  const alone = lab();
  alone.exchange.sender!.hasAnother = () => false;
  alone.fail(FAILURES.connectRefused, true, false, false);
  expect(alone.events.at(-1)).toBe('answer 502');
});

test('a repetition stays with its server, and what belongs to that one', () => {
  const one = lab();
  const target = one.exchange.attempt.target;
  one.exchange.onResponse(() => void one.events.push('hook of the server'));
  one.fail(ENDED, true, true, false);
  expect(one.exchange.attempt.target).toBe(target);
  one.exchange.runResponseHooks();
  expect(one.events.at(-1)).toBe('hook of the server');
});

test('sent anew, the request is as it was before it was sent', () => {
  const one = lab();
  const { exchange } = one;
  let isCancelled = false;
  exchange.responseSource = { resume: () => {}, cancel: () => (isCancelled = true) };
  exchange.onResponse(() => void one.events.push('hook of the server'));
  Object.assign(exchange, { status: 503, reason: 'Busy', originStatus: 503, originBytes: 7, traffic: 'sse' });
  exchange.responseHeaders.append('X-A', '1');
  exchange.attempt.exclude();
  expect(canSendAgain(exchange)).toBe(true);
  sendAgain(exchange);
  expect(isCancelled).toBe(true);
  expect(exchange).toMatchObject({ status: 0, reason: '', originStatus: 0, originBytes: 0, traffic: 'http' });
  expect(exchange.responseHeaders.count).toBe(0);
  expect(exchange.attempt.excluded?.size).toBe(1);
  exchange.runResponseHooks();
  expect(one.events).toEqual(['attempt 1', 'send', 'attempt 2', 'send']);
});

test('what has begun, has ended, or has lost its body is not sent again', () => {
  const started = lab();
  started.exchange.isResponseStarted = true;
  expect(canSendAgain(started.exchange)).toBe(false);
  const finished = lab();
  finished.exchange.finish();
  expect(canSendAgain(finished.exchange)).toBe(false);
  const withBody = lab('POST').exchange;
  withBody.requestFraming = BODY_LENGTH;
  expect(canSendAgain(withBody)).toBe(true);
  withBody.readBody({ write: () => true, flush: () => {}, end: () => {}, abort: () => {} });
  expect(canSendAgain(withBody)).toBe(false);
  withBody.requestFraming = BODY_NONE;
  expect(canSendAgain(new Exchange(withBody.downstream, CLIENT))).toBe(false);
});

test('who takes a failure keeps it from the client, and one that throws does not', () => {
  const one = lab();
  const seen: string[] = [];
  one.exchange.onFailure((_, { flag }) => {
    seen.push(`outer ${flag}`);
    return 'pass';
  });
  one.exchange.onFailure((_, { flag }) => {
    seen.push(`inner ${flag}`);
    return seen.length === 1 ? 'taken' : 'pass';
  });
  one.fail(FAILURES.connectRefused, true, false, false);
  expect(one.events.at(-1)).toBe('count upstream_connect_refused why');
  one.fail(FAILURES.connectRefused, true, false, false);
  expect(seen).toEqual(['inner', 'inner', 'outer'].map((who) => `${who} upstream_connect_refused`));
  expect(one.events.at(-1)).toBe('answer 502');
});

test('sent anew from a hook, an answer that comes at once is seen by every stage', () => {
  const { exchange } = lab();
  const seen: string[] = [];
  exchange.onResponse(({ status }) => void seen.push(`outer ${status}`));
  exchange.onResponse((one) => {
    seen.push(`retry ${one.status}`);
    if (one.attempt.number > 1) return 'pass';
    sendAgain(one);
    return 'taken';
  });
  exchange.noteStages();
  exchange.sender = { sendAttempt: (one) => respondFailure(one, FAILURES.noServer) };
  exchange.status = 500;
  expect(exchange.runResponseHooks()).toBe(false);
  expect(seen).toEqual(['retry 500', 'retry 503', 'outer 503']);
});

test('a hook that throws before an attempt costs its own request', () => {
  const one = lab();
  one.exchange.onAttempt(() => {
    throw new Error('now');
  });
  one.fail(ENDED, true, true, false);
  expect(one.events).toEqual(['attempt 1', 'send', 'attempt 2', 'threw now', 'answer 500']);
});
