import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import { WRITTEN_FACTS, type HttpEndpointSpec } from '../../model/endpoint-set.ts';
import type { LoadBalancerSpec, PassiveHealthCheckSpec } from '../../model/service.ts';
import type { SnapshotDelta, SnapshotSections } from '../../model/snapshot.ts';
import { EndpointTable, endpointTableBytes } from '../../dataplane/upstream/endpoint-table.ts';
import { UpstreamTls } from '../../dataplane/tls/upstream-tls.ts';
import { Resolver } from '../../dataplane/upstream/name/resolver.ts';
import { EndpointRows } from '../endpoint-rows.ts';
import { HealthMonitor } from './health-monitor.ts';

const PASSIVE: PassiveHealthCheckSpec = { failureWindowMs: 1_000, maxFailedAttempts: 1 };

type Sections = Pick<SnapshotSections, 'services' | 'tcpServices' | 'endpointSets'>;

function spec(passiveHealthCheck: PassiveHealthCheckSpec | null, urls: readonly string[] = ['http://a']): Sections {
  const service = {
    kind: 'loadBalancer',
    name: 's',
    endpointSet: 's',
    healthCheck: null,
    passiveHealthCheck,
  } as unknown as LoadBalancerSpec; // What the monitor reads.
  return {
    services: { s: service },
    tcpServices: {},
    endpointSets: { s: { protocol: 'http', name: 's', endpoints: urls.map(endpoint) } },
  };
}

function endpoint(url: string): HttpEndpointSpec {
  const server = { url, scheme: 'http', host: url, port: 1, path: '', preservePath: false, weight: 1 } as const;
  return { ...server, ...WRITTEN_FACTS, key: url };
}

const NOTHING: SnapshotDelta = { baseVersion: 0, version: 1, digest: '', changed: {}, removed: {} };

function setUp(): {
  monitor: HealthMonitor;
  table: EndpointTable;
  rows: EndpointRows;
  events: string[];
  told: () => Promise<readonly string[]>;
  pass: (ms: number) => void;
} {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  const table = new EndpointTable(new SharedArrayBuffer(endpointTableBytes(1)), 0, 1);
  const rows = new EndpointRows(table);
  const events: string[] = [];
  let hear: (services: readonly string[]) => void = () => {};
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const monitor = new HealthMonitor({
    table,
    rows,
    resolver: new Resolver(),
    tls: new UpstreamTls(() => null),
    clock,
    wheel,
    log: quiet,
    random: () => 0.5,
    changed: (services) => {
      events.push(`workers know: ${services.join()}`);
      hear(services);
    },
    event: ({ url, isUp, reason }) => events.push(`${url} ${isUp ? 'up' : 'down'}: ${reason}`),
  });
  return {
    monitor,
    table,
    rows,
    events,
    told: () => new Promise((resolve) => (hear = resolve)),
    pass(ms) {
      for (let step = 0; step < ms; step += 50) {
        clock.advance(50);
        wheel.tick();
      }
    },
  };
}

function begin(lab: ReturnType<typeof setUp>, sections: Sections): void {
  const delta = { ...NOTHING, changed: { services: sections.services } };
  lab.rows.apply(delta, sections);
  lab.monitor.update(delta, sections);
}

test('an ejected server is out for the window and told about twice', async () => {
  const lab = setUp();
  begin(lab, spec(PASSIVE));
  expect(lab.table.countFailure(0, 1_000, 1)).toBe(true);
  const down = lab.told();
  lab.monitor.ejected('s', 'http://a');
  expect(await down).toEqual(['s']);
  lab.pass(900);
  expect(lab.table.isUp(0)).toBe(false);
  expect(lab.monitor.healthOf('s')![0]!.ejectedUntil).not.toBeNull();
  const up = lab.told();
  lab.pass(250);
  expect(await up).toEqual(['s']);
  expect(lab.table.isUp(0)).toBe(true);
  expect(lab.events).toEqual([
    'workers know: s',
    'http://a down: 1 failed within 1000 ms',
    'workers know: s',
    'http://a up: its time is over',
  ]);
  lab.monitor.stop();
});

test('what a dead worker had ejected and not said is found', async () => {
  const lab = setUp();
  begin(lab, spec(PASSIVE));
  lab.table.countFailure(0, 1_000, 1);
  lab.monitor.adoptEjections();
  lab.monitor.adoptEjections();
  await lab.told();
  expect(lab.events).toEqual(['workers know: s', 'http://a down: 1 failed within 1000 ms']);
  lab.pass(1_200);
  expect(lab.table.isUp(0)).toBe(true);
  lab.monitor.stop();
});

test('an ejection that arrives after ejecting was switched off is taken back', async () => {
  const lab = setUp();
  begin(lab, spec(PASSIVE));
  lab.table.countFailure(0, 1_000, 1);
  begin(lab, spec(null));
  const told = lab.told();
  lab.monitor.ejected('s', 'http://a');
  await told;
  expect(lab.table.isUp(0)).toBe(true);
  lab.monitor.stop();
});

test('an ejection outlives changes of other servers, and ends with the option', () => {
  const lab = setUp();
  begin(lab, spec(PASSIVE));
  lab.table.countFailure(0, 1_000, 1);
  lab.monitor.ejected('s', 'http://a');
  begin(lab, spec(PASSIVE, ['http://a', 'http://b']));
  expect(lab.monitor.healthOf('s')!.map(({ url, isUp }) => [url, isUp])).toEqual([
    ['http://a', false],
    ['http://b', true],
  ]);
  begin(lab, spec(null, ['http://a', 'http://b']));
  expect(lab.table.isUp(0)).toBe(true);
  lab.monitor.stop();
});

test('single endpoints come and go; those that stay keep their ejection', () => {
  const lab = setUp();
  const sections = spec(PASSIVE, ['http://a', 'http://b']);
  lab.rows.assignAll(sections);
  lab.monitor.start(sections);
  lab.table.countFailure(0, 1_000, 1);
  lab.monitor.ejected('s', 'http://a');
  const patch = { changed: [endpoint('http://c')], removed: ['http://b'] };
  const delta: SnapshotDelta = { ...NOTHING, endpoints: { s: patch } };
  lab.rows.apply(delta, sections);
  lab.monitor.update(delta, sections);
  expect(lab.monitor.healthOf('s')!.map(({ url, isUp }) => [url, isUp])).toEqual([
    ['http://a', false],
    ['http://c', true],
  ]);
  lab.monitor.ejected('s', 'http://b');
  lab.pass(1_200);
  expect(lab.table.isUp(0)).toBe(true);
  lab.monitor.stop();
});

test('messages about servers that are gone change nothing', () => {
  const lab = setUp();
  begin(lab, spec(PASSIVE));
  lab.monitor.ejected('s', 'http://gone');
  lab.monitor.ejected('gone', 'http://a');
  expect(lab.events).toEqual([]);
  expect(lab.monitor.healthOf('gone')).toBeNull();
  lab.monitor.stop();
});
