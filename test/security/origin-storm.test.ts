// A seeded storm: thousands of requests over kept connections to an origin that does everything wrong, and then the
// books: each request has one answer, its own, or a connection that visibly broke; one log line; and nothing is left
// behind. STORM_SEED repeats a run, STORM_REQUESTS makes it longer.

import { expect, test } from 'vitest';
import { FAILURES } from '../../src/dataplane/http/failure.ts';
import { BadOrigin, bodyOf, digestOf, type BehaviourName } from '../support/bad-origin.ts';
import { forFile } from '../support/lab.ts';
import {
  failureCounts,
  finalAnswer,
  installFile,
  logLines,
  OUTCOMES,
  scrape,
  servers,
  transportFor,
  type LogLine,
} from '../support/laboratory.ts';
import { RawClient, type RawResponse } from '../support/raw-client.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { SeededRandom } from './byte-mutator.ts';

const SEED = Number(process.env['STORM_SEED'] ?? Date.now() % 1_000_000);
const REQUESTS = Number(process.env['STORM_REQUESTS'] ?? 4000);
const CLIENTS = 32;
/** Fewer than there are clients: some requests always wait for a connection. */
const MAX_CONNECTIONS = 24;

const GOOD = ['ok-length', 'ok-chunked', 'ok-close', 'ok-empty', 'ok-dribble', 'ok-interim'] as const;
/** Of these, those whose end is not the connection's: a server that goes away cannot make a shorter one of them. */
const FRAMED = GOOD.filter((behaviour) => behaviour !== 'ok-close');
/** Bad before a byte of a body: for HEAD, too. */
const BAD_HEADS = [
  'reset-before',
  'reset-in-head',
  'fin-before',
  'fin-in-head',
  'garbage',
  'huge-head',
  'many-fields',
  'both-lengths',
  'interim-flood',
  'switch-unasked',
] as const;
const BAD_BODIES = [
  'reset-in-length',
  'reset-in-chunked',
  'reset-in-close',
  'fin-in-length',
  'fin-in-chunked',
  'fin-before-last-chunk',
  'fin-in-close',
  'bad-chunk',
  'bad-trailer',
  'early-ok',
  'early-end',
] as const;
const STALLS = [
  'stall-before',
  'stall-in-head',
  'stall-after-interim',
  'stall-after-head',
  'stall-in-length',
  'stall-in-chunked',
  'stall-in-close',
] as const;
/** What these do to a kept connection, the request after them may get to feel: they have a service of their own. */
const POISON = ['reset-after', 'fin-after', 'unasked', 'extra-bytes', 'early-reset', 'early-reset-before'] as const;
const POISONED = ['', 'upstream_reset', 'upstream_closed', 'upstream_bad_response'];

/** Those that time out have two: for want of an answer, and of its rest. Nobody else waits for a time. */
type Service = 'storm' | 'filtered' | 'poison' | 'head' | 'body';

/** How a client leaves: at once, in the middle of its request, when the answer begins, or not at all. */
type Leaving = 'at once' | 'half-way' | 'at answer' | 'never';

const STATUS_OF = new Map(Object.values(FAILURES).map(({ flag, status }) => [flag, status]));

interface Plan {
  readonly id: string;
  readonly service: Service;
  readonly method: string;
  readonly behaviour: BehaviourName;
  readonly size: number;
  readonly body: string;
  readonly isChunked: boolean;
  readonly leaving: Leaving;
}

/** `unasked`: the connection ended with an answer, or broke, before this request's turn came. */
type Result = RawResponse | 'broken' | 'abandoned' | 'unasked';

/** Mostly small; some beyond what is passed on in one piece, a few beyond what the buffers on the way hold. */
function sizeOf(random: SeededRandom): number {
  const dice = random.below(200);
  return random.below(dice === 0 ? 6_000_000 : dice < 10 ? 300_000 : 3000);
}

function planOf(random: SeededRandom, index: number): Plan {
  const id = `s${index}.`;
  const dice = random.below(1000);
  let method = random.pick(['GET', 'GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT', 'DELETE']);
  let behaviour: BehaviourName;
  let service: Service = random.below(4) === 0 ? 'filtered' : 'storm';
  if (dice < 600) behaviour = random.pick(GOOD);
  else if (dice < 720) behaviour = random.pick(BAD_HEADS);
  else {
    if (method === 'HEAD') method = 'GET';
    if (dice < 890) behaviour = random.pick(BAD_BODIES);
    else if (dice < 900) {
      behaviour = random.pick(STALLS);
      service = transportFor(behaviour) === 'head' ? 'head' : 'body';
    } else {
      behaviour = random.below(2) === 0 ? 'ok-length' : random.pick(POISON);
      service = 'poison';
    }
  }
  // At least two bytes: half of it is a beginning.
  const size = 2 + (behaviour === 'extra-bytes' ? random.below(3000) : sizeOf(random));
  const hasBody = method === 'POST' || (method === 'PUT' && random.below(2) === 0);
  const body = hasBody ? bodyOf(`up-${id}`, sizeOf(random)) : '';
  const isChunked = body !== '' && random.below(2) === 0;
  const leaving = random.below(50) === 0 ? random.pick(['at once', 'half-way', 'at answer'] as const) : 'never';
  return { id, service, method, behaviour, size, body, isChunked, leaving };
}

function requestText(plan: Plan): string {
  const head = `${plan.method} /${plan.behaviour}/${plan.id}?n=${plan.size} HTTP/1.1\r\nHost: a\r\nX-Service: ${plan.service}\r\n`;
  if (plan.isChunked) {
    return `${head}Transfer-Encoding: chunked\r\n\r\n${plan.body.length.toString(16)}\r\n${plan.body}\r\n0\r\n\r\n`;
  }
  return plan.body === '' ? `${head}\r\n` : `${head}Content-Length: ${plan.body.length}\r\n\r\n${plan.body}`;
}

const origin = await forFile(BadOrigin.start());
const url = `http://127.0.0.1:${origin.port}`;
const routing = servers({ storm: url, filtered: url, poison: url, head: [url, 'head'], body: [url, 'body'] }).replace(
  ', service: filtered',
  ', middlewares: [limit], service: filtered',
);
const filter = '    limit: { buffering: { maxResponseBodyBytes: 100000000, memResponseBodyBytes: 20000 } }\n';
const router = await forFile(
  startRouter({
    install: installFile(`maxConnsPerHost: ${MAX_CONNECTIONS}`, `${routing}  middlewares:\n${filter}`),
    workers: 2,
  }),
);

/** Settles with the first bytes of an answer, or the end. */
async function begun(client: RawClient): Promise<void> {
  await client.until(() => client.received !== '' || client.isEnded || client.isClosed, true);
}

/**
 * One client: requests one after the other, now and then two at once, on a connection that is kept as long as it may
 * be.
 */
async function runClient(
  port: number,
  random: SeededRandom,
  take: () => Plan | undefined,
  results: Map<Plan, Result>,
): Promise<void> {
  let client: RawClient | null = null;
  for (let plan = take(); plan !== undefined; plan = take()) {
    client ??= await RawClient.connect(port);
    const plans = [plan];
    const second = plan.body === '' && random.below(20) === 0 ? take() : undefined;
    if (second !== undefined) plans.push(second);
    const text = plans.map((one) => requestText(one)).join('');
    const leaving = plans.find((one) => one.leaving !== 'never')?.leaving;
    client.send(leaving === 'half-way' ? text.slice(0, text.length >> 1) : text);
    if (leaving !== undefined) {
      for (const one of plans) results.set(one, 'abandoned');
      if (leaving === 'at answer') await begun(client);
      client.socket.destroy();
      client = null;
      continue;
    }
    for (const one of plans) {
      if (client === null) {
        results.set(one, 'unasked');
        continue;
      }
      const answer = await finalAnswer(client, one.method);
      results.set(one, answer ?? 'broken');
      // A failure may come before the end of a chunked body, and then the router reads only so much of the rest.
      const isUncertain = one.isChunked && answer !== null && answer.status >= 500;
      if (answer === null || isUncertain || /\r\nconnection: close\r\n/i.test(answer.head)) {
        client.socket.destroy();
        client = null;
      }
    }
    // Nothing follows the last answer that was asked for.
    if (client !== null) expect(client.received).toBe('');
  }
  client?.socket.destroy();
}

/** Whatever a 2xx says, it says to its own request, and the origin has said it. */
function checkAnswer(origin: BadOrigin, plan: Plan, answer: RawResponse): void {
  expect(answer.status < 300 ? 'ok' : [502, 503, 504].includes(answer.status)).toBeTruthy();
  if (answer.status >= 300) {
    expect(answer.head).not.toContain('X-Id');
    return;
  }
  expect(answer.head).toContain(`X-Id: ${plan.id}\r\n`);
  if (!plan.behaviour.startsWith('early')) expect(answer.head).toContain(`X-Got: ${digestOf(plan.body)}\r\n`);
  const size = plan.behaviour === 'fin-in-close' ? plan.size >> 1 : plan.size;
  const hasBody = plan.method !== 'HEAD' && answer.status !== 204;
  expect(answer.body === (hasBody ? bodyOf(plan.id, plan.size).slice(0, size) : '')).toBe(true);
  expect(origin.seen.get(plan.id)).toBeGreaterThan(0);
}

function linesById(from: RouterProcess): Map<string, LogLine[]> {
  const lines = new Map<string, LogLine[]>();
  for (const line of logLines(from)) {
    const id = /\/([^/?]+)(?:\?|$)/.exec(line.RequestPath)![1]!;
    lines.set(id, [...(lines.get(id) ?? []), line]);
  }
  return lines;
}

function checkLine(plan: Plan, result: RawResponse | 'broken', line: LogLine): void {
  if (plan.behaviour === 'held') throw new Error('not part of a storm');
  const [sight, flag] = OUTCOMES[plan.behaviour];
  const got = result === 'broken' ? 'broken' : result.status;
  if (plan.service === 'poison') {
    expect(POISONED).toContain(line.ResponseFlag);
    expect(line.ResponseFlag === '').toBe(got === 200);
    return;
  }
  // What a filter keeps back can still become an answer of its own.
  const isKeptBack = plan.service === 'filtered' && sight === 'broken' && got !== 'broken';
  expect([isKeptBack ? STATUS_OF.get(flag) : sight, line.ResponseFlag]).toEqual([got, flag]);
  if (got !== 'broken') expect(line.DownstreamStatus).toBe(got);
  // A request that could do things twice is never sent twice, and others once more at the most.
  const mayRepeat = plan.method !== 'POST' && plan.body === '';
  expect(line.RetryAttempts).toBeLessThanOrEqual(mayRepeat ? 1 : 0);
  expect(origin.seen.get(plan.id)).toBe(1 + line.RetryAttempts);
}

test(`76 a storm of bad origins (STORM_SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  const plans = Array.from({ length: REQUESTS }, (_, index) => planOf(random, index));
  const results = new Map<Plan, Result>();
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, (_, index) =>
      runClient(router.ports['web']!, new SeededRandom(SEED + index), () => plans[next++], results),
    ),
  );
  expect(results.size).toBe(REQUESTS);
  for (const [plan, result] of results) {
    if (typeof result === 'string') continue;
    try {
      checkAnswer(origin, plan, result);
    } catch (error) {
      throw new Error(`${JSON.stringify({ ...plan, body: plan.body.length })} got ${result.head}`, { cause: error });
    }
  }

  // No client, no connection. Each question is one, too, but of another entry point.
  for (let open = ''; !open.endsWith(' 0');) {
    open = /^signalbox_open_connections\{entrypoint="web".*$/m.exec(await scrape(router))![0];
  }
  // Every connection that may be open can be had: none is counted that is gone, and idle ones are no obstacle.
  for (const service of ['storm', 'filtered', 'poison']) {
    const clients = await Promise.all(
      Array.from({ length: MAX_CONNECTIONS }, () => RawClient.connect(router.ports['web']!)),
    );
    for (const [index, client] of clients.entries()) {
      client.send(`GET /held/${service}-${index}. HTTP/1.1\r\nHost: a\r\nX-Service: ${service}\r\n\r\n`);
    }
    const answers = Promise.all(clients.map((client) => finalAnswer(client, 'GET')));
    await Promise.race([origin.until(() => origin.held.length === MAX_CONNECTIONS), answers]);
    expect(origin.held.length).toBe(MAX_CONNECTIONS);
    origin.release();
    expect(new Set((await answers).map((answer) => answer?.status))).toEqual(new Set([200]));
    for (const client of clients) client.socket.destroy();
  }
  const counted = await failureCounts(router);

  router.signal('SIGTERM');
  await router.exited;
  const lines = linesById(router);
  const failures = new Map<string, number>();
  for (const [plan, result] of results) {
    const found = lines.get(plan.id) ?? [];
    const context = JSON.stringify({ ...plan, body: plan.body.length, found });
    if (result === 'abandoned') expect([context, found.length <= 1]).toEqual([context, true]);
    else if (result === 'unasked') {
      expect([context, found.length, origin.seen.has(plan.id)]).toEqual([context, 0, false]);
    } else {
      expect([context, found.length]).toEqual([context, 1]);
      try {
        checkLine(plan, result, found[0]!);
      } catch (error) {
        throw new Error(context, { cause: error });
      }
    }
    for (const { ServiceName, ResponseFlag } of found) {
      const key = `${ServiceName.replace('@install', '')} ${ResponseFlag}`;
      if (/ (?:upstream_|no_server)/.test(key)) failures.set(key, (failures.get(key) ?? 0) + 1);
    }
  }
  expect(counted).toEqual(failures);
});

test(`76 an origin that comes and goes under load (STORM_SEED=${SEED})`, async () => {
  await using flapping = await BadOrigin.start();
  await using steady = await startRouter({
    install: installFile('', servers({ storm: `http://127.0.0.1:${flapping.port}` })),
    workers: 2,
  });
  const random = new SeededRandom(SEED);
  const plans = Array.from({ length: REQUESTS / 2 }, (_, index): Plan => {
    const plan = planOf(random, index);
    return { ...plan, service: 'storm', behaviour: random.pick(FRAMED), leaving: 'never' };
  });
  const results = new Map<Plan, Result>();
  let next = 0;
  let flapped = Promise.resolve();
  let isUp = true;
  const flap = async (): Promise<void> => {
    isUp = !isUp;
    await (isUp ? flapping.open() : flapping.close(random.below(2) === 0 ? 'fin' : 'rst'));
  };
  const take = (): Plan | undefined => {
    if (random.below(40) === 0) flapped = flapped.then(flap);
    return plans[next++];
  };
  const port = steady.ports['web']!;
  await Promise.all(Array.from({ length: CLIENTS }, () => runClient(port, random, take, results)));
  await flapped;
  if (!isUp) await flapping.open();
  for (let count = 0; count < 10; count++) {
    const response = await RawClient.exchange(
      port,
      `GET /ok-length/end${count}. HTTP/1.1\r\nHost: a\r\nX-Service: storm\r\n\r\n`,
    );
    expect(response.status).toBe(200);
  }
  steady.signal('SIGTERM');
  await steady.exited;
  const lines = linesById(steady);
  const flags = new Set<string>();
  for (const [plan, result] of results) {
    const found = lines.get(plan.id) ?? [];
    const context = JSON.stringify({ ...plan, body: plan.body.length, result, found });
    expect([context, found.length]).toEqual([context, result === 'unasked' ? 0 : 1]);
    const mayRepeat = plan.method !== 'POST' && plan.body === '';
    expect(flapping.seen.get(plan.id) ?? 0).toBeLessThanOrEqual(mayRepeat ? 2 : 1);
    if (typeof result !== 'string') checkAnswer(flapping, plan, result);
    const isServed = typeof result !== 'string' && result.status < 300;
    if (result !== 'unasked') expect([plan.id, found[0]!.ResponseFlag === '']).toEqual([plan.id, isServed]);
    for (const { ResponseFlag } of found) flags.add(ResponseFlag);
  }
  // What there is to see: served, refused, and whatever was under way.
  const underWay = ['upstream_reset', 'upstream_closed', 'upstream_connect_failed'];
  expect([...flags].filter((flag) => !underWay.includes(flag)).toSorted()).toEqual(['', 'upstream_connect_refused']);
});
