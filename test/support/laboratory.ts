// What the tests with bad origins share: the table of behaviours and their outcomes, a router that logs and counts
// them, and ways to read both.

import { expect } from 'vitest';
import type { BehaviourName } from './bad-origin.ts';
import type { RawClient, RawResponse } from './raw-client.ts';
import type { RouterProcess } from './router.ts';

/** What a client gets: a status, or a connection that ends before the answer does. */
export type Sight = 200 | 204 | 500 | 502 | 503 | 504 | 'broken';
export type Flag = string;

/** The contract: what each behaviour looks like to the client, and its flag. */
export const OUTCOMES: Readonly<Record<Exclude<BehaviourName, 'held'>, readonly [Sight, Flag]>> = {
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
  'stall-reading': [504, 'upstream_response_timeout'],
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

export interface LogLine {
  readonly RequestPath: string;
  readonly DownstreamStatus: number;
  readonly ResponseFlag: string;
  readonly RetryAttempts: number;
  readonly ServiceName: string;
}

const LIMITS = 'maxResponseHeaderBytes: 16384, maxResponseHeaderCount: 100';
const WAITS = ['dialTimeout', 'responseHeaderTimeout', 'readIdleTimeout', 'writeIdleTimeout'] as const;

/**
 * Every wait for a server but the one named is without an end: only who is to wait in vain for something waits for a
 * time.
 */
function waiting(short: (typeof WAITS)[number] | null): string {
  return `forwardingTimeouts: { ${WAITS.map((wait) => `${wait}: ${wait === short ? '500ms' : '0s'}`).join(', ')} }`;
}

/** Transports by what runs out of time. */
const TRANSPORTS = {
  dial: waiting('dialTimeout'),
  head: waiting('responseHeaderTimeout'),
  body: waiting('readIdleTimeout'),
  write: waiting('writeIdleTimeout'),
};
export type TransportName = keyof typeof TRANSPORTS;

/** The transport that has a test of this behaviour end. */
export function transportFor(behaviour: string): TransportName | undefined {
  const { [behaviour as keyof typeof OUTCOMES]: outcome } = OUTCOMES;
  if (outcome?.[1] === 'upstream_response_timeout') return 'head';
  return outcome?.[1] === 'upstream_read_timeout' ? 'body' : undefined;
}

/** `transport` are further options of the default one, in one line. */
export function installFile(transport: string, routing: string): string {
  const further = transport === '' ? '' : `, ${transport}`;
  const named = Object.entries(TRANSPORTS).map(([name, waits]) => `    ${name}: { ${LIMITS}, ${waits}${further} }\n`);
  return `
entryPoints:
  web: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
ping: {}
metrics: { prometheus: {} }
accessLog: { format: json, fields: { defaultMode: drop, names: { ${FIELDS} } } }
serversTransport: { ${LIMITS}, ${waiting(null)}${further} }
http:
${routing}  serversTransports:
${named.join('')}`;
}

/**
 * One service per server, each under its name's prefix, with the transport that is named behind the address if any is.
 */
export function servers(
  named: Readonly<Record<string, string | readonly [url: string, TransportName | undefined]>>,
): string {
  const routers = Object.keys(named).map(
    (name) => `    ${name}: { rule: "HeaderRegexp(\`X-Service\`, \`^${name}$\`)", service: ${name} }\n`,
  );
  const services = Object.entries(named).map(([name, server]) => {
    const [url, transport] = typeof server === 'string' ? [server, undefined] : server;
    const own = transport === undefined ? '' : `serversTransport: ${transport}, `;
    return `    ${name}: { loadBalancer: { ${own}servers: [${url === '' ? '' : `{ url: "${url}" }`}] } }\n`;
  });
  return `  routers:\n${routers.join('')}  services:\n${services.join('')}`;
}

/** The next final answer, or null when the connection ends before it is whole. */
export async function finalAnswer(client: RawClient, method: string): Promise<RawResponse | null> {
  try {
    let response = await client.response(method);
    while (response.status < 200) response = await client.response(method);
    return response;
  } catch {
    return null;
  }
}

export function logLines(router: RouterProcess): LogLine[] {
  const lines = router.stdout().split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as LogLine); // Our own format.
}

/** The line of the request with this id, as soon as it is written. */
export async function lineOf(router: RouterProcess, id: string): Promise<LogLine> {
  await router.prints((text) => text.lastIndexOf('\n') > text.indexOf(`/${id}`) && text.includes(`/${id}`));
  const found = logLines(router).filter((line) => line.RequestPath.includes(`/${id}`));
  expect(found).toHaveLength(1);
  return found[0]!;
}

export async function scrape(router: RouterProcess): Promise<string> {
  return (await fetch(`http://127.0.0.1:${router.ports['traefik']!}/metrics`)).text();
}

/** Failures counted so far, by service and flag. */
export async function failureCounts(router: RouterProcess): Promise<Map<string, number>> {
  const found = (await scrape(router)).matchAll(
    /^signalbox_service_failures_total\{service="(\S+)@install",flag="(\S+)"\} (\d+)$/gm,
  );
  return new Map([...found].map(([, service, flag, count]) => [`${service!} ${flag!}`, Number(count)]));
}
