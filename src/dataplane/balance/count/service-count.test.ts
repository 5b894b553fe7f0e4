import { beforeEach, expect, test } from 'vitest';
import type { ServiceSpec } from '../../../model/service.ts';
import { Exchange, type Downstream } from '../../http/exchange.ts';
import { FAILURES, type Failure } from '../../http/failure.ts';
import { LiveService } from '../live-service.ts';
import type { ServiceSurroundings } from '../service-kind.ts';
import { ServiceCount } from './service-count.ts';
import { LATENCY_BOUNDS_MS, NO_ROW, SERVER_ERROR, ServiceTable, shareKey } from './service-table.ts';
import { ServiceWindow } from './service-window.ts';

const SHAPE = { sets: 1, keyBytes: 32 };
const WORKERS = 2;
const CLIENT = { ip: '', port: 1, scheme: 'http', tls: null, isTrusted: false, bonds: null, identity: null } as const;

/** Two workers, and the main thread’s view. */
let workers: readonly ServiceTable[];
let main: ServiceTable;

beforeEach(() => {
  const memory = new SharedArrayBuffer(ServiceTable.bytes(SHAPE, WORKERS));
  workers = [0, 1].map((slot) => new ServiceTable(memory, SHAPE, slot, WORKERS));
  main = new ServiceTable(memory, SHAPE, 0, WORKERS);
});

interface End {
  readonly failure?: Failure;
  readonly originStatus?: number;
  /** Of a request that a server was asked for. */
  readonly ms?: number;
}

function exchange(): Exchange {
  return new Exchange({} as Downstream, CLIENT); // Nothing is sent to it.
}

function end(one: Exchange, { failure, originStatus = 200, ms }: End = {}): void {
  one.failure = failure ?? null;
  one.originStatus = originStatus;
  if (ms !== undefined) {
    one.originStartMs = 1;
    one.originEndMs = 1 + ms;
  }
  one.finish();
}

function ask(count: ServiceCount, how: End = {}): void {
  const one = exchange();
  count.enter(one);
  end(one, how);
}

test('what all workers have counted is read since the last reading, by each reader for itself', () => {
  const counts = workers.map((table) => new ServiceCount(table, 's'));
  ask(counts[0]!);
  const first = new ServiceWindow(main, 's');
  const second = new ServiceWindow(main, 's');
  ask(counts[0]!, { ms: 3 });
  ask(counts[1]!, { ms: 60_000, failure: FAILURES.upstreamReadTimeout });
  expect(first.take()).toMatchObject({ requests: 2, latencySumMs: 60_003, inFlight: 0 });
  ask(counts[1]!, { originStatus: 503, ms: 1 });
  expect(first.take()).toMatchObject({ requests: 1, failures: new Map([[SERVER_ERROR, 1]]) });
  const all = second.take();
  expect(all.requests).toBe(3);
  expect(all.failures).toEqual(new Map([['upstream_read_timeout', 1], [SERVER_ERROR, 1]])) // prettier-ignore
  const buckets = LATENCY_BOUNDS_MS.map((bound) => [bound, all.latency[LATENCY_BOUNDS_MS.indexOf(bound)]]);
  expect(buckets.filter(([, count]) => count !== 0)).toEqual([[1, 1], [5, 1]]); // prettier-ignore
  expect(all.latency.at(-1)).toBe(1);
  expect(second.take()).toMatchObject({ requests: 0, failures: new Map() });
});

test('what is in progress is told of while it is, and what a client does wrong is no failure', () => {
  const count = new ServiceCount(workers[0]!, 's');
  const window = new ServiceWindow(main, 's');
  const one = exchange();
  count.enter(one);
  expect(window.take()).toMatchObject({ requests: 0, inFlight: 1 });
  end(one, { failure: FAILURES.clientGone });
  expect(window.take()).toMatchObject({ requests: 1, inFlight: 0, failures: new Map() });
});

test('a row goes to another service when nothing of the first is in progress, and its readings begin anew', () => {
  const old = Array.from({ length: 16 }, (_, index) => new ServiceCount(workers[0]!, `old ${index}`));
  for (const count of old) ask(count);
  const crowded = new ServiceCount(workers[1]!, 'new');
  const window = new ServiceWindow(main, 'new');
  // There is no room: it is served and not counted.
  ask(crowded);
  expect(workers[1]!.claim('another')).toBe(NO_ROW);
  expect(window.take().requests).toBe(0);
  const lasting = exchange();
  old[3]!.enter(lasting);
  old[3]!.retire();
  expect(workers[1]!.claim('another')).toBe(NO_ROW);
  const late = new ServiceWindow(main, 'old 3');
  end(lasting);
  // Nobody needs its row so far.
  expect(late.take().requests).toBe(1);
  const fresh = new ServiceCount(workers[1]!, 'new');
  ask(fresh);
  expect(window.take().requests).toBe(1);
  expect(late.take()).toMatchObject({ requests: 0, inFlight: 0 });
});

test('a service that comes back goes on with its row', () => {
  const window = new ServiceWindow(main, 's');
  const first = new ServiceCount(workers[0]!, 's');
  ask(first);
  first.retire();
  ask(new ServiceCount(workers[0]!, 's'));
  expect(window.take().requests).toBe(2);
});

test('of a dead worker, what it had in progress is forgotten and its rows are free; what it has counted stays', () => {
  const window = new ServiceWindow(main, 's');
  const count = new ServiceCount(workers[1]!, 's');
  ask(count);
  count.enter(exchange());
  expect(window.take()).toMatchObject({ requests: 1, inFlight: 1 });
  main.clearWorker(1);
  expect(window.take()).toMatchObject({ requests: 0, inFlight: 0 });
  ask(new ServiceCount(workers[1]!, 's'));
  expect(window.take()).toMatchObject({ requests: 1 });
  for (let index = 0; index < 15; index++) expect(workers[0]!.claim(`other ${index}`)).not.toBe(NO_ROW);
});

test('a request counts in the service that divides, in the share, and in the child, each time anew', () => {
  const NOTHING = { endpoints: [], rows: {} };
  const services = new Map<string, LiveService>();
  const surroundings: ServiceSurroundings = {
    upstream: {} as ServiceSurroundings['upstream'], // No servers are asked.
    secret: new Uint8Array(32),
    counts: workers[0]!,
    service: (name) => services.get(name),
    compose: (_, service) => service,
  };
  const specs: ServiceSpec[] = [
    { kind: 'fixed', name: 'a', status: 200, body: '' },
    { kind: 'fixed', name: 'b', status: 200, body: '' },
    { kind: 'weighted', name: 'inner', children: [{ service: 'a', weight: 1 }], sticky: null, followsHealth: false },
    {
      kind: 'weighted', name: 'outer', sticky: null, followsHealth: false,
      children: [{ service: 'inner', weight: 1 }, { service: 'b', weight: 1 }],
    },
  ]; // prettier-ignore
  for (const spec of specs) {
    const service = new LiveService(spec.name, surroundings);
    services.set(spec.name, service);
    service.update(spec, NOTHING);
  }
  const keys = ['outer', shareKey('outer', 'inner'), shareKey('outer', 'b'), 'inner', shareKey('inner', 'a'), 'a', 'b'];
  const windows = keys.map((key) => new ServiceWindow(main, key));
  const sink = { startResponse: () => {}, write: () => true, flush: () => {} } as unknown as Downstream; // As much as is used.
  const send = (name: string): void => {
    const one: Exchange = new Exchange({ ...sink, end: () => one.finish() } as Downstream, CLIENT);
    void services.get(name)!.handle(one);
  };
  for (let turn = 0; turn < 4; turn++) send('outer');
  send('a');
  expect(windows.map((window) => window.take().requests)).toEqual([4, 2, 2, 2, 2, 3, 2]);
  services.get('outer')!.update({ ...specs[3]!, children: [{ service: 'b', weight: 1 }] } as ServiceSpec, NOTHING);
  send('outer');
  expect(windows.map((window) => window.take().requests)).toEqual([1, 0, 1, 0, 0, 0, 1]);
});
