// The main thread's side of the data plane: binds the sockets, runs the workers, sends them changes, and replaces those
// that crash, refuse a change or stop answering. Nothing a request does passes through here.

import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { SignalboxError, messageOf } from '../core/errors.ts';
import { DEFAULT_HELD_BYTES } from '../core/held-memory.ts';
import type { Log } from '../core/log.ts';
import { selfSigned } from '../core/self-signed.ts';
import { TimerWheel } from '../core/timer-wheel.ts';
import { LatestValue, type Following, type Update } from '../core/latest-value.ts';
import type { Cells } from '../model/message/cells.ts';
import type { EntryPointSpec, ListenAddress } from '../model/entry-point.ts';
import type { PluginModule } from '../model/plugin.ts';
import type { PublishResult } from '../model/message/publisher.ts';
import type { Snapshot, SnapshotDelta } from '../model/snapshot.ts';
import type { EndpointRows as EndpointRowsByService, FromWorker, ObserveInit } from '../model/message/sync.ts';
import { accessLogBacklog } from '../observe/access-log-backlog.ts';
import type { AccessLogWriter } from '../observe/access-log-writer.ts';
import type { MetricsAggregator } from '../observe/metrics-aggregator.ts';
import type { BoundSocket } from '../dataplane/net/listening-socket.ts';
import type { WorkerStatus } from '../model/message/worker-status.ts';
import type { HealthChange, ServerHealth } from '../model/server-health.ts';
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

const READY_TIMEOUT_MS = 60_000;
const APPLY_TIMEOUT_MS = 30_000;
const PING_MS = 2_000;
/** A worker whose event loop has not turned for this long serves nobody. */
const MAX_SILENCE_MS = 20_000;
const CRASH_WINDOW_MS = 60_000;
/** So many in the window are replaced at once; each further one after a pause. */
const MAX_CRASHES = 5;
/** Between attempts to begin a worker, where one crashes again and again or the machine has no room for it. */
const RESTART_PAUSES = { firstMs: 500, maxMs: 30_000 };
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
  /** See SharedState.secret. */
  readonly secret: Uint8Array;
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

export class Supervisor implements WorkerListener {
  readonly #options: SupervisorOptions;
  readonly #memory: SharedMemory;
  readonly #rows: EndpointRows;
  readonly #resolver = new Resolver();
  readonly #health: HealthMonitor;
  readonly #failures: FailureLog;
  readonly #sockets: EntryPointSockets;
  readonly #descriptorWatch: DescriptorWatch;
  readonly #workers = new Map<number, WorkerHandle>();
  readonly #cells: WorkerCells;
  readonly #snapshot = new LatestValue<Snapshot | null, Change>(null);
  readonly #followed = new Map<WorkerHandle, Followed>();
  #nextId = 1;
  #crashes: number[] = [];
  /** Workers that did not come to serve, since the last one that did. */
  #failedStarts = 0;
  /** Slots whose next worker waits for its time. */
  readonly #pauses = new Map<number, { close(): void }>();
  #pinger: NodeJS.Timeout | null = null;
  #isStopping = false;
  restarts = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#cells = new WorkerCells(options.cells);
    this.#memory = new SharedMemory(
      options.workers,
      options.secret,
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
      began: (server) => {
        for (const worker of this.#workers.values()) worker.send({ kind: 'failing', server });
      },
    });
    this.#health = new HealthMonitor({
      table: tables.of(endpointTable),
      rows: this.#rows,
      resolver: this.#resolver,
      tls: new UpstreamTls((name) => options.cells.secrets.value[name] ?? null),
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

  /** No thread is left; after a stop, one that is stuck may be. */
  get hasEnded(): boolean {
    return this.#workers.size === 0;
  }

  /** Binds every entry point, starts all workers and settles when all of them listen. */
  async start(snapshot: Snapshot): Promise<void> {
    try {
      await this.#startAll(snapshot);
    } catch (error) {
      // A program that embeds the router goes on: nothing of it may stay.
      if (!this.#isStopping) await this.stop(0);
      throw error;
    }
  }

  async #startAll(snapshot: Snapshot): Promise<void> {
    this.#snapshot.set(snapshot, null, snapshot.version);
    this.#rows.assignAll(snapshot);
    this.#health.start(snapshot);
    for (const spec of Object.values(snapshot.entryPoints)) {
      await this.#sockets.prepare(spec);
      if (this.#isStopping) {
        this.#sockets.close();
        throw new SignalboxError('ERR_WORKER_START', 'the router was ended while it started');
      }
    }
    this.#sockets.commitAll();
    const started: Promise<void>[] = [];
    for (let slot = 0; slot < this.#options.workers; slot++)
      started.push(this.#startWorker(slot).ready(READY_TIMEOUT_MS));
    await Promise.all(started);
    if (this.#isStopping) throw new SignalboxError('ERR_WORKER_START', 'the router was ended while it started');
    this.#descriptorWatch.start();
    this.#pinger = setInterval(() => this.#ping(), PING_MS);
    this.#pinger.unref();
  }

  /** Address an entry point is bound to. */
  addressOf(entryPoint: string): ListenAddress | null {
    return this.#sockets.addressOf(entryPoint);
  }

  /**
   * Binds what an entry point needs that is new or moves to another address; the next published snapshot that has it takes
   * it over. Rejects with a SignalboxError when the address cannot be had.
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
    return [...this.#workers.values()].map(({ slot, memory }) => [slot, memory.bytes]);
  }

  async publish(snapshot: Snapshot, delta: SnapshotDelta): Promise<PublishResult> {
    const sockets = this.#sockets.apply(delta);
    const { rows, release } = this.#rows.apply(delta, snapshot);
    this.#health.update(delta, snapshot);
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
      if (!worker.isGone) this.#replace(worker, `refused version ${version}: ${reason}`);
    }
  }

  /** What each worker runs, by slot. */
  workers(): readonly WorkerStatus[] {
    return [...this.#workers.values()]
      .map(({ id, slot, version, isReady }) => ({ id, slot, version, isReady }))
      .toSorted((a, b) => a.slot - b.slot);
  }

  /** What is known of a service's servers; null when it has none of its own. Of a TCP service by its key. */
  healthOf(service: string): readonly ServerHealth[] | null {
    return this.#health.healthOf(service);
  }

  /** Asks every worker for its memory after a collection, if the runtime exposes one; answers go to the log. */
  requestMemory(): void {
    for (const worker of this.#workers.values()) worker.send({ kind: 'memory' });
  }

  /** The process is about to stop: every answer from now on tells its client so, while accepting goes on. */
  leave(patienceMs: number): void {
    for (const worker of this.#workers.values()) worker.send({ kind: 'leave', patienceMs });
  }

  /**
   * Lets requests finish until the deadline, then ends all workers and gives up the sockets. `patienceMs` as of DownstreamContext,
   * `isShared` of Door. A thread that cannot be ended is told of and left.
   */
  async stop(deadlineMs: number, patienceMs = 0, isShared = false): Promise<void> {
    this.#isStopping = true;
    if (this.#pinger !== null) clearInterval(this.#pinger);
    for (const pause of this.#pauses.values()) pause.close();
    this.#pauses.clear();
    this.#failures.stop();
    this.#health.stop();
    this.#descriptorWatch.stop();
    this.#resolver.stop();
    // First: what came to a socket that nobody accepts on any more would wait for ever.
    this.#sockets.close();
    await Promise.all(
      [...this.#workers.values()].map(async (worker) => {
        if (!(await worker.drain(deadlineMs, patienceMs, isShared))) this.#tellStuck(worker);
      }),
    );
  }

  /** Ends all workers at once, but for those that cannot be ended. */
  kill(): void {
    this.#isStopping = true;
    for (const worker of this.#workers.values()) void worker.terminate();
  }

  #startWorker(slot: number): WorkerHandle {
    const id = this.#nextId++;
    const shared = this.#memory.forWorker(this.#options.cells.ticketKeys.value);
    const cells = this.#cells.follow();
    const snapshot = this.#snapshot.value!; // Workers start with the first one.
    const { rows: entryPointRows, listeners } = this.#sockets.forWorker(slot);
    const worker = new WorkerHandle(
      this.#options.workerUrl,
      {
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
      },
      this,
      this.#options.workerExecArgv ?? [],
      this.#options.memoryBounds,
    );
    this.#workers.set(slot, worker);
    cells.sendTo(worker);
    const following = this.#snapshot.follow({ take: (update) => void this.#apply(worker, update) }, snapshot.version);
    this.#followed.set(worker, { snapshot: following, cells });
    this.#options.metrics.add(id, shared.metrics);
    return worker;
  }

  message(worker: WorkerHandle, message: FromWorker): void {
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
      case 'pong':
        worker.silentSinceMs = null;
        this.#noteMemory(worker, message.externalBytes);
        return;
      case 'log':
        this.#options.log[message.level](message.message, { worker: worker.id, ...message.fields });
        return;
      case 'memory':
        this.#options.log.info('worker memory', {
          worker: worker.id,
          isCollected: message.isCollected,
          heapUsedBytes: message.heapUsedBytes,
          externalBytes: message.externalBytes,
          bytesInProgress: message.bytesInProgress,
        });
        return;
      case 'ack':
        this.#options.log.debug('worker applied a configuration', {
          worker: worker.id,
          version: message.version,
          buildMs: Math.round(message.buildMs * 10) / 10,
        });
        return;
      default:
    }
  }

  free(thread: number): boolean {
    return this.#options.freeThread?.(thread) ?? false;
  }

  exited(worker: WorkerHandle, reason: string): void {
    this.#options.metrics.remove(worker.id);
    const followed = this.#followed.get(worker);
    this.#followed.delete(worker);
    followed?.snapshot.end([`worker ${worker.id} ended: ${reason}`]);
    followed?.cells.end();
    this.#memory.clearWorker(worker.slot);
    if (this.#workers.get(worker.slot) === worker) this.#workers.delete(worker.slot);
    if (this.#isStopping) return;
    this.#health.adoptEjections();
    if (!worker.isEnding) {
      if (!worker.isReady && this.version > 0 && this.#pinger === null) return; // start() reports it.
      if (worker.isReady) this.#options.log.error('a worker crashed and is replaced', { worker: worker.id, reason });
    }
    this.restarts++;
    this.#options.replaced(worker.id, reason);
    if (worker.isReady || worker.isEnding) this.#restart(worker.slot, this.#pauseAfterCrash(worker));
    else this.#startFailed(worker.slot, reason);
  }

  /** The workers that serve go on, whatever becomes of this one. */
  #restart(slot: number, pauseMs: number): void {
    if (pauseMs > 0) {
      this.#pauses.get(slot)?.close();
      this.#pauses.set(
        slot,
        this.#after(pauseMs, () => this.#restart(slot, 0)),
      );
      return;
    }
    this.#pauses.delete(slot);
    if (this.#isStopping || this.#workers.has(slot)) return;
    let fresh: WorkerHandle;
    try {
      fresh = this.#startWorker(slot);
    } catch (error) {
      // The machine has no thread to give.
      this.#startFailed(slot, messageOf(error));
      return;
    }
    fresh.ready(READY_TIMEOUT_MS).then(
      () => {
        if (this.#failedStarts > 0) this.#options.log.info('a worker could be started again', { worker: fresh.id });
        this.#failedStarts = 0;
      },
      (error: unknown) => {
        if (fresh.isGone || this.#isStopping) return;
        this.#replace(fresh, messageOf(error));
      },
    );
  }

  #startFailed(slot: number, reason: string): void {
    this.#failedStarts++;
    const pauseMs = backoffMs(this.#failedStarts, RESTART_PAUSES, Math.random);
    const serving = [...this.#workers.values()].filter(({ isReady }) => isReady).length;
    this.#options.log.error('a worker cannot be started; those that serve go on, and it is tried again', {
      reason,
      serving,
      inMs: pauseMs,
    });
    this.#restart(slot, pauseMs);
  }

  /** Milliseconds until the next worker may begin. What kills one worker a second is not to keep the machine busy. */
  #pauseAfterCrash(worker: WorkerHandle): number {
    if (worker.isEnding) return 0;
    const now = this.#options.clock.now();
    this.#crashes = [...this.#crashes.filter((at) => now - at < CRASH_WINDOW_MS), now];
    const extra = this.#crashes.length - MAX_CRASHES;
    if (extra < 0) return 0;
    const pauseMs = backoffMs(extra + 1, RESTART_PAUSES, Math.random);
    this.#options.log.error('workers crash again and again; the next one begins after a pause', {
      crashes: this.#crashes.length,
      withinMs: CRASH_WINDOW_MS,
      inMs: pauseMs,
    });
    return pauseMs;
  }

  #after(ms: number, callback: () => void): { close(): void } {
    if (this.#options.after !== undefined) return this.#options.after(ms, callback);
    const timer = setTimeout(callback, ms);
    return { close: () => clearTimeout(timer) };
  }

  /** Ends a worker that is no longer trusted; its exit starts another with the present snapshot. */
  #replace(worker: WorkerHandle, reason: string): void {
    if (worker.isEnding) return;
    this.#options.log.error('a worker is replaced', { worker: worker.id, reason });
    void worker.terminate().then((isGone) => {
      if (!isGone) this.#tellStuck(worker);
    });
  }

  #noteMemory(worker: WorkerHandle, bytes: number): void {
    const mebibytes = Math.round(bytes / 1024 / 1024);
    switch (worker.memory.note(bytes)) {
      case 'fine':
        return;
      case 'warn':
        this.#options.log.warn('a worker holds much memory outside of its heap, as buffers of a plugin are', {
          worker: worker.id,
          mebibytes,
        });
        return;
      case 'over':
        this.#replace(worker, `it holds ${mebibytes} MiB outside of its heap`);
    }
  }

  #tellStuck(worker: WorkerHandle): void {
    this.#options.log.error('a worker cannot be ended: its thread waits inside a call of the system', {
      worker: worker.id,
    });
  }

  #ping(): void {
    const now = this.#options.clock.now();
    for (const worker of this.#workers.values()) {
      if (!worker.isReady || worker.isEnding) continue;
      if (worker.silentSinceMs === null) worker.silentSinceMs = now;
      else if (now - worker.silentSinceMs > MAX_SILENCE_MS) {
        this.#replace(worker, `its event loop has not turned for ${Math.round((now - worker.silentSinceMs) / 1000)} s`);
        continue;
      }
      worker.send({ kind: 'ping', id: now });
    }
  }
}
