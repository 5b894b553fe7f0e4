import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import { WRITTEN_FACTS, type HttpEndpointSpec } from '../../model/endpoint-set.ts';
import { DEFAULT_UPSTREAM_TLS, type LoadBalancerSpec, type StickyCookieSpec } from '../../model/service.ts';
import type { Exchange } from '../http/exchange.ts';
import { HeaderList } from '../http/message/header-list.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { LoadBalancer } from './load-balancer.ts';

const TRANSPORT = {
  dialTimeoutMs: 1, responseHeaderTimeoutMs: 1, idleConnTimeoutMs: 1, readIdleTimeoutMs: 1, pingTimeoutMs: 1,
  writeIdleTimeoutMs: 1, maxIdleConnsPerHost: 1, maxConnsPerHost: 0, maxPendingRequests: 1, maxResponseHeaderBytes: 1,
  maxResponseHeaderCount: 1, isHttp2: false, tls: DEFAULT_UPSTREAM_TLS,
} as const; // prettier-ignore
const COOKIE: StickyCookieSpec = {
  name: 'to', secure: false, httpOnly: false, sameSite: null, maxAgeSeconds: 0, path: '/', domain: '', secret: 'k',
}; // prettier-ignore

function spec(changes: Partial<LoadBalancerSpec> = {}): LoadBalancerSpec {
  return {
    kind: 'loadBalancer', name: 's', strategy: 'wrr', endpointSet: 's', passHostHeader: true, transport: TRANSPORT, sticky: null,
    healthCheck: null, passiveHealthCheck: null, slowStartMs: 0, middlewares: [], ...changes,
  }; // prettier-ignore
}

function endpoint(key: string, changes: Partial<HttpEndpointSpec> = {}): HttpEndpointSpec {
  const server = { url: `http://${key}`, scheme: 'http', host: key, port: 1, path: '', preservePath: false, weight: 1 } as const; // prettier-ignore
  return { ...server, ...WRITTEN_FACTS, key, ...changes };
}

function lab(first: LoadBalancerSpec, endpoints: readonly HttpEndpointSpec[]) {
  const hosts: string[] = [];
  const context = {
    wheel: new TimerWheel(new ManualClock()),
    workerSlots: 1,
    trace: null,
    resting: new Set(),
    resolver: {
      retain: (host: string) => hosts.push(`+${host}`),
      release: (host: string) => hosts.push(`-${host}`),
    },
  } as unknown as UpstreamContext; // What is used of it until a request is sent.
  const balancer = new LoadBalancer('s', context, new Uint8Array(32));
  balancer.update(first, { endpoints, rows: {} });
  /** Who gets the next request, and the cookie that the client is given. */
  const send = (cookie = ''): { server: Endpoint | null; cookie: string } => {
    const requestHeaders = new HeaderList();
    if (cookie !== '') requestHeaders.append('Cookie', cookie);
    const responseHeaders = new HeaderList();
    const exchange = {
      attempt: { excluded: null, target: null as Endpoint | null },
      authority: 'a.test',
      requestHeaders,
      responseHeaders,
      failure: null,
      client: {
        ip: '127.0.0.1',
        // Nobody has authenticated the connection; whoever is asked takes the request.
        bonds: { find: () => null, get: () => ({ take: () => true }) },
      },
      onResponse: (hook: (one: Exchange) => void) => hook(exchange as unknown as Exchange),
    };
    balancer.sendAttempt(exchange as unknown as Exchange); // What the way to an endpoint reads of it.
    const set = responseHeaders.valuesOf('set-cookie') ?? [''];
    return { server: exchange.attempt.target, cookie: set[0]!.split(';')[0]! };
  };
  const urls = (count: number): string[] => Array.from({ length: count }, () => send().server!.server.url).toSorted();
  return { balancer, send, urls, hosts };
}

test('an endpoint that drains gets nothing new, but what sticky clients send', () => {
  const { balancer, send, urls } = lab(spec({ sticky: COOKIE }), [endpoint('a'), endpoint('b')]);
  const { server, cookie } = send();
  const key = server!.server.host;
  const other = key === 'a' ? 'b' : 'a';
  balancer.patch({ changed: [endpoint(key, { state: 'draining' })], removed: [] }, {});
  expect(send(cookie).server).toBe(server);
  expect(urls(4)).toEqual(Array.from({ length: 4 }, () => `http://${other}`));
  expect(balancer.isUp).toBe(true);
  balancer.patch({ changed: [endpoint(other, { state: 'draining' })], removed: [] }, {});
  expect(balancer.isUp).toBe(false);
  expect(send(cookie).server).toBe(server);
});

test('where all endpoints drain they get what comes: they still answer', () => {
  const { balancer, urls } = lab(spec(), [endpoint('a'), endpoint('b')]);
  const draining = (key: string) => endpoint(key, { state: 'draining' });
  balancer.patch({ changed: [draining('a'), draining('b')], removed: [] }, {});
  expect(urls(4)).toEqual(['http://a', 'http://a', 'http://b', 'http://b']);
  balancer.patch({ changed: [endpoint('c')], removed: [] }, {});
  expect(urls(2)).toEqual(['http://c', 'http://c']);
  balancer.patch({ changed: [], removed: ['c', 'a'] }, {});
  expect(urls(2)).toEqual(['http://b', 'http://b']);
});

test.each([
  ['two that a source has told of', { sourceId: 'c1' }, { sourceId: 'c2' }, true],
  ['one that drains beside it', { sourceId: 'c1' }, { sourceId: 'c2', state: 'draining' }, true],
  ['one with the weight 0 beside it', { sourceId: 'c1' }, { sourceId: 'c2', weight: 0 }, false],
  ['two that are written', {}, {}, false],
] as const)('a request goes from one server to another, of %s: %s', (_, first, second, expected) => {
  const { balancer, send } = lab(spec(), [endpoint('a', first), endpoint('b', { weight: 0, ...second })]);
  const target = send().server;
  balancer.patch({ changed: [endpoint('b', second)], removed: [] }, {});
  const attempt = { target, excluded: null } as unknown as Exchange['attempt']; // The part that is read.
  expect(balancer.hasAnother({ attempt } as Exchange)).toBe(expected);
  attempt.excluded = { has: () => true } as unknown as Set<object>; // Whatever it is asked for.
  expect(balancer.hasAnother({ attempt } as Exchange)).toBe(false);
});

test('endpoints come, change and go one by one; those of which only a share changes stay the same', () => {
  const { balancer, send, urls, hosts } = lab(spec(), [endpoint('a'), endpoint('b')]);
  const before = send().server;
  balancer.patch({ changed: [endpoint('c'), endpoint('a', { weight: 2 })], removed: ['b', 'unknown'] }, {});
  expect(urls(6)).toEqual(['http://a', 'http://a', 'http://a', 'http://a', 'http://c', 'http://c']);
  expect([send().server, send().server, send().server]).toContain(before);
  expect(hosts).toEqual(['+a', '+b', '+c', '-b']);
  // At another address, it is another server.
  balancer.patch({ changed: [endpoint('a', { url: 'http://x', host: 'x' })], removed: [] }, {});
  expect(urls(2)).toEqual(['http://c', 'http://x']);
  expect(hosts.slice(4)).toEqual(['+x', '-a']);
});

test('the same endpoints under another specification keep their connections unless the transport is another', () => {
  const { balancer, send, hosts } = lab(spec(), [endpoint('a')]);
  const { server } = send();
  balancer.update(spec({ strategy: 'p2c' }), { endpoints: [endpoint('a', { zone: 'north' })], rows: {} });
  expect(send().server).toBe(server);
  balancer.update(spec({ transport: { ...TRANSPORT, isHttp2: true } }), { endpoints: [endpoint('a')], rows: {} });
  expect(send().server).not.toBe(server);
  expect(hosts).toEqual(['+a', '+a', '-a']);
});

test('an endpoint has to show the identity that it is known by', () => {
  const identity = { type: 'URI', value: 'spiffe://mesh.test/shop' } as const;
  const { balancer, send } = lab(spec(), [endpoint('a', { identity })]);
  const { server } = send();
  expect(server!.transport.tls.pinnedNames).toEqual([identity]);
  balancer.patch({ changed: [endpoint('a')], removed: [] }, {});
  expect(send().server).not.toBe(server);
  expect(send().server!.transport.tls.pinnedNames).toEqual([]);
});
