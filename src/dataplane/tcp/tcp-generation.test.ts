import { serviceTableOf } from '../../../test/support/service-table.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { entryPointSpecs, tcpRouteSpec } from '../../../test/support/data-plane.ts';
import { HandDrivenWheel, namesOf, RecordedTraffic, tcpEndpoint } from '../../../test/support/recorded-traffic.ts';
import { TCP_TRANSPORT } from '../../../test/support/tcp-context.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { TcpMiddlewareSpec, TcpRouteSpec, TcpServiceSpec } from '../../model/tcp.ts';
import { EndpointSets } from '../live/endpoint-sets.ts';
import { runAtOnce } from '../live/slices.ts';
import { UpstreamTls } from '../tls/upstream-tls.ts';
import { EndpointTable } from '../upstream/endpoint-table.ts';
import { tcpInFlight } from './tcp-gate.ts';
import { TcpGeneration, type TcpRoutingChanges } from './tcp-generation.ts';
import { TcpRouting, type TcpRoute } from './tcp-routing.ts';

const ENTRY_POINTS = entryPointSpecs('{ web: { address: ":1" }, other: { address: ":2" } }');
const TLS = { passthrough: false, options: 'default' };

let wheel: HandDrivenWheel;
let generation: TcpGeneration;
let table: EndpointTable;
let sets: EndpointSets;
let web: TcpRouting;
let other: TcpRouting;
let observed: string[];

beforeEach(() => {
  wheel = new HandDrivenWheel();
  sets = new EndpointSets();
  table = new EndpointTable(new SharedArrayBuffer(4096), 0, 1);
  [web, other] = [new TcpRouting('web'), new TcpRouting('other')];
  observed = [];
  generation = new TcpGeneration(
    { wheel, resolver: namesOf({}), tls: new UpstreamTls(() => null), table, trace: null },
    serviceTableOf(),
    tcpInFlight.view(new SharedArrayBuffer(tcpInFlight.bytes({ workerSlots: 1 })), 0, 1),
    (spec, entryPoint) => {
      observed.push(`${spec.name} on ${entryPoint.name}`);
      return new RecordedTraffic();
    },
  );
});
afterEach(() => wheel.stop());

function build(delta: Partial<SnapshotDelta>, routings: Partial<TcpRoutingChanges> = {}, rows = {}): () => void {
  const whole = { baseVersion: 0, version: 1, digest: '', changed: {}, removed: {}, ...delta };
  const endpointSets = sets.stage(whole);
  const tcpRoutings = { added: [], gone: new Set<TcpRouting>(), anew: new Set<TcpRouting>(), ...routings };
  const context = { rows, endpointSets, tcpRoutings, specOf: (name: string) => ENTRY_POINTS[name]! };
  const commit = runAtOnce(generation.build(whole, context));
  return () => {
    endpointSets.commit();
    commit();
  };
}

/** A service of one server, on this port. */
function service(name: string, port: number): Pick<SnapshotDelta['changed'], 'tcpServices' | 'endpointSets'> {
  const spec: TcpServiceSpec = {
    kind: 'tcpLoadBalancer', name, endpointSet: name, transport: TCP_TRANSPORT, healthCheck: null, passiveHealthCheck: null,
  }; // prettier-ignore
  return {
    tcpServices: { [name]: spec },
    endpointSets: { [name]: { protocol: 'tcp', name, endpoints: [tcpEndpoint('e', { port })] } },
  };
}

function limit(name: string, ...sourceRange: readonly string[]): Readonly<Record<string, TcpMiddlewareSpec>> {
  return { [name]: { kind: 'ipAllowList', name, sourceRange } };
}

/** The router of a plain connection. */
const plain = (routing: TcpRouting): TcpRoute | null =>
  routing.plain.match({ serverName: '', protocols: [], clientIp: '10.0.0.1' });
const secure = (routing: TcpRouting, serverName = 'a.example'): TcpRoute | null =>
  routing.secure.match({ serverName, protocols: [], clientIp: '10.0.0.1' });
const catchAll = (name: string, rest: Partial<TcpRouteSpec> = {}): TcpRouteSpec =>
  tcpRouteSpec(name, 'HostSNI(`*`)', 'app', rest);

test('routers stand on their entry points, with TLS and without, from when the delta is put into effect', () => {
  const commit = build(
    {
      changed: {
        ...service('app', 7),
        tcpRoutes: {
          p: catchAll('p', { entryPoints: ['web', 'other'] }),
          s: tcpRouteSpec('s', 'HostSNI(`a.example`)', 'app', { tls: TLS }),
        },
      },
    },
    { added: [web, other] },
  );
  expect([web.isEmpty, other.isEmpty]).toEqual([true, true]);
  commit();
  expect(plain(web)).toMatchObject({ name: 'p', isCatchAll: true, tls: null, gates: [] });
  expect(secure(web)).toMatchObject({ name: 's', isCatchAll: false, tls: TLS });
  expect([plain(other)?.service?.pick()?.server.port, secure(other), secure(web, 'b.example')]).toEqual([
    7,
    null,
    null,
  ]);
  expect(observed.toSorted()).toEqual(['p on other', 'p on web', 's on web']);
});

test('a router that changes leaves the side, and the entry point, where it was', () => {
  build({ changed: { ...service('app', 7), tcpRoutes: { r: catchAll('r') } } }, { added: [web, other] })();
  build({ changed: { tcpRoutes: { r: catchAll('r', { tls: TLS }) } } })();
  expect([plain(web), secure(web)?.name]).toEqual([null, 'r']);
  build({ changed: { tcpRoutes: { r: catchAll('r', { entryPoints: ['other'] }) } } })();
  expect([web.isEmpty, plain(other)?.name]).toEqual([true, 'r']);
  build({ removed: { tcpRoutes: ['r'], tcpServices: ['app'] } })();
  expect(other.isEmpty).toBe(true);
});

test('a router stays the same object while neither it nor its middlewares nor its entry point change', () => {
  const tcpMiddlewares = { ...limit('a', '10.0.0.0/8'), ...limit('b', '10.0.0.0/8') };
  const tcpRoutes = { r: catchAll('r', { middlewares: ['b', 'a'] }) };
  build({ changed: { ...service('app', 7), tcpMiddlewares, tcpRoutes } }, { added: [web] })();
  const first = plain(web)!;
  expect(first.gates.map((gate) => gate.enter('10.0.0.1'))).toEqual([0, 0]);
  build({
    changed: { ...service('app', 8), tcpMiddlewares: limit('c', '1.1.1.1') },
    removed: { tcpMiddlewares: ['c'] },
  })();
  expect([plain(web) === first, first.service?.pick()?.server.port]).toEqual([true, 8]);
  build({ changed: { tcpMiddlewares: limit('a', '192.0.2.1') } })();
  const second = plain(web)!;
  expect(second.gates.map((gate) => gate.enter('10.0.0.1'))).toEqual([0, -1]);
  build({}, { anew: new Set([web]) })();
  expect(plain(web)).not.toBe(second);
  expect(observed).toEqual(['r on web', 'r on web', 'r on web']);
});

test('middlewares go with the delta that removes them', () => {
  build({ changed: { ...service('app', 7), tcpMiddlewares: limit('a') } }, { added: [web] })();
  const used = { tcpRoutes: { r: catchAll('r', { middlewares: ['a'] }) } };
  build({ changed: used })();
  build({ removed: { tcpMiddlewares: ['a'], tcpRoutes: ['r'] } })();
  expect(() => build({ changed: used })).toThrow('there is no TCP middleware a');
});

test('a disabled router keeps its place and has no service, whatever it names', () => {
  const tcpRoutes = { r: catchAll('r', { service: 'nothing', isDisabled: true }) };
  build({ changed: { tcpRoutes } }, { added: [web] })();
  expect(plain(web)).toMatchObject({ name: 'r', service: null });
});

test.each([
  [catchAll('r', { service: 'gone' }), 'TCP router r: there is no service gone'],
  [catchAll('r', { rule: 'HostSNI(' }), 'TCP router r: '],
] as const)('what does not fit does not build, and leaves everything as it was', (spec, message) => {
  build({ changed: { ...service('app', 7), tcpRoutes: { r: catchAll('r') } } }, { added: [web] })();
  expect(() => build({ changed: { tcpRoutes: { r: spec } } }, { added: [other] })).toThrow(message);
  expect([plain(web)?.service?.pick()?.server.port, other.isEmpty]).toEqual([7, true]);
  build({ changed: { tcpRoutes: { r: catchAll('r', { entryPoints: ['web', 'other'] }) } } })();
  expect([plain(web)?.name, other.isEmpty]).toEqual(['r', true]);
});

test('an entry point that goes is left as it is, for its last connections', () => {
  build({ changed: { ...service('app', 7), tcpRoutes: { r: catchAll('r') } } }, { added: [web] })();
  build({ removed: { tcpRoutes: ['r'] } }, { gone: new Set([web]) })();
  expect(plain(web)?.name).toBe('r');
  build({ changed: { tcpRoutes: { q: catchAll('q') } } })();
  expect(plain(web)?.name).toBe('r');
});

test('many routers are built in slices', () => {
  const names = Array.from({ length: 60 }, (_, index) => `h${index}.example`);
  const tcpRoutes = Object.fromEntries(
    names.map((name) => [name, tcpRouteSpec(name, `HostSNI(\`${name}\`)`, 'app', { tls: TLS })]),
  );
  const whole = { baseVersion: 0, version: 1, digest: '', changed: { ...service('app', 7), tcpRoutes }, removed: {} };
  const endpointSets = sets.stage(whole);
  const tcpRoutings = { added: [web], gone: new Set<TcpRouting>(), anew: new Set<TcpRouting>() };
  const work = generation.build(whole, { rows: {}, endpointSets, tcpRoutings, specOf: (name) => ENTRY_POINTS[name]! });
  let steps = 0;
  let step = work.next();
  for (; step.done !== true; step = work.next()) steps++;
  step.value();
  expect(steps).toBeGreaterThanOrEqual(3);
  expect(names.map((name) => secure(web, name)?.name)).toEqual(names);
});

test('health of a service is looked at again when somebody says so, of one that is there', () => {
  build(
    { changed: { ...service('app', 7), tcpRoutes: { r: catchAll('r') } } },
    { added: [web] },
    { 'app@@tcp': { e: 2 } },
  )();
  const app = plain(web)!.service!;
  table.setDown(2, true);
  expect(app.isUp).toBe(true);
  generation.refresh('app');
  generation.refresh('unknown');
  expect(app.isUp).toBe(false);
});

test('a server name that a router names goes before HTTP that is anybody’s, and HTTP before TCP among equals', () => {
  expect(web.chooseSecure({ serverName: 'a.example', protocols: [], clientIp: '' }, 'none')).toBeNull();
  const tcpRoutes = {
    any: catchAll('any', { tls: TLS }),
    named: tcpRouteSpec('named', 'HostSNI(`a.example`)', 'app', { tls: TLS }),
  };
  build({ changed: { ...service('app', 7), tcpRoutes } }, { added: [web] })();
  const choose = (serverName: string, http: 'none' | 'any' | 'named'): string | undefined =>
    web.chooseSecure({ serverName, protocols: [], clientIp: '' }, http)?.name;
  expect((['none', 'any', 'named'] as const).map((http) => choose('a.example', http))).toEqual([
    'named',
    'named',
    undefined,
  ]);
  expect((['none', 'any', 'named'] as const).map((http) => choose('b.example', http))).toEqual([
    'any',
    undefined,
    undefined,
  ]);
});
