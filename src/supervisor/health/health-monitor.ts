// The health of every server, once per process: runs the active checks, counts their results, brings back what failed
// requests have ejected, writes both into the endpoint table and says which services a change concerns. What a
// configuration change leaves alone keeps its state, its counts and its place in the schedule.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import type { HealthChange, ServerHealth } from '../../model/server-health.ts';
import {
  transportTo,
  type EndpointPatch,
  type HttpEndpointSpec,
  type TcpEndpointSpec,
} from '../../model/endpoint-set.ts';
import type { CheckSchedule } from '../../model/service.ts';
import type { SnapshotDelta, SnapshotSections } from '../../model/snapshot.ts';
import { tcpServiceOf } from '../../model/tcp.ts';
import type { EndpointTable } from '../../dataplane/upstream/endpoint-table.ts';
import type { UpstreamTls } from '../../dataplane/tls/upstream-tls.ts';
import type { Resolver } from '../../dataplane/upstream/name/resolver.ts';
import {
  endpointsIn,
  hasEndpoints,
  removedServices,
  serviceKey,
  servicesIn,
  type EndpointRows,
  type ServedEndpoint,
  type ServedService,
} from '../endpoint-rows.ts';
import { GrpcProbe } from './grpc-probe.ts';
import { HttpProbe } from './http-probe.ts';
import { INCONCLUSIVE, type Probe, type ProbeContext, type Verdict } from './probe.ts';
import { TcpProbe } from './tcp-probe.ts';

/** A server that is new is checked within this time, or its interval if that is shorter. */
const FIRST_CHECK_MS = 1_000;

export interface HealthMonitorOptions {
  readonly table: EndpointTable;
  readonly rows: EndpointRows;
  readonly resolver: Resolver;
  readonly tls: UpstreamTls;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  /** Servers of these services have come up or gone down. */
  readonly changed: (services: readonly string[]) => void;
  /** One server has. */
  readonly event: (change: HealthChange) => void;
}

/** One server with active checks. */
interface Checked {
  readonly probe: Probe;
  readonly spec: CheckSchedule;
  readonly specText: string;
  readonly deadline: Deadline;
  isUp: boolean;
  /** Results in a row that say otherwise. */
  against: number;
  lastVerdict: Exclude<Verdict, typeof INCONCLUSIVE>;
  lastCheckWallMs: number;
  isStopped: boolean;
}

interface Ejection {
  readonly deadline: Deadline;
  readonly untilWallMs: number;
}

interface News {
  readonly change: HealthChange;
  /** Its checks, or its requests, are; it may be down for the other reason. */
  readonly isGood: boolean;
}

interface Monitored {
  /** Key of the service. */
  readonly service: string;
  server: ServedEndpoint;
  readonly row: number;
  checked: Checked | null;
  ejection: Ejection | null;
}

export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #wheel: TimerWheel;
  readonly #services = new Map<string, { spec: ServedService; endpoints: Map<string, Monitored> }>();
  /** Services that the workers have to hear of, and what is to be said afterwards. */
  readonly #pending = new Set<string>();
  readonly #news: News[] = [];

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
    this.#wheel = options.wheel;
  }

  /** Takes over everything in a snapshot, whose endpoints have their rows. */
  start(snapshot: Pick<SnapshotSections, 'services' | 'tcpServices' | 'endpointSets'>): void {
    for (const spec of servicesIn(snapshot)) if (hasEndpoints(spec)) this.#updateService(spec, snapshot);
  }

  /** Takes over what a delta changes, to what `snapshot` is; endpoints have their rows. */
  update(delta: SnapshotDelta, snapshot: Pick<SnapshotSections, 'endpointSets'>): void {
    for (const key of removedServices(delta)) this.#drop(key);
    const whole = new Set<string>();
    for (const spec of servicesIn(delta.changed)) {
      whole.add(serviceKey(spec));
      if (hasEndpoints(spec)) this.#updateService(spec, snapshot);
      else this.#drop(serviceKey(spec));
    }
    for (const [set, patch] of Object.entries(delta.endpoints ?? {})) {
      for (const key of this.#options.rows.usersOf(set)) if (!whole.has(key)) this.#patchService(key, patch);
    }
  }

  /** A worker says that failed requests have ejected the endpoint of this key. */
  ejected(service: string, key: string): void {
    const known = this.#services.get(service);
    const monitored = known?.endpoints.get(key);
    if (known === undefined || monitored === undefined || monitored.ejection !== null) return;
    const passive = known.spec.passiveHealthCheck;
    if (passive === null) {
      // Switched off while the worker's message was on its way.
      this.#options.table.readmit(monitored.row);
      this.#changed(service);
      return;
    }
    const deadline = new Deadline(() => this.#readmit(monitored, 'its time is over'));
    this.#wheel.arm(deadline, passive.failureWindowMs);
    monitored.ejection = { deadline, untilWallMs: this.#options.clock.wall() + passive.failureWindowMs };
    this.#announce(monitored, false, `${passive.maxFailedAttempts} failed within ${passive.failureWindowMs} ms`);
  }

  /** A worker has ended, perhaps before it could say whom it ejected. */
  adoptEjections(): void {
    for (const [service, { endpoints }] of this.#services) {
      for (const [key, { row, ejection }] of endpoints) {
        if (ejection === null && row >= 0 && this.#options.table.isEjected(row)) this.ejected(service, key);
      }
    }
  }

  /** Every server of a service, as it is known now; null for a service without servers of its own. */
  healthOf(service: string): readonly ServerHealth[] | null {
    const known = this.#services.get(service);
    if (known === undefined) return null;
    const { table } = this.#options;
    return [...known.endpoints.values()].map(({ server, row, checked, ejection }) => ({
      url: server.url,
      isUp: row < 0 || table.isUp(row),
      inFlight: row < 0 ? 0 : table.inFlight(row),
      connections: row < 0 ? { http1: 0, http2: 0 } : table.connections(row),
      responseMs: row < 0 ? 0 : table.responseMs(row),
      ejectedUntil: ejection === null ? null : ejection.untilWallMs,
      check:
        checked === null
          ? null
          : { isUp: checked.isUp, lastAt: checked.lastCheckWallMs || null, lastError: checked.lastVerdict },
    }));
  }

  stop(): void {
    for (const name of this.#services.keys()) this.#drop(name);
    this.#wheel.stop();
  }

  #updateService(spec: ServedService, snapshot: Pick<SnapshotSections, 'endpointSets'>): void {
    const key = serviceKey(spec);
    const before = this.#services.get(key)?.endpoints ?? new Map<string, Monitored>();
    const endpoints = new Map<string, Monitored>();
    for (const server of endpointsIn(snapshot, spec)) {
      endpoints.set(server.key, this.#take(spec, server, before.get(server.key)));
    }
    for (const [one, monitored] of before) if (!endpoints.has(one)) this.#end(monitored);
    this.#services.set(key, { spec, endpoints });
  }

  #patchService(key: string, { changed, removed }: EndpointPatch): void {
    const known = this.#services.get(key);
    if (known === undefined) return;
    const { spec, endpoints } = known;
    for (const one of removed) {
      const monitored = endpoints.get(one);
      if (monitored !== undefined) this.#end(monitored);
      endpoints.delete(one);
    }
    // A set has endpoints of its services' protocol.
    for (const server of changed as readonly ServedEndpoint[]) {
      endpoints.set(server.key, this.#take(spec, server, endpoints.get(server.key)));
    }
  }

  #take(spec: ServedService, server: ServedEndpoint, before: Monitored | undefined): Monitored {
    const key = serviceKey(spec);
    const row = this.#options.rows.rowOf(key, server.key);
    const monitored = before ?? { service: key, server, row, checked: null, ejection: null };
    monitored.server = server;
    if (spec.passiveHealthCheck === null) this.#readmit(monitored, 'failed requests do not count any more');
    const text =
      spec.healthCheck === null || row < 0
        ? ''
        : JSON.stringify([spec.healthCheck, spec.transport.tls, isSecure(server), server.url, server.identity]);
    if ((monitored.checked?.specText ?? '') === text) return monitored;
    const wasUp = monitored.checked?.isUp;
    if (monitored.checked !== null) stopChecks(monitored.checked, this.#wheel);
    monitored.checked = text === '' ? null : this.#createChecks(monitored, spec, text, wasUp);
    const isDown = monitored.checked?.isUp === false;
    this.#options.table.setDown(row, isDown);
    if (wasUp === false && !isDown) this.#changed(key);
    if (monitored.checked !== null) this.#wheel.arm(monitored.checked.deadline, this.#firstDelay(spec.healthCheck!));
    return monitored;
  }

  #createChecks(monitored: Monitored, service: ServedService, specText: string, wasUp: boolean | undefined): Checked {
    const { resolver, tls } = this.#options;
    const spec: CheckSchedule = service.healthCheck!;
    const probe = createProbe(service, monitored.server, { wheel: this.#wheel, resolver, tls });
    const settled = (verdict: Verdict): void => this.#result(monitored, checked, verdict);
    const checked: Checked = {
      probe,
      spec,
      specText,
      deadline: new Deadline(() => probe.check(settled)),
      isUp: wasUp ?? spec.initialState === 'up',
      against: 0,
      lastVerdict: null,
      lastCheckWallMs: 0,
      isStopped: false,
    };
    return checked;
  }

  /** Servers that appear together are not checked together. */
  #firstDelay(spec: CheckSchedule): number {
    // One that waits for its first check to get requests is not kept waiting.
    return spec.initialState === 'down' ? 1 : 1 + this.#options.random() * Math.min(FIRST_CHECK_MS, spec.intervalMs);
  }

  #result(monitored: Monitored, checked: Checked, verdict: Verdict): void {
    if (checked.isStopped) return;
    const { spec } = checked;
    if (verdict === INCONCLUSIVE) {
      this.#wheel.arm(checked.deadline, spec.intervalMs + this.#options.random() * spec.jitterMs);
      return;
    }
    checked.lastVerdict = verdict;
    checked.lastCheckWallMs = this.#options.clock.wall();
    const isGood = verdict === null;
    if (isGood === checked.isUp) checked.against = 0;
    else if (++checked.against >= (isGood ? spec.healthyThreshold : spec.unhealthyThreshold)) {
      checked.against = 0;
      checked.isUp = isGood;
      this.#options.table.setDown(monitored.row, !isGood);
      this.#announce(monitored, isGood, verdict ?? 'its check has passed');
    }
    // A check that passes knows more than requests that failed before it.
    if (isGood && monitored.ejection !== null) this.#readmit(monitored, 'its check has passed');
    const interval = checked.isUp ? spec.intervalMs : spec.unhealthyIntervalMs;
    this.#wheel.arm(checked.deadline, interval + this.#options.random() * spec.jitterMs);
  }

  #readmit(monitored: Monitored, reason: string): void {
    if (monitored.ejection === null) return;
    this.#wheel.remove(monitored.ejection.deadline);
    monitored.ejection = null;
    this.#options.table.readmit(monitored.row);
    if (this.#options.table.isUp(monitored.row)) this.#announce(monitored, true, reason);
  }

  #announce({ service: key, server, row }: Monitored, isUp: boolean, reason: string): void {
    const service = tcpServiceOf(key) ?? key;
    this.#changed(key);
    this.#news.push({
      change: { service, url: server.url, isUp: isUp && this.#options.table.isUp(row), reason },
      isGood: isUp,
    });
  }

  /** What changes in one turn is told in one message: to the workers first, so that what is said is so. */
  #changed(service: string): void {
    if (this.#pending.size === 0) setImmediate(() => this.#tell());
    this.#pending.add(service);
  }

  #tell(): void {
    const services = [...this.#pending];
    this.#pending.clear();
    this.#options.changed(services);
    for (const { change, isGood } of this.#news.splice(0)) {
      const { service, url, reason } = change;
      this.#options.log[isGood ? 'info' : 'warn'](isGood ? 'a server is up' : 'a server is down', {
        service,
        url,
        reason,
      });
      this.#options.event(change);
    }
  }

  #drop(service: string): void {
    const known = this.#services.get(service);
    if (known === undefined) return;
    this.#services.delete(service);
    for (const monitored of known.endpoints.values()) this.#end(monitored);
  }

  #end({ checked, ejection }: Monitored): void {
    if (checked !== null) stopChecks(checked, this.#wheel);
    if (ejection !== null) this.#wheel.remove(ejection.deadline);
  }
}

function createProbe(service: ServedService, server: ServedEndpoint, context: ProbeContext): Probe {
  const { tls } = transportTo<Pick<ServedService['transport'], 'tls'>>(server, service.transport);
  if (service.kind === 'tcpLoadBalancer') {
    return new TcpProbe(service.healthCheck!, server as TcpEndpointSpec, tls, context); // A service's servers are of its kind.
  }
  const spec = service.healthCheck!;
  const target = server as HttpEndpointSpec; // As above.
  return new (spec.mode === 'grpc' ? GrpcProbe : HttpProbe)(spec, target, tls, context);
}

/** Of servers that are spoken to over TLS by a word of their own: their address does not say so. */
function isSecure(server: ServedEndpoint): boolean {
  return 'isSecure' in server && server.isSecure;
}

function stopChecks(checked: Checked, wheel: TimerWheel): void {
  checked.isStopped = true;
  wheel.remove(checked.deadline);
  checked.probe.stop();
}
