// The data plane of one worker: entry points, the generation they serve, and the way from a delta to both. It knows
// nothing of threads or messages; worker.ts connects it to the supervisor.

import { SystemClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import type { Snapshot, SnapshotDelta } from '../../model/snapshot.ts';
import type { FailingServer, FailureReport } from '../../model/server-failure.ts';
import type { CellUpdate } from '../../model/message/cells.ts';
import type { EndpointRows } from '../../model/message/sync.ts';
import type { TlsSharedState } from '../../model/tls.ts';
import { addressCounts, ConnectionLimits } from '../net/count/connection-limits.ts';
import { descriptors } from '../net/descriptors.ts';
import { entryPointCounts } from '../net/count/entry-point-counts.ts';
import type { Exchange } from '../http/exchange.ts';
import type { WorkerResources } from '../middleware/define.ts';
import { connectionBudget } from '../upstream/connection-budget.ts';
import type { RestingPlace, UpstreamContext } from '../upstream/connection-owner.ts';
import { endpointTable } from '../upstream/endpoint-table.ts';
import { Http1ResponseParser } from '../http1/response-parser.ts';
import { FailureTrace } from '../upstream/failure-trace.ts';
import { Resolver } from '../upstream/name/resolver.ts';
import { UpstreamTls } from '../tls/upstream-tls.ts';
import { TlsStore } from '../tls/tls-store.ts';
import { tcpServiceOf } from '../../model/tcp.ts';
import { tcpInFlight } from '../tcp/tcp-gate.ts';
import { TcpGeneration } from '../tcp/tcp-generation.ts';
import { Challenges } from './challenges.ts';
import { EntryPoints, type EntryPointChanges, type EntryPointRows } from './entry-points.ts';
import { EntryPointRuntime, type HandshakeFailed, type ProxyHeaderFailed } from './entrypoint-runtime.ts';
import { Generation } from './generation.ts';
import type { Instrument } from './instrument.ts';
import type { ConnectionInstrument } from './connection-instrument.ts';
import type { ListedTables } from './shared-tables.ts';
import { runInSlices } from './slices.ts';
import { UdpRouting } from '../udp/udp-routing.ts';
import { UdpEntryPoint } from './udp-entrypoint.ts';

export interface EngineOptions {
  readonly snapshot: Snapshot;
  /** See WorkerInit. */
  readonly entryPointRows: EntryPointRows;
  readonly tables: ListedTables;
  /** For middlewares and services; ended with the engine. */
  readonly resources: WorkerResources;
  readonly rows: EndpointRows;
  readonly workerSlots: number;
  /** Of the sockets of internal services. */
  readonly socketDirectory: string;
  readonly tls: TlsSharedState;
  readonly instrument: Instrument;
  readonly tcpInstrument: ConnectionInstrument;
  readonly udpInstrument: ConnectionInstrument;
  /** Failed requests have ejected a server of a service. */
  readonly ejected: (service: string, serverUrl: string) => void;
  /** Servers fail, or answer again. */
  readonly serversFailed: (reports: readonly FailureReport[]) => void;
  /** A stage threw: a defect, worth a log line with its stack. */
  readonly handlerFailed: (exchange: Exchange, error: unknown) => void;
  readonly handshakeFailed: HandshakeFailed;
  readonly proxyHeaderFailed: ProxyHeaderFailed;
}

/** Connections without a request; false when no place has one. */
function closeOneOf(places: Iterable<RestingPlace>): boolean {
  for (const place of places) if (place.closeResting()) return true;
  return false;
}

export class Engine {
  readonly entryPoints: EntryPoints;
  readonly #generation: Generation;
  readonly #tcpGeneration: TcpGeneration;
  readonly #udp: UdpRouting;
  readonly #upstream: UpstreamContext;
  readonly #trace: FailureTrace;
  readonly #resources: WorkerResources;
  readonly #tls: TlsStore;
  readonly #challenges = new Challenges();
  readonly #initial: Snapshot;
  readonly #initialRows: EndpointRows;
  /** What entry points will be when the build that is under way is in force. */
  #specOf: EntryPointChanges['specOf'];
  #version = 0;
  #digest = '';

  constructor(options: EngineOptions) {
    const wheel = new TimerWheel(new SystemClock());
    const { tables, resources } = options;
    const limits = new ConnectionLimits(tables.of(entryPointCounts), tables.of(addressCounts));
    this.#resources = resources;
    this.#tls = new TlsStore(options.tls);
    this.#initial = options.snapshot;
    this.#initialRows = options.rows;
    this.#trace = new FailureTrace(wheel, options.serversFailed);
    this.#upstream = {
      wheel,
      resolver: new Resolver({ socketDirectory: options.socketDirectory }),
      parser: new Http1ResponseParser(),
      tls: new UpstreamTls((name) => this.#tls.secret(name)),
      workerSlots: options.workerSlots,
      budget: tables.of(connectionBudget),
      table: tables.of(endpointTable),
      ejected: (service, serverUrl) => {
        this.refreshHealth([service]);
        options.ejected(service, serverUrl);
      },
      trace: this.#trace,
      keepOriginHeaders: options.instrument.needsOriginHeaders,
      resting: new Set(),
    };
    // What a server's connection costs to open again is less than what a client's does.
    descriptors.closeResting = () => closeOneOf(this.#upstream.resting) || closeOneOf(this.entryPoints.tcp.values());
    this.#udp = new UdpRouting(this.#upstream.resolver, this.#trace, (route, entryPoint) =>
      options.udpInstrument.observeRoute(route, this.#specOf(entryPoint)),
    );
    this.entryPoints = new EntryPoints(Object.values(options.snapshot.entryPoints), options.entryPointRows, {
      tcp: (spec, row) =>
        new EntryPointRuntime(spec, {
          wheel,
          limits,
          row,
          observerOf: (one) => options.instrument.observerOf(one),
          tls: this.#tls,
          challenges: this.#challenges,
          handlerFailed: options.handlerFailed,
          handshakeFailed: options.handshakeFailed,
          proxyHeaderFailed: options.proxyHeaderFailed,
        }),
      udp: (spec, row) =>
        new UdpEntryPoint(spec, {
          wheel,
          limits,
          row,
          routing: this.#udp,
          dropped: (entryPoint, reason) => options.udpInstrument.dropped(entryPoint, reason),
        }),
    });
    this.#specOf = (entryPoint) => this.entryPoints.unchanged().specOf(entryPoint);
    this.#generation = new Generation(this.entryPoints.fronts, this.#upstream, resources, (route, entryPoint) =>
      options.instrument.observeRoute(route, entryPoint),
    );
    this.#tcpGeneration = new TcpGeneration(
      [...this.entryPoints.tcp.values()].map(({ tcp }) => tcp),
      this.#upstream,
      tables.of(tcpInFlight),
      (route, entryPoint) => options.tcpInstrument.observeRoute(route, this.#specOf(entryPoint)),
    );
  }

  get version(): number {
    return this.#version;
  }

  get digest(): string {
    return this.#digest;
  }

  /** Builds everything the snapshot names; before the first connection, so nothing is sliced. */
  start(): void {
    const { version, digest, ...changed } = this.#initial;
    const delta = { baseVersion: 0, version, digest, changed, removed: {} };
    const work = this.#build(delta, this.#initialRows, this.entryPoints.unchanged());
    let step = work.next();
    while (step.done !== true) step = work.next();
    step.value();
    this.#tls.apply(this.#initial);
    this.#udp.apply(this.#initial);
    this.#version = version;
    this.#digest = digest;
  }

  *#build(delta: SnapshotDelta, rows: EndpointRows, changes: EntryPointChanges): Generator<void, () => void> {
    this.#specOf = (entryPoint) => changes.specOf(entryPoint);
    const commit = yield* this.#generation.build(delta, rows, changes.fronts);
    const commitTcp = yield* this.#tcpGeneration.build(delta, rows, changes.tcpFronts);
    return () => {
      commit();
      commitTcp();
      changes.commit();
    };
  }

  /**
   * Builds the delta between requests and swaps it in. Rejects when it does not follow the present version or cannot be
   * built; the worker must then be replaced. Calls must not overlap. `opened` as of EntryPoints.plan.
   */
  async apply(delta: SnapshotDelta, rows: EndpointRows, opened: EntryPointRows = {}): Promise<void> {
    if (delta.baseVersion !== this.#version) {
      throw new Error(`delta for version ${delta.baseVersion} does not fit version ${this.#version}`);
    }
    const entryPoints = this.entryPoints.plan(delta, opened);
    const commit = await runInSlices(this.#build(delta, rows, entryPoints));
    commit();
    this.#tls.apply(delta.changed, delta.removed);
    this.#udp.apply(delta.changed, delta.removed);
    this.#version = delta.version;
    this.#digest = delta.digest;
  }

  /** What certificate authorities are answered with, in place of before. */
  /** The newest of what a control plane has beside the snapshot. */
  take(update: CellUpdate): void {
    switch (update.cell) {
      case 'secrets':
        this.#tls.setSecrets(update, update.isWhole);
        return;
      case 'challenges':
        this.#challenges.set(update.value.http, update.value.alpn);
        return;
      case 'staples':
        this.#tls.setStaples(update.staples, update.isWhole);
        return;
      case 'ticketKeys':
        this.#tls.setTicketKeys(update.keys);
        return;
      case 'health':
        this.refreshHealth(update.services);
    }
  }

  /** Another worker has seen the server fail. */
  watchServer(server: FailingServer): void {
    this.#trace.watch(server);
  }

  /** Looks at the endpoint table anew for these services. */
  refreshHealth(services: readonly string[]): void {
    for (const key of services) {
      const tcp = tcpServiceOf(key);
      if (tcp === null) this.#generation.services.get(key)?.refresh();
      else this.#tcpGeneration.refresh(tcp);
    }
  }

  /** Stops accepting and waits for connections to end; `patienceMs` as of DownstreamContext, `isShared` of Door. */
  async drain(patienceMs: number, isShared: boolean): Promise<void> {
    await this.entryPoints.drain(patienceMs, isShared);
  }

  /** Breaks off what is left; returns the number of connections. */
  destroy(): number {
    const count = this.entryPoints.destroy();
    this.#upstream.resolver.stop();
    this.#resources.passwords.stop();
    return count;
  }
}
