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
import { serviceTable } from '../balance/count/service-table.ts';
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
import { EndpointSets, type StagedEndpointSets } from '../live/endpoint-sets.ts';
import { buildParts, type LivePart } from '../live/live-part.ts';
import { LiveSecrets } from '../live/live-secrets.ts';
import { runAtOnce, runInSlices } from '../live/slices.ts';
import { tcpServiceOf } from '../../model/tcp.ts';
import { tcpInFlight } from '../tcp/tcp-gate.ts';
import { TcpGeneration } from '../tcp/tcp-generation.ts';
import { Challenges } from './challenges.ts';
import { EntryPoints, type EntryPointPlan, type EntryPointRows } from './entry-points.ts';
import { StreamEntryPoint, type HandshakeFailed, type ProxyHeaderFailed } from './stream-entry-point.ts';
import { HttpGeneration } from './http-generation.ts';
import type { Instrument } from './instrument.ts';
import type { ConnectionInstrument } from './connection-instrument.ts';
import type { ListedTables } from './shared-tables.ts';
import { UdpGeneration } from '../udp/udp-generation.ts';
import { DatagramEntryPoint } from './datagram-entry-point.ts';

export interface EngineOptions {
  readonly tables: ListedTables;
  /** For middlewares and services; ended with the engine. */
  readonly resources: WorkerResources;
  readonly workerSlots: number;
  /** Of the sockets of internal services. */
  readonly socketDirectory: string;
  readonly tls: TlsSharedState;
  readonly instrument: Instrument;
  readonly tcpInstrument: ConnectionInstrument;
  readonly udpInstrument: ConnectionInstrument;
  /** Failed requests have ejected a server of a service. */
  readonly ejected: (service: string, endpoint: string) => void;
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

/** What the parts build with. */
interface BuildContext extends EntryPointPlan {
  readonly rows: EndpointRows;
  readonly endpointSets: StagedEndpointSets;
}

export class Engine {
  readonly entryPoints: EntryPoints;
  readonly #http: HttpGeneration;
  readonly #tcp: TcpGeneration;
  /** In the order in which a delta comes into effect: routers are there before the entry points that lead to them. */
  readonly #parts: readonly LivePart<BuildContext>[];
  readonly #upstream: UpstreamContext;
  readonly #trace: FailureTrace;
  readonly #endpointSets = new EndpointSets();
  readonly #secrets = new LiveSecrets();
  readonly #resources: WorkerResources;
  readonly #tls: TlsStore;
  readonly #challenges = new Challenges();
  #version = 0;
  #digest = '';

  constructor(options: EngineOptions) {
    const wheel = new TimerWheel(new SystemClock());
    const { tables, resources, instrument, tcpInstrument, udpInstrument } = options;
    const limits = new ConnectionLimits(tables.of(entryPointCounts), tables.of(addressCounts));
    this.#resources = resources;
    this.#tls = new TlsStore(options.tls);
    this.#trace = new FailureTrace(wheel, options.serversFailed);
    this.#upstream = {
      wheel,
      resolver: new Resolver({ socketDirectory: options.socketDirectory }),
      parser: new Http1ResponseParser(),
      tls: new UpstreamTls((name) => this.#tls.secret(name)),
      workerSlots: options.workerSlots,
      budget: tables.of(connectionBudget),
      table: tables.of(endpointTable),
      ejected: (service, endpoint) => {
        this.refreshHealth([service]);
        options.ejected(service, endpoint);
      },
      trace: this.#trace,
      keepOriginHeaders: instrument.needsOriginHeaders,
      resting: new Set(),
    };
    // What a server's connection costs to open again is less than what a client's does.
    descriptors.closeResting = () =>
      closeOneOf(this.#upstream.resting) || closeOneOf(this.entryPoints.streams.values());
    this.#http = new HttpGeneration(this.#upstream, resources, (route, spec) => instrument.observeRoute(route, spec));
    const counts = tables.of(serviceTable);
    this.#tcp = new TcpGeneration(this.#upstream, counts, tables.of(tcpInFlight), (route, spec) =>
      tcpInstrument.observeRoute(route, spec),
    );
    const udp = new UdpGeneration({ resolver: this.#upstream.resolver, trace: this.#trace }, counts, (route, spec) =>
      udpInstrument.observeRoute(route, spec),
    );
    this.entryPoints = new EntryPoints({
      stream: (spec, row) =>
        new StreamEntryPoint(spec, {
          wheel,
          limits,
          row,
          observerOf: (one) => instrument.observerOf(one),
          tls: this.#tls,
          challenges: this.#challenges,
          handlerFailed: options.handlerFailed,
          handshakeFailed: options.handshakeFailed,
          proxyHeaderFailed: options.proxyHeaderFailed,
        }),
      datagram: (spec, row) =>
        new DatagramEntryPoint(spec, {
          wheel,
          limits,
          row,
          routing: udp,
          dropped: (entryPoint, reason) => udpInstrument.dropped(entryPoint, reason),
        }),
    });
    this.#parts = [this.#http, this.#tcp, this.entryPoints, this.#tls, udp];
  }

  get version(): number {
    return this.#version;
  }

  get digest(): string {
    return this.#digest;
  }

  /**
   * Builds everything the snapshot names; before the first connection, so nothing is sliced. `opened` as of
   * EntryPoints.plan.
   */
  start({ version, digest, ...changed }: Snapshot, rows: EndpointRows, opened: EntryPointRows): void {
    const delta = { baseVersion: 0, version, digest, changed, removed: {} };
    runAtOnce(this.#build(delta, rows, opened))();
  }

  /**
   * Builds the delta between requests and puts it into effect. Rejects when it does not follow the present version or
   * cannot be built: everything is as it was then, and the worker, which cannot follow any more, has to be replaced.
   * Calls must not overlap. `opened` as of EntryPoints.plan.
   */
  async advance(delta: SnapshotDelta, rows: EndpointRows, opened: EntryPointRows = {}): Promise<void> {
    if (delta.baseVersion !== this.#version) {
      throw new Error(`delta for version ${delta.baseVersion} does not fit version ${this.#version}`);
    }
    const commit = await runInSlices(this.#build(delta, rows, opened));
    commit();
  }

  *#build(given: SnapshotDelta, rows: EndpointRows, opened: EntryPointRows): Generator<void, () => void> {
    const delta = this.#secrets.whole(given);
    const endpointSets = this.#endpointSets.stage(delta);
    const context = { rows, endpointSets, ...this.entryPoints.plan(delta, opened) };
    const commit = yield* buildParts(this.#parts, delta, context);
    return () => {
      endpointSets.commit();
      commit();
      this.#version = delta.version;
      this.#digest = delta.digest;
    };
  }

  /** The newest of what a control plane has beside the snapshot. */
  take(update: CellUpdate): void {
    switch (update.cell) {
      case 'secrets':
        this.#secrets.set(update, update.isWhole);
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
      if (tcp === null) this.#http.refresh(key);
      else this.#tcp.refresh(tcp);
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
