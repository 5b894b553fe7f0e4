import { serviceTableOf } from '../../../test/support/service-table.ts';
import { beforeEach, expect, test } from 'vitest';
import { entryPointSpecs } from '../../../test/support/data-plane.ts';
import { ManualClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import { WRITTEN_FACTS, type UdpEndpointSpec } from '../../model/endpoint-set.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { UdpRouteSpec, UdpServiceSpec } from '../../model/udp.ts';
import { EndpointSets } from '../live/endpoint-sets.ts';
import { runAtOnce } from '../live/slices.ts';
import { FailureTrace } from '../upstream/failure-trace.ts';
import { Resolver } from '../upstream/name/resolver.ts';
import { UdpGeneration } from './udp-generation.ts';
import type { UdpObservation } from './udp-observation.ts';

const ENTRY_POINTS = entryPointSpecs('{ dns: { address: ":53/udp" }, other: { address: ":54/udp" } }');
const UNUSED = (): never => {
  throw new Error('nothing is sent here');
};
const OBSERVATION: UdpObservation = {
  opened: UNUSED, received: UNUSED, sent: UNUSED, served: UNUSED, dialFailed: UNUSED, finished: UNUSED,
}; // prettier-ignore

let sets: EndpointSets;
let generation: UdpGeneration;
/** Routers and entry points for which it has been asked what is reported. */
let observed: string[];
let changes: number;

beforeEach(() => {
  const trace = new FailureTrace(new TimerWheel(new ManualClock()), () => {});
  observed = [];
  changes = 0;
  sets = new EndpointSets();
  generation = new UdpGeneration({ resolver: new Resolver(), trace }, serviceTableOf(), ({ name }, entryPoint) => {
    observed.push(`${name} on ${entryPoint.name}`);
    return OBSERVATION;
  });
});

/** Builds without committing; returns the way to do that. */
function stage(delta: Partial<SnapshotDelta>): () => void {
  const whole = { baseVersion: 0, version: 1, digest: '', changed: {}, removed: {}, ...delta };
  const endpointSets = sets.stage(whole);
  const commit = runAtOnce(generation.build(whole, { endpointSets, specOf: (name) => ENTRY_POINTS[name]! }));
  return () => {
    endpointSets.commit();
    commit();
  };
}

function route(name: string, service: string, rest: Partial<UdpRouteSpec> = {}): UdpRouteSpec {
  return { name, entryPoints: ['dns'], service, isDisabled: false, ...rest };
}

function endpoint(host: string): UdpEndpointSpec {
  return { ...WRITTEN_FACTS, key: host, url: `${host}:53`, host, port: 53, weight: 1 };
}

/** A service whose set has the same name, and one server. */
function serve(name: string, host: string): SnapshotDelta['changed'] {
  const service: UdpServiceSpec = { kind: 'udpLoadBalancer', name, endpointSet: name };
  return {
    udpServices: { [name]: service },
    endpointSets: { [name]: { protocol: 'udp', name, endpoints: [endpoint(host)] } },
  };
}

/** `r` on `dns`, to a service of one server. */
function begin(): void {
  stage({ changed: { ...serve('s', '10.0.0.1'), udpRoutes: { r: route('r', 's') } } })();
  generation.listen(() => void changes++);
  observed = [];
}

test('a router stands on each of its entry points, once the delta is committed and not before', () => {
  const commit = stage({
    changed: { ...serve('s', '10.0.0.1'), udpRoutes: { r: route('r', 's', { entryPoints: ['dns', 'other'] }) } },
  });
  expect(generation.routeOf('dns')).toBeNull();
  commit();
  expect([generation.routeOf('dns')?.name, generation.routeOf('other')?.name]).toEqual(['r', 'r']);
  expect(generation.routeOf('dns')?.service?.pick()?.server.host).toBe('10.0.0.1');
  expect([observed, generation.routeOf('nowhere')]).toEqual([['r on dns', 'r on other'], null]);
});

test('a disabled router keeps its place, without a service', () => {
  stage({ changed: { udpRoutes: { r: route('r', 'not there', { isDisabled: true }) } } })();
  expect(generation.routeOf('dns')).toMatchObject({ name: 'r', service: null });
});

test('a router to a service that is not there is refused, and nothing changes', () => {
  begin();
  const before = generation.routeOf('dns');
  expect(() => stage({ changed: { udpRoutes: { r: route('r', 'gone') } } })).toThrow(
    'UDP router r: there is no service gone',
  );
  expect([generation.routeOf('dns'), changes]).toEqual([before, 0]);
});

test('a delta that says nothing of UDP changes nothing and is told to nobody', () => {
  begin();
  const before = generation.routeOf('dns');
  stage({ changed: { services: {} }, removed: { udpRoutes: [], udpServices: [] } })();
  expect([generation.routeOf('dns'), changes, observed]).toEqual([before, 0, []]);
});

test('a router stays the same object while its name and service do; another service or name makes another', () => {
  begin();
  const before = generation.routeOf('dns');
  stage({ changed: { udpRoutes: { r: route('r', 's') } } })();
  expect([generation.routeOf('dns'), changes]).toEqual([before, 1]);
  stage({ changed: { ...serve('t', '10.0.0.2'), udpRoutes: { r: route('r', 't') } } })();
  expect(generation.routeOf('dns')?.service?.name).toBe('t');
  stage({ changed: { udpRoutes: { q: route('q', 't') } }, removed: { udpRoutes: ['r'] } })();
  expect([generation.routeOf('dns')?.name, observed]).toEqual(['q', ['r on dns', 'q on dns']]);
});

test('an entry point that changes asks anew what is reported on it, and on no other', () => {
  begin();
  stage({ changed: { udpRoutes: { o: route('o', 's', { entryPoints: ['other'] }) } } })();
  const [dns, other] = [generation.routeOf('dns'), generation.routeOf('other')];
  observed = [];
  stage({ changed: { entryPoints: { dns: ENTRY_POINTS['dns']! } } })();
  expect(observed).toEqual(['r on dns']);
  expect([generation.routeOf('dns') === dns, generation.routeOf('other') === other]).toEqual([false, true]);
});

test('single endpoints change under the router, which stays', () => {
  begin();
  const before = generation.routeOf('dns');
  const endpoints = { s: { changed: [endpoint('10.0.0.9')], removed: ['10.0.0.1'] } };
  stage({ endpoints })();
  expect([generation.routeOf('dns') === before, changes]).toEqual([true, 1]);
  expect(before?.service?.pick()?.server.host).toBe('10.0.0.9');
});

test('each of its sections is told of, also when it says only what is gone', () => {
  begin();
  stage({ changed: { ...serve('idle', '10.0.0.2') } })();
  stage({ changed: { entryPoints: { other: ENTRY_POINTS['other']! } } })();
  stage({ removed: { udpServices: ['idle'] } })();
  stage({ removed: { udpRoutes: ['r'] } })();
  expect([changes, generation.routeOf('dns')]).toEqual([4, null]);
});

test('a service that divides finds those of the same delta, whichever is read first', () => {
  const { udpServices, ...rest } = serve('app', '10.0.0.3');
  const both: UdpServiceSpec = { kind: 'udpWeighted', name: 'both', children: [{ service: 'app', weight: 1 }] };
  stage({ changed: { udpServices: { both, ...udpServices }, udpRoutes: { r: route('r', 'both') }, ...rest } })();
  expect(generation.routeOf('dns')?.service?.pick()?.server.host).toBe('10.0.0.3');
});

test('a router and a service that are removed are gone; whoever has stopped listening is not told', () => {
  begin();
  const service = generation.routeOf('dns')!.service!;
  let heard = 0;
  const stop = generation.listen(() => void heard++);
  stage({ removed: { udpRoutes: ['r'], udpServices: ['s'] } })();
  expect([generation.routeOf('dns'), service.pick(), changes, heard]).toEqual([null, null, 1, 1]);
  stop();
  stage({ changed: serve('s', '10.0.0.1') })();
  expect([changes, heard]).toEqual([2, 1]);
});
