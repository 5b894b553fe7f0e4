// A laboratory of bad origins: what each way of failing looks like to the client, in the access log and in the metrics.
// The tables below are the contract; every flag of the upstream side is reached here.

import tls from 'node:tls';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FAILURES } from '../../src/dataplane/http/failure.ts';
import { BadOrigin, bodyOf, digestOf, type BehaviourName } from '../support/bad-origin.ts';
import {
  failureCounts,
  finalAnswer,
  installFile,
  lineOf,
  OUTCOMES,
  servers,
  transportFor,
  type Flag,
  type LogLine,
  type Sight,
} from '../support/laboratory.ts';
import { RawClient, type RawResponse } from '../support/raw-client.ts';
import { holdPort } from '../support/ports.ts';
import { certificateFor } from '../support/tls-client.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const ROWS = Object.entries(OUTCOMES).flatMap(([behaviour, [sight, flag]]) =>
  // The keys of a table that is keyed by behaviour.
  ['GET', 'POST'].map((method) => [method, behaviour as BehaviourName, sight, flag] as const),
);

let origin: BadOrigin;
let router: RouterProcess;
const closedPort = holdPort();
/** Listens, and takes no connection: its queue is full. */
let deaf: Worker;
const seen = new Map<string, Seen>();
const inQueue: net.Socket[] = [];
const reached = new Set<string>();

/**
 * A listener in a thread that stands still. Two connections fill the queue of a backlog of one; the kernel drops the
 * rest.
 */
async function startDeaf(): Promise<number> {
  deaf = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const [port] = (await once(deaf, 'message')) as [number];
  for (let count = 0; count < 2; count++) {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    inQueue.push(socket);
    await once(socket, 'connect');
  }
  return port;
}

beforeAll(async () => {
  origin = await BadOrigin.start();
  const url = `http://127.0.0.1:${origin.port}`;
  const named = {
    lab: url,
    body: [url, 'body'] as const,
    write: [url, 'write'] as const,
    ...Object.fromEntries(
      ROWS.map(([method, behaviour]) => [`${behaviour}-${method}`, [url, transportFor(behaviour)] as const]),
    ),
    closed: `http://127.0.0.1:${closedPort}`,
    deaf: [`http://127.0.0.1:${await startDeaf()}`, 'dial'] as const,
    // No route, or no permission to broadcast: a failure to connect that is no refusal.
    unreachable: 'http://255.255.255.255:80',
    nameless: 'http://no-such-host.invalid:80',
    empty: '',
  };
  router = await startRouter({ install: installFile('', servers(named)) });
  // All at once: most of the time goes by in timeouts. Each has connections of its own, for it may ruin them.
  await Promise.all(
    ROWS.map(async ([method, behaviour]) => {
      const service = `${behaviour}-${method}`;
      seen.set(
        service,
        await ask({ method, behaviour, service, body: method === 'POST' ? bodyOf('upload', 3000) : '' }),
      );
    }),
  );
});
afterAll(async () => {
  await router?.[Symbol.asyncDispose]();
  await origin?.[Symbol.asyncDispose]();
  for (const socket of inQueue) socket.destroy();
  await deaf?.terminate();
});

let requests = 0;

interface Asked {
  readonly behaviour: BehaviourName;
  readonly method: string;
  readonly service: string;
  readonly body: string;
}

interface Seen extends Asked {
  readonly id: string;
  readonly answer: RawResponse | null;
}

/** Asks once on a connection of its own. */
async function ask(asked: Asked): Promise<Seen> {
  const id = `r${++requests}.`;
  const client = await RawClient.connect(router.ports['web']!);
  const { method, behaviour, service, body } = asked;
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
  client.send(
    `${method} /${behaviour}/${id}?n=1000 HTTP/1.1\r\nHost: a\r\nX-Service: ${service}\r\n${length}\r\n${body}`,
  );
  const answer = await finalAnswer(client, method);
  client.socket.destroy();
  return { ...asked, id, answer };
}

/** Compares what the client got, and what the log says. */
async function expectOutcome({ id, behaviour, body, answer }: Seen, sight: Sight, flag: Flag): Promise<LogLine> {
  expect(answer?.status ?? 'broken').toBe(sight);
  if (sight === 200) {
    const size = behaviour === 'fin-in-close' ? 500 : 1000;
    expect(answer!.head).toContain(`X-Id: ${id}\r\n`);
    expect(answer!.body).toBe(bodyOf(id, 1000).slice(0, size));
    if (!behaviour.startsWith('early')) expect(answer!.head).toContain(`X-Got: ${digestOf(body)}\r\n`);
  }
  const line = await lineOf(router, id);
  expect(line.ResponseFlag).toBe(flag);
  if (sight !== 'broken') expect(line.DownstreamStatus).toBe(sight);
  reached.add(flag);
  return line;
}

/** Compares the counter of a service that was asked `times` times. */
async function expectCount(service: string, flag: Flag, times: number): Promise<void> {
  const counts = [...(await failureCounts(router))].filter(([key]) => key.startsWith(`${service} `));
  expect(counts).toEqual(flag === '' ? [] : [[`${service} ${flag}`, times]]);
}

test.each(ROWS)('24 76 %s, origin does %s: %s %s', async (method, behaviour, sight, flag) => {
  const service = `${behaviour}-${method}`;
  await expectOutcome(seen.get(service)!, sight, flag);
  await expectCount(service, flag, 1);
});

test.each([
  ['closed', 502, 'upstream_connect_refused'],
  ['deaf', 504, 'upstream_connect_timeout'],
  ['unreachable', 502, 'upstream_connect_failed'],
  ['nameless', 502, 'upstream_dns_failure'],
  ['empty', 503, 'no_server'],
] as const)('76 a service that is %s: %i %s', async (service, sight, flag) => {
  const both = [ask({ method: 'GET', behaviour: 'ok-length', service, body: '' })];
  both.push(ask({ method: 'POST', behaviour: 'ok-length', service, body: 'abc' }));
  for (const one of await Promise.all(both)) await expectOutcome(one, sight, flag);
  await expectCount(service, flag, 2);
});

test('76 servers that speak no TLS, or cannot prove who they are: 502, each with its flag', async () => {
  const { certificate, key } = certificateFor(['somebody.test']);
  const stranger = tls.createServer({ cert: certificate, key });
  const plain = net.createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
  const listen = async (server: net.Server): Promise<number> => {
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return (server.address() as AddressInfo).port; // A TCP server.
  };
  await using secure = await startRouter({
    install: installFile(
      '',
      servers({
        plain: `https://127.0.0.1:${await listen(plain)}`,
        stranger: `https://127.0.0.1:${await listen(stranger)}`,
      }),
    ),
  });
  const client = await RawClient.connect(secure.ports['web']!);
  for (const [service, flag] of [
    ['plain', 'upstream_tls_failed'],
    ['stranger', 'upstream_tls_untrusted'],
  ] as const) {
    client.send(`GET /ok-length/${service}. HTTP/1.1\r\nHost: a\r\nX-Service: ${service}\r\n\r\n`);
    expect((await finalAnswer(client, 'GET'))?.status).toBe(502);
    expect((await lineOf(secure, `${service}.`)).ResponseFlag).toBe(flag);
    expect((await failureCounts(secure)).get(`${service} ${flag}`)).toBe(1);
    reached.add(flag);
  }
  client.socket.destroy();
  stranger.close();
  plain.close();
});

test('76 a service whose only server has failed: 503 no_healthy_server', async () => {
  const failing = servers({ lab: `http://127.0.0.1:${closedPort}` }).replace(
    'loadBalancer: {',
    'loadBalancer: { passiveHealthCheck: { failureWindow: 1m, maxFailedAttempts: 1 },',
  );
  await using sick = await startRouter({ install: installFile('', failing) });
  const client = await RawClient.connect(sick.ports['web']!);
  for (const [id, status, flag] of [
    ['sick1.', 502, 'upstream_connect_refused'],
    ['sick2.', 503, 'no_healthy_server'],
  ] as const) {
    client.send(`GET /ok-length/${id} HTTP/1.1\r\nHost: a\r\nX-Service: lab\r\n\r\n`);
    expect((await finalAnswer(client, 'GET'))?.status).toBe(status);
    expect((await lineOf(sick, id)).ResponseFlag).toBe(flag);
    expect((await failureCounts(sick)).get(`lab ${flag}`)).toBe(1);
    reached.add(flag);
  }
  client.socket.destroy();
});

test.each(['reset-in-close', 'reset-in-chunked', 'fin-in-chunked', 'bad-chunk', 'stall-in-chunked'])(
  '76 an HTTP/1.0 client, whose body has no length, is reset when the origin does %s',
  async (behaviour) => {
    const client = await RawClient.connect(router.ports['web']!);
    const service = transportFor(behaviour) ?? 'lab';
    client.send(`GET /${behaviour}/old-${behaviour}.?n=1000 HTTP/1.0\r\nHost: a\r\nX-Service: ${service}\r\n\r\n`);
    await client.closed();
    expect(client.received).not.toContain('Content-Length');
    // A reset that comes with bytes looks like an end until something is written.
    const failed = new Promise<boolean>((resolve) => client.socket.write('', (error) => resolve(error != null)));
    expect(client.socket.errored !== null || (await failed)).toBe(true);
    client.socket.destroy();
  },
);

test('76 a server that takes no more of a body: 504 upstream_write_timeout', async () => {
  const client = await RawClient.connect(router.ports['web']!);
  // More than the kernel's buffers of both connections hold.
  const size = 64 * 1024 * 1024;
  client.send(`POST /stall-reading/write. HTTP/1.1\r\nHost: a\r\nX-Service: write\r\nContent-Length: ${size}\r\n\r\n`);
  client.socket.write(Buffer.alloc(size));
  const answer = await finalAnswer(client, 'POST');
  client.socket.destroy();
  expect(answer?.status).toBe(504);
  const line = await lineOf(router, 'write.');
  expect(line.ResponseFlag).toBe('upstream_write_timeout');
  expect((await failureCounts(router)).get('write upstream_write_timeout')).toBe(1);
  reached.add(line.ResponseFlag);
});

test('76 a kept connection that turns out dead: GET goes to a fresh one, POST is 502', async () => {
  for (const [behaviour, flag] of [
    ['reset-before', 'upstream_reset'],
    ['fin-before', 'upstream_closed'],
  ] as const) {
    // Twice the same: the first makes sure that there is a kept connection.
    for (const method of ['GET', 'POST']) {
      const common = { service: 'lab', body: '' };
      await expectOutcome(await ask({ ...common, method: 'GET', behaviour: 'ok-length' }), 200, '');
      const line = await expectOutcome(await ask({ ...common, method, behaviour }), 502, flag);
      expect([method, behaviour, line.RetryAttempts]).toEqual([method, behaviour, method === 'GET' ? 1 : 0]);
    }
  }
});

test('76 too many requests for the connections of a server: 503 upstream_pool_full and upstream_pool_timeout', async () => {
  await using narrow = await startRouter({
    // The time to connect in is the time to wait for a connection as well: a service that is given some, and one that
    // is not.
    install: installFile(
      'maxConnsPerHost: 1, maxPendingRequests: 1',
      servers({ lab: [`http://127.0.0.1:${origin.port}`, 'dial'], patient: `http://127.0.0.1:${origin.port}` }),
    ).replace('dialTimeout: 500ms', 'dialTimeout: 2s'),
  });
  const ask = async (path: string, service = 'lab'): Promise<RawClient> => {
    const client = await RawClient.connect(narrow.ports['web']!);
    client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nX-Service: ${service}\r\n\r\n`);
    return client;
  };
  const first = await ask('/held/h1.');
  await origin.until(() => origin.held.length === 1);
  const others = await Promise.all([ask('/ok-length/h2.'), ask('/ok-length/h3.')]);
  const answers = await Promise.all(others.map((client) => finalAnswer(client, 'GET')));
  expect(answers.map((answer) => answer?.status)).toEqual([503, 503]);
  const flags = [await lineOf(narrow, 'h2.'), await lineOf(narrow, 'h3.')].map((line) => line.ResponseFlag);
  expect(flags.toSorted()).toEqual(['upstream_pool_full', 'upstream_pool_timeout']);
  const ahead = await ask('/held/h4.', 'patient');
  await origin.until(() => origin.held.length === 2);
  const waiting = await ask('/ok-length/h5.', 'patient');
  origin.release();
  expect((await finalAnswer(first, 'GET'))?.status).toBe(200);
  expect((await finalAnswer(ahead, 'GET'))?.status).toBe(200);
  expect((await finalAnswer(waiting, 'GET'))?.status).toBe(200);
  expect(origin.seen.has('h2.') || origin.seen.has('h3.')).toBe(false);
  for (const flag of flags) {
    expect((await failureCounts(narrow)).get(`lab ${flag}`)).toBe(1);
    reached.add(flag);
  }
  for (const client of [first, ahead, waiting, ...others]) client.socket.destroy();
});

test('76 a connection that one worker keeps idle is no reason for another to refuse', async () => {
  await using narrow = await startRouter({
    install: installFile('maxConnsPerHost: 1', servers({ lab: `http://127.0.0.1:${origin.port}` })),
    workers: 2,
  });
  const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(narrow.ports['web']!)));
  // One after the other: whenever a request comes, the only connection is idle, here or in the other worker.
  for (const [index, client] of clients.entries()) {
    client.send(`GET /ok-length/n${index}. HTTP/1.1\r\nHost: a\r\nX-Service: lab\r\n\r\n`);
    expect([index, (await finalAnswer(client, 'GET'))?.status]).toEqual([index, 200]);
  }
  for (const client of clients) client.socket.destroy();
});

test('76 an answer above the limit of buffering: 500 response_too_large', async () => {
  const limited = servers({ lab: `http://127.0.0.1:${origin.port}` }).replace(
    ', service',
    ', middlewares: [small], service',
  );
  await using small = await startRouter({
    install: installFile('', `${limited}  middlewares:\n    small: { buffering: { maxResponseBodyBytes: 10 } }\n`),
  });
  const client = await RawClient.connect(small.ports['web']!);
  client.send('GET /ok-length/large.?n=1000 HTTP/1.1\r\nHost: a\r\nX-Service: lab\r\n\r\n');
  expect((await finalAnswer(client, 'GET'))?.status).toBe(500);
  client.socket.destroy();
  const line = await lineOf(small, 'large.');
  expect(line.ResponseFlag).toBe('response_too_large');
  expect((await failureCounts(small)).get('lab response_too_large')).toBe(1);
  reached.add(line.ResponseFlag);
});

test('76 an origin that comes and goes: refused while it is away, served as soon as it is back', async () => {
  await using flapping = await BadOrigin.start();
  await using steady = await startRouter({
    install: installFile('', servers({ lab: `http://127.0.0.1:${flapping.port}` })),
  });
  const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(steady.ports['web']!)));
  const askAll = async (id: string, method: string): Promise<(number | undefined)[]> => {
    for (const [index, client] of clients.entries()) {
      client.send(`${method} /ok-length/${id}${index}. HTTP/1.1\r\nHost: a\r\nX-Service: lab\r\n\r\n`);
    }
    return (await Promise.all(clients.map((client) => finalAnswer(client, method)))).map((answer) => answer?.status);
  };
  for (let round = 0; round < 20; round++) {
    expect(await askAll(`on${round}-`, 'GET')).toEqual([200, 200, 200, 200]);
    await flapping.close(round % 2 === 0 ? 'fin' : 'rst');
    // What is left of kept connections may be met first, and says so.
    expect(await askAll(`off${round}-`, 'POST')).toEqual([502, 502, 502, 502]);
    expect(await askAll(`gone${round}-`, 'GET')).toEqual([502, 502, 502, 502]);
    await flapping.open();
  }
  for (let round = 0; round < 20; round++) {
    expect((await lineOf(steady, `gone${round}-3.`)).ResponseFlag).toBe('upstream_connect_refused');
  }
  expect(await askAll('end-', 'POST')).toEqual([200, 200, 200, 200]);
  for (const client of clients) client.socket.destroy();
});

/** Of servers of HTTP/2: http2-hostile-upstream.test.ts and test/feature/http2-upstream.test.ts. */
const ELSEWHERE = new Set(['upstream_http2_error', 'upstream_http2_flood', 'upstream_refused']);

test('every flag of the upstream side is reached by a test above', () => {
  const upstream = Object.values(FAILURES).filter(({ side, flag }) => side === 'upstream' && !ELSEWHERE.has(flag));
  expect([...reached].filter((flag) => flag !== '').toSorted()).toEqual(upstream.map(({ flag }) => flag).toSorted());
});
