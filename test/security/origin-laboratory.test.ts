// A laboratory of bad origins: what each way of failing looks like to the client, in the access log and in the metrics. The
// tables below are the contract; every flag of the upstream side is reached here.

import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FAILURES } from '../../src/dataplane/http/failure.ts';
import { BadOrigin, bodyOf, digestOf, type BehaviourName } from '../support/bad-origin.ts';
import { RawClient, type RawResponse } from '../support/raw-client.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

/** What a client gets: a status, or a connection that ends before the answer does. */
type Sight = 200 | 204 | 500 | 502 | 503 | 504 | 'broken';
type Flag = '' | (typeof FAILURES)[keyof typeof FAILURES]['flag'];

const OUTCOMES: Readonly<Record<Exclude<BehaviourName, 'held' | 'stall-reading'>, readonly [Sight, Flag]>> = {
  'ok-length': [200, ''],
  'ok-chunked': [200, ''],
  'ok-close': [200, ''],
  'ok-empty': [204, ''],
  'ok-dribble': [200, ''],
  'ok-interim': [200, ''],

  'reset-before': [502, 'upstream_reset'],
  'reset-in-head': [502, 'upstream_reset'],
  'reset-in-length': ['broken', 'upstream_reset'],
  'reset-in-chunked': ['broken', 'upstream_reset'],
  'reset-in-close': ['broken', 'upstream_reset'],
  'reset-after': [200, ''],

  'fin-before': [502, 'upstream_closed'],
  'fin-in-head': [502, 'upstream_closed'],
  'fin-in-length': ['broken', 'upstream_closed'],
  'fin-in-chunked': ['broken', 'upstream_closed'],
  'fin-before-last-chunk': ['broken', 'upstream_closed'],
  // RFC 9112 §8: nobody can tell this end from the right one.
  'fin-in-close': [200, ''],
  'fin-after': [200, ''],

  'stall-before': [504, 'upstream_response_timeout'],
  'stall-in-head': [504, 'upstream_response_timeout'],
  'stall-after-interim': [504, 'upstream_response_timeout'],
  'stall-after-head': ['broken', 'upstream_read_timeout'],
  'stall-in-length': ['broken', 'upstream_read_timeout'],
  'stall-in-chunked': ['broken', 'upstream_read_timeout'],
  'stall-in-close': ['broken', 'upstream_read_timeout'],

  garbage: [502, 'upstream_bad_response'],
  'huge-head': [502, 'upstream_headers_too_large'],
  'many-fields': [502, 'upstream_headers_too_large'],
  'both-lengths': [502, 'upstream_bad_response'],
  'bad-chunk': ['broken', 'upstream_bad_response'],
  'bad-trailer': ['broken', 'upstream_bad_response'],
  'extra-bytes': [200, ''],
  unasked: [200, ''],
  'interim-flood': [502, 'upstream_bad_response'],
  'switch-unasked': [502, 'upstream_upgrade_refused'],

  'early-ok': [200, ''],
  'early-end': [200, ''],
  'early-reset': [200, ''],
  'early-reset-before': [502, 'upstream_reset'],
};

const FIELDS = 'RequestPath: keep, DownstreamStatus: keep, ResponseFlag: keep, RetryAttempts: keep, ServiceName: keep';

interface LogLine {
  readonly RequestPath: string;
  readonly DownstreamStatus: number;
  readonly ResponseFlag: string;
  readonly RetryAttempts: number;
  readonly ServiceName: string;
}

function installFile(timeout: string, transport: string, routing: string): string {
  return `
entryPoints:
  web: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
ping: {}
metrics: { prometheus: {} }
accessLog: { format: json, fields: { defaultMode: drop, names: { ${FIELDS} } } }
serversTransport:
  maxResponseHeaderBytes: 16384
  maxResponseHeaderCount: 100
${transport}
  forwardingTimeouts: { dialTimeout: ${timeout}, responseHeaderTimeout: ${timeout}, readIdleTimeout: ${timeout}, writeIdleTimeout: ${timeout} }
http:
${routing}
`;
}

/** One service per server, each under its name's prefix. */
function servers(named: Readonly<Record<string, string>>): string {
  const routers = Object.keys(named).map(
    (name) => `    ${name}: { rule: "HeaderRegexp(\`X-Service\`, \`^${name}$\`)", service: ${name} }\n`,
  );
  const services = Object.entries(named).map(
    ([name, url]) => `    ${name}: { loadBalancer: { servers: [${url === '' ? '' : `{ url: "${url}" }`}] } }\n`,
  );
  return `  routers:\n${routers.join('')}  services:\n${services.join('')}`;
}

/** The next final answer, or null when the connection ends before it is whole. */
async function finalAnswer(client: RawClient, method: string): Promise<RawResponse | null> {
  try {
    let response = await client.response(method);
    while (response.status < 200) response = await client.response(method);
    return response;
  } catch {
    return null;
  }
}

function logLines(router: RouterProcess): LogLine[] {
  const lines = router.stdout().split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as LogLine); // Our own format.
}

/** The line of the request with this id, as soon as it is written. */
async function lineOf(router: RouterProcess, id: string): Promise<LogLine> {
  await router.prints((text) => text.lastIndexOf('\n') > text.indexOf(`/${id}`) && text.includes(`/${id}`));
  const found = logLines(router).filter((line) => line.RequestPath.includes(`/${id}`));
  expect(found).toHaveLength(1);
  return found[0]!;
}

async function scrape(router: RouterProcess): Promise<string> {
  return (await fetch(`http://127.0.0.1:${router.ports['traefik']!}/metrics`)).text();
}

/** Failures counted so far, by service and flag. */
async function failureCounts(router: RouterProcess): Promise<Map<string, number>> {
  const found = (await scrape(router)).matchAll(
    /^signalbox_service_failures_total\{service="(\S+)@install",flag="(\S+)"\} (\d+)$/gm,
  );
  return new Map([...found].map(([, service, flag, count]) => [`${service!} ${flag!}`, Number(count)]));
}

let origin: BadOrigin;
let router: RouterProcess;
let closedPort: number;
/** Listens, and takes no connection: its queue is full. */
let deaf: Worker;
const inQueue: net.Socket[] = [];
const reached = new Set<string>();

/** A listener in a thread that stands still. Two connections fill the queue of a backlog of one; the kernel drops the rest. */
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
  const closed = net.createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  closedPort = (closed.address() as AddressInfo).port; // A TCP server.
  closed.close();
  await once(closed, 'close');
  const named = {
    lab: `http://127.0.0.1:${origin.port}`,
    closed: `http://127.0.0.1:${closedPort}`,
    deaf: `http://127.0.0.1:${await startDeaf()}`,
    // No route, or no permission to broadcast: a failure to connect that is no refusal.
    unreachable: 'http://255.255.255.255:80',
    nameless: 'http://no-such-host.invalid:80',
    empty: '',
  };
  router = await startRouter({ install: installFile('300ms', '', servers(named)) });
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
  readonly body?: string;
}

/** Asks once on a connection of its own and compares client, log and metrics. */
async function expectOutcome(asked: Asked, sight: Sight, flag: Flag): Promise<LogLine> {
  const id = `r${++requests}.`;
  const before = await failureCounts(router);
  const client = await RawClient.connect(router.ports['web']!);
  const { method, behaviour, service, body = '' } = asked;
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
  client.send(
    `${method} /${behaviour}/${id}?n=1000 HTTP/1.1\r\nHost: a\r\nX-Service: ${service}\r\n${length}\r\n${body}`,
  );
  const answer = await finalAnswer(client, method);
  expect([behaviour, answer?.status ?? 'broken']).toEqual([behaviour, sight]);
  if (sight === 200) {
    const size = behaviour === 'fin-in-close' ? 500 : 1000;
    expect(answer!.head).toContain(`X-Id: ${id}\r\n`);
    expect(answer!.body).toBe(bodyOf(id, 1000).slice(0, size));
    if (!behaviour.startsWith('early')) expect(answer!.head).toContain(`X-Got: ${digestOf(body)}\r\n`);
  }
  client.socket.destroy();
  const line = await lineOf(router, id);
  expect([behaviour, line.ResponseFlag]).toEqual([behaviour, flag]);
  if (sight !== 'broken') expect(line.DownstreamStatus).toBe(sight);
  const after = await failureCounts(router);
  for (const key of after.keys()) {
    const isThis = flag !== '' && key === `${service} ${flag}`;
    expect([key, after.get(key)]).toEqual([key, (before.get(key) ?? 0) + (isThis ? 1 : 0)]);
  }
  if (flag !== '') expect([...after.keys()]).toContain(`${service} ${flag}`);
  reached.add(flag);
  return line;
}

const rows = Object.entries(OUTCOMES).flatMap(([behaviour, [sight, flag]]) =>
  ['GET', 'POST'].map((method) => [method, behaviour as BehaviourName, sight, flag] as const),
);

test.each(rows)('24 76 %s, origin does %s: %s %s', async (method, behaviour, sight, flag) => {
  const body = method === 'POST' ? bodyOf('upload', 3000) : '';
  await expectOutcome({ method, behaviour, service: 'lab', body }, sight, flag);
});

test.each([
  ['closed', 502, 'upstream_connect_refused'],
  ['deaf', 504, 'upstream_connect_timeout'],
  ['unreachable', 502, 'upstream_connect_failed'],
  ['nameless', 502, 'upstream_dns_failure'],
  ['empty', 503, 'no_server'],
] as const)('76 a service that is %s: %i %s', async (service, sight, flag) => {
  await expectOutcome({ method: 'GET', behaviour: 'ok-length', service }, sight, flag);
  await expectOutcome({ method: 'POST', behaviour: 'ok-length', service, body: 'abc' }, sight, flag);
});
