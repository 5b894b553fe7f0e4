// The main thread's side of the data plane: what workers share and follow, from sockets and rows of shared memory to
// health, and what they tell. Whether they live is workers.ts. Nothing a request does passes through here.

import type { Clock } from '../core/clock.ts';
import { SignalboxError, messageOf } from '../core/errors.ts';
import { DEFAULT_HELD_BYTES } from '../core/held-memory.ts';
import type { Log } from '../core/log.ts';
import { selfSigned } from '../core/x509/self-signed.ts';
import { TimerWheel } from '../core/timer-wheel.ts';
import { LatestValue, type Following, type Update } from '../core/latest-value.ts';
import type { Cells } from '../model/message/cells.ts';
import type { EntryPointSpec, ListenAddress } from '../model/entry-point.ts';
import type { PluginModule } from '../model/plugin.ts';
import type { PublishResult } from '../model/message/publisher.ts';
import { isOfCertificate, withSecrets } from '../model/secrets.ts';
import type { Snapshot, SnapshotDelta, SnapshotSections } from '../model/snapshot.ts';
import type { CertificateSecret } from '../model/tls.ts';
import type {
  EndpointRows as EndpointRowsByService,
  FromWorker,
  ObserveInit,
  WorkerInit,
} from '../model/message/sync.ts';
import { accessLogBacklog } from '../observe/access-log-backlog.ts';
import type { AccessLogWriter } from '../observe/access-log-writer.ts';
import type { MetricsAggregator } from '../observe/metrics-aggregator.ts';
import type { BoundSocket } from '../dataplane/net/listening-socket.ts';
import type { WorkerStatus } from '../model/message/worker-status.ts';
import type { HealthChange, ServerHealth } from '../model/server-health.ts';
import { serviceTable } from '../dataplane/balance/count/service-table.ts';
import { ServiceWindow } from '../dataplane/balance/count/service-window.ts';
import { UpstreamTls } from '../dataplane/tls/upstream-tls.ts';
import { descriptorTable, type Descriptors } from '../dataplane/net/descriptors.ts';
import { entryPointCounts } from '../dataplane/net/count/entry-point-counts.ts';
import { endpointTable } from '../dataplane/upstream/endpoint-table.ts';
import { Resolver } from '../dataplane/upstream/name/resolver.ts';
import { DescriptorWatch, openDescriptors, socketLimit, systemLimit } from './descriptor-limit.ts';
import { bindOwn, EntryPointSockets, type SocketChanges, type OpenSocket } from './entry-point-sockets.ts';
import type { MemoryBounds } from './memory-watch.ts';
import { EndpointRows } from './endpoint-rows.ts';
import { FailureLog } from './failure-log.ts';
import { HealthMonitor } from './health/health-monitor.ts';
import { SharedMemory } from './shared-memory.ts';
import { WorkerCells, type WorkerFollowing } from './worker-cells.ts';
import { WorkerHandle, type WorkerListener } from './worker-handle.ts';
import { Workers } from './workers.ts';

const APPLY_TIMEOUT_MS = 30_000;
const FALLBACK_DAYS = 365;

export interface SupervisorOptions {
  readonly workers: number;
  readonly workerUrl: URL;
  readonly workerExecArgv?: readonly string[];
  readonly observe: ObserveInit;
  /** Of the sockets of internal services. */
  readonly socketDirectory: string;
  readonly plugins: readonly PluginModule[];
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: MetricsAggregator;
  readonly accessLog: AccessLogWriter | null;
  /** What workers have beside the snapshot; they follow it. */
  readonly cells: Cells;
  /** See WorkerInit; the usual ones when left out. */
  readonly maxBytesInProgress?: number;
  /** Binds when left out. */
  readonly openSocket?: OpenSocket;
  /** Failed requests of a worker have ejected a server. */
  readonly ejected?: (service: string, endpoint: string) => void;
  /** A server has come up or gone down. */
  healthChanged(change: HealthChange): void;
  /** A worker is gone and another takes its place. */
  replaced(worker: number, reason: string): void;
  /** The usual ones when left out. */
  readonly memoryBounds?: MemoryBounds;
  /** As of WorkerListener; nothing can when left out. */
  freeThread?(thread: number): boolean;
  /** Calls back once after the time; a timer when left out. */
  after?(ms: number, callback: () => void): { close(): void };
}

/** What leads workers from one snapshot to the next. */
interface Change {
  readonly delta: SnapshotDelta;
  readonly rows: EndpointRowsByService;
  readonly sockets: SocketChanges;
}

/** What one worker follows. */
interface Followed {
  readonly snapshot: Following;
  readonly cells: WorkerFollowing;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #memory: SharedMemory;
  readonly #rows: EndpointRows;
  readonly #resolver = new Resolver();
  readonly #health: HealthMonitor;
  readonly #failures: FailureLog;
  readonly #sockets: EntryPointSockets;
  readonly #descriptorWatch: DescriptorWatch;
  readonly #workers: Workers;
  readonly #cells: WorkerCells;
  readonly #snapshot = new LatestValue<Snapshot | null, Change>(null);
  /** That of the start: what a worker has signed is to be good in each that comes later. */
  #secret: Uint8Array = new Uint8Array();
  readonly #followed = new Map<WorkerHandle, Followed>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#cells = new WorkerCells(options.cells);
    this.#workers = new Workers({
      ...options,
      slots: options.workers,
      begin: (slot, id, listener) => this.#begin(slot, id, listener),
      said: (worker, message) => this.#said(worker, message),
      gone: (worker, reason) => this.#gone(worker, reason),
    });
    this.#memory = new SharedMemory(
      options.workers,
      selfSigned({
        commonName: 'SIGNALBOX DEFAULT CERT',
        hosts: [],
        nowMs: options.clock.wall(),
        days: FALLBACK_DAYS,
      }),
    );
    const limit = systemLimit();
    this.descriptors.setLimit(socketLimit(limit, openDescriptors(), options.workers));
    this.#descriptorWatch = new DescriptorWatch(this.descriptors, limit, options.log, () => options.clock.now());
    const { tables } = this.#memory;
    this.#sockets = new EntryPointSockets(tables.of(entryPointCounts), options.openSocket ?? bindOwn);
    this.#rows = new EndpointRows(tables.of(endpointTable));
    const wheel = new TimerWheel(options.clock);
    this.#failures = new FailureLog({
      clock: options.clock,
      wheel,
      log: options.log,
      began: (server) => this.#workers.send({ kind: 'failing', server }),
    });
    this.#health = new HealthMonitor({
      table: tables.of(endpointTable),
      rows: this.#rows,
      resolver: this.#resolver,
      tls: new UpstreamTls((name) => this.#certificate(name)),
      clock: options.clock,
      wheel,
      log: options.log,
      random: Math.random,
      changed: (services) => this.#cells.healthChanged(services),
      event: (change) => {
        this.#failures.healthChanged(change);
        options.healthChanged(change);
      },
    });
  }

  get version(): number {
    return this.#snapshot.value?.version ?? 0;
  }

  /** Workers that another took the place of. */
  get restarts(): number {
    return this.#workers.restarts;
  }

  /** No thread is left; after a stop, one that is stuck may be. */
  get hasEnded(): boolean {
    return this.#workers.all.length === 0;
  }

  /** Binds every entry point, starts all workers and settles when all of them listen. */
  async start(snapshot: Snapshot): Promise<void> {
    try {
      await this.#startAll(snapshot);
    } catch (error) {
      // A program that embeds the router goes on: nothing of it may stay.
      if (!this.#workers.isStopping) await this.stop(0);
      throw error;
    }
  }

  async #startAll(snapshot: Snapshot): Promise<void> {
    this.#snapshot.set(snapshot, null, snapshot.version);
    this.#secret = this.#options.cells.sharedSecret.value;
    this.#rows.assignAll(snapshot);
    this.#health.start(this.#whole(snapshot));
    for (const spec of Object.values(snapshot.entryPoints)) {
      await this.#sockets.prepare(spec);
      if (this.#workers.isStopping) {
        this.#sockets.close();
        throw new SignalboxError('ERR_WORKER_START', 'the router was ended while it started');
      }
    }
    this.#sockets.commitAll();
    await this.#workers.start();
    if (this.#workers.isStopping) throw new SignalboxError('ERR_WORKER_START', 'the router was ended while it started');
    this.#descriptorWatch.start();
    this.#workers.watch();
  }

  /** Address an entry point is bound to. */
  addressOf(entryPoint: string): ListenAddress | null {
    return this.#sockets.addressOf(entryPoint);
  }

  /**
   * Binds what an entry point needs that is new or moves to another address; the next published snapshot that has it
   * takes it over. Rejects with a SignalboxError when the address cannot be had.
   */
  async openEntryPoint(spec: EntryPointSpec): Promise<void> {
    await this.#sockets.prepare(spec);
    await this.#sockets.tryDuplicate(spec.name);
  }

  /** What is bound, by entry point. */
  get sockets(): ReadonlyMap<string, BoundSocket> {
    return this.#sockets.all();
  }

  /** Open client connections by entry point and by worker slot. */
  openConnections(): { byEntryPoint: ReadonlyMap<string, number>; byWorker: readonly number[] } {
    const connections = this.#memory.tables.of(entryPointCounts);
    return {
      byEntryPoint: this.#sockets.openConnections(),
      byWorker: Array.from({ length: this.#options.workers }, (_, slot) => connections.openOfWorker(slot)),
    };
  }

  /** Sockets of clients and servers, and clients that were refused for want of one. */
  get descriptors(): Descriptors {
    return this.#memory.tables.of(descriptorTable);
  }

  /** What workers hold outside of their heaps, by slot. */
  externalBytes(): readonly (readonly [slot: number, bytes: number])[] {
    return this.#workers.all.map(({ slot, memory }) => [slot, memory.bytes]);
  }

  async publish(snapshot: Snapshot, delta: SnapshotDelta): Promise<PublishResult> {
    const sockets = this.#sockets.apply(delta);
    const { rows, release } = this.#rows.apply(delta, snapshot);
    this.#health.update({ ...delta, changed: this.#whole(delta.changed) }, snapshot);
    this.#snapshot.set(snapshot, { delta, rows, sockets }, snapshot.version);
    const receipt = await this.#snapshot.delivered();
    release();
    sockets.release();
    return { version: snapshot.version, ...receipt };
  }

  /** One worker has the change, or says why not, or takes too long: then it is replaced. */
  async #apply(worker: WorkerHandle, { change, version }: Update<Snapshot | null, Change>): Promise<void> {
    if (change === null) return;
    const { delta, rows, sockets } = change;
    try {
      await worker.apply({ delta, rows, sockets: sockets.forWorker(worker.slot) }, APPLY_TIMEOUT_MS);
      this.#followed.get(worker)?.snapshot.acknowledge(version);
    } catch (error) {
      const reason = messageOf(error);
      this.#followed.get(worker)?.snapshot.refuse(version, [`worker ${worker.id}: ${reason}`]);
      if (!worker.isGone) this.#workers.replace(worker, `refused version ${version}: ${reason}`);
    }
  }

  /** With what checks send to servers. */
  #whole<S extends Partial<SnapshotSections>>(sections: S): S {
    return withSecrets(sections, (name) => this.#options.cells.secrets.value[name]);
  }

  #certificate(name: string): CertificateSecret | null {
    const secret = this.#options.cells.secrets.value[name];
    return secret !== undefined && isOfCertificate(secret) ? secret : null;
  }

  /** What each worker runs, by slot. */
  workers(): readonly WorkerStatus[] {
    return this.#workers.statuses();
  }

  /** What is known of a service's servers; null when it has none of its own. Of a TCP service by its key. */
  healthOf(service: string): readonly ServerHealth[] | null {
    return this.#health.healthOf(service);
  }

  /** How a service does from now on, or a child of one that divides, in all workers; `key` as of ServiceWindow. */
  windowOf(key: string): ServiceWindow {
    return new ServiceWindow(this.#memory.tables.of(serviceTable), key);
  }

  /** Asks every worker for its memory after a collection, if the runtime exposes one; answers go to the log. */
  requestMemory(): void {
    this.#workers.send({ kind: 'memory' });
  }

  /** The process is about to stop: every answer from now on tells its client so, while accepting goes on. */
  leave(patienceMs: number): void {
    this.#workers.send({ kind: 'leave', patienceMs });
  }

  /**
   * Lets requests finish until the deadline, then ends all workers and gives up the sockets. `patienceMs` as of
   * DownstreamContext, `isShared` of Door. A thread that cannot be ended is told of and left.
   */
  async stop(deadlineMs: number, patienceMs = 0, isShared = false): Promise<void> {
    this.#workers.replaceNoMore();
    this.#failures.stop();
    this.#health.stop();
    this.#descriptorWatch.stop();
    this.#resolver.stop();
    // First: what came to a socket that nobody accepts on any more would wait for ever.
    this.#sockets.close();
    await this.#workers.drain(deadlineMs, patienceMs, isShared);
  }

  /** Ends all workers at once, but for those that cannot be ended. */
  kill(): void {
    this.#workers.kill();
  }

  #begin(slot: number, id: number, listener: WorkerListener): WorkerHandle {
    const shared = this.#memory.forWorker(this.#options.cells.ticketKeys.value, this.#secret);
    const cells = this.#cells.follow();
    const snapshot = this.#snapshot.value!; // Workers start with the first one.
    const { rows: entryPointRows, listeners } = this.#sockets.forWorker(slot);
    const init: WorkerInit = {
      workerId: id,
      slot,
      workerSlots: this.#options.workers,
      listeners,
      entryPointRows,
      snapshot,
      cells: cells.initial,
      rows: this.#rows.all(),
      shared,
      observe: this.#options.observe,
      socketDirectory: this.#options.socketDirectory,
      plugins: this.#options.plugins,
      maxBytesInProgress: this.#options.maxBytesInProgress ?? DEFAULT_HELD_BYTES,
    };
    const { workerUrl, workerExecArgv = [], memoryBounds } = this.#options;
    let worker: WorkerHandle;
    try {
      worker = new WorkerHandle(workerUrl, init, listener, workerExecArgv, memoryBounds);
    } catch (error) {
      // Otherwise whoever sets a cell would wait for one that has no thread.
      cells.end();
      throw error;
    }
    cells.sendTo(worker);
    const following = this.#snapshot.follow({ take: (update) => void this.#apply(worker, update) }, snapshot.version);
    this.#followed.set(worker, { snapshot: following, cells });
    this.#options.metrics.add(id, shared.metrics);
    return worker;
  }

  #said(worker: WorkerHandle, message: FromWorker): void {
    switch (message.kind) {
      case 'series':
        this.#options.metrics.announce(worker.id, message.series);
        return;
      case 'accessLog': {
        const writer = this.#options.accessLog;
        if (writer === null) return;
        writer.dropped += message.dropped;
        writer.append(message.lines, message.count, () =>
          this.#memory.tables.of(accessLogBacklog).written(worker.slot, message.lines.length),
        );
        return;
      }
      case 'ejected':
        this.#health.ejected(message.service, message.endpoint);
        this.#options.ejected?.(message.service, message.endpoint);
        return;
      case 'failures':
        for (const report of message.reports) this.#failures.take(report);
        return;
      case 'ready':
        this.#followed.get(worker)?.cells.begun();
        return;
      case 'has':
        this.#followed.get(worker)?.cells.acknowledged(message.cell, message.version);
        return;
      default:
    }
  }

  #gone(worker: WorkerHandle, reason: string): void {
    this.#options.metrics.remove(worker.id);
    const followed = this.#followed.get(worker);
    this.#followed.delete(worker);
    followed?.snapshot.end([`worker ${worker.id} ended: ${reason}`]);
    followed?.cells.end();
    this.#memory.clearWorker(worker.slot);
    if (!this.#workers.isStopping) this.#health.adoptEjections();
  }
}
