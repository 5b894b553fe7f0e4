// The data plane of one process: workers, their sockets, what they write of requests. It runs what a control plane
// sends it, wherever that is, and goes on with the last of it.

import { messageOf } from '../core/errors.ts';
import { SystemClock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Following, Update } from '../core/latest-value.ts';
import { SerialRunner } from '../core/serial.ts';
import { isSameAddress, type EntryPointSpec, type ListenAddress } from '../model/entry-point.ts';
import type { Cells } from '../model/message/cells.ts';
import { secretNames } from '../model/secrets.ts';
import type { Snapshot, SnapshotDelta } from '../model/snapshot.ts';
import { deltaBetween } from '../model/snapshot-delta.ts';
import { namesOf } from '../model/snapshot-sections.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { AccessLogWriter, FileSink, StandardOutputSink, type LineSink } from '../observe/access-log-writer.ts';
import type { EventBus } from '../observe/event-bus.ts';
import { MetricsAggregator } from '../observe/metrics-aggregator.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { killChildrenOf } from './process/stuck-thread.ts';
import type { EntryPointBinder } from './control-plane.ts';
import type { SocketSource } from './takeover/socket-source.ts';

const WORKER_URL = new URL('../dataplane/engine/worker.js', import.meta.url);

export interface EdgeOptions {
  readonly install: InstallConfig;
  readonly workers: number;
  readonly log: Log;
  readonly events: EventBus;
  readonly sockets: SocketSource;
  /** Of the sockets of internal services. */
  readonly socketDirectory: string;
  /** Of a control plane, or of a link to one. */
  readonly cells: Cells;
  /** Where lines of the access log go; where the configuration says when left out. */
  readonly accessLogSink?: () => LineSink;
  /** The program's own when left out. */
  readonly workerUrl?: URL;
  readonly workerExecArgv?: readonly string[];
  /** As of SupervisorOptions. */
  readonly ejected?: (service: string, endpoint: string) => void;
}

export class Edge implements EntryPointBinder {
  readonly metrics: MetricsAggregator;
  readonly supervisor: Supervisor;
  readonly #accessLog: AccessLogWriter | null;
  readonly #cells: Cells;
  readonly #changes: SerialRunner;
  #following: Following | null = null;
  /** Of which the workers run at least this. */
  #running: Snapshot | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: EdgeOptions) {
    const { install, log, events } = options;
    const { accessLog } = install;
    const { accessLogSink } = options;
    this.#cells = options.cells;
    this.#changes = new SerialRunner(log, 'a snapshot cannot be applied; what was in force stays');
    this.metrics = new MetricsAggregator(install.metrics.buckets);
    this.#accessLog =
      accessLog === null
        ? null
        : new AccessLogWriter(
            accessLogSink !== undefined
              ? () => Promise.resolve(accessLogSink())
              : accessLog.filePath === ''
                ? () => Promise.resolve(new StandardOutputSink())
                : () => FileSink.open(accessLog.filePath),
            log,
          );
    this.supervisor = new Supervisor({
      workers: options.workers,
      workerUrl: options.workerUrl ?? WORKER_URL,
      workerExecArgv: options.workerExecArgv ?? [],
      socketDirectory: options.socketDirectory,
      plugins: install.plugins.modules,
      observe: { metrics: install.metrics, accessLog: accessLog?.init ?? null },
      clock: new SystemClock(),
      log,
      metrics: this.metrics,
      accessLog: this.#accessLog,
      cells: options.cells,
      openSocket: (spec) => options.sockets.open(spec.name, spec.address, spec.reusePort),
      maxBytesInProgress: install.maxBytesInProgress,
      ...(options.ejected === undefined ? {} : { ejected: options.ejected }),
      healthChanged: (change) => events.emit('health', change),
      replaced: (worker, reason) => events.emit('worker', { worker, reason, restarts: this.supervisor.restarts }),
      freeThread: (thread) => killChildrenOf([thread]) > 0,
    });
  }

  /** What entry points are bound to. */
  get addresses(): ReadonlyMap<string, ListenAddress> {
    return new Map([...this.supervisor.sockets].map(([name, { address }]) => [name, address]));
  }

  /** Lines of the access log that nobody took. */
  get droppedLines(): number {
    return this.#accessLog?.dropped ?? 0;
  }

  /** Threads are still there: after a stop, those that wait inside a call of the system. */
  get hasThreads(): boolean {
    return !this.supervisor.hasEnded;
  }

  /** Before anything else: a log file that cannot be written ends the start. */
  async openAccessLog(): Promise<void> {
    await this.#accessLog?.start();
  }

  /** After the workers: their last lines are still to be written. */
  async closeAccessLog(): Promise<void> {
    await this.#accessLog?.stop();
  }

  reopenAccessLog(): void {
    this.#accessLog?.reopen();
  }

  /** Settles when all workers listen, with the first snapshot; from then on they get what changes. */
  async start(): Promise<void> {
    const { snapshot } = this.#cells;
    if (snapshot.value === null) throw new Error('there is no snapshot to start with');
    const first = snapshot.value;
    this.#checkSecrets(first);
    try {
      await this.supervisor.start(first);
    } catch (error) {
      // It has tidied up after itself.
      this.#stopping ??= Promise.resolve();
      throw error;
    }
    this.#running = first;
    this.#nameLive(first);
    this.#following = snapshot.follow(
      { take: (update) => void this.#changes.run(() => this.#apply(update)) },
      first.version,
    );
  }

  /** What cannot be applied leaves what was there before. */
  async #apply({ version, value, change }: Update<Snapshot | null, SnapshotDelta>): Promise<void> {
    if (value === null) return;
    try {
      const before = this.#running!; // Since the start.
      const delta = change?.baseVersion === before.version ? change : deltaBetween(before, value);
      if (delta !== change) await this.#openNew(before, delta);
      this.#checkSecrets(delta.changed);
      const { acked, nacks } = await this.supervisor.publish(value, delta);
      this.#running = value;
      if (hasOtherNames(delta)) this.#nameLive(value);
      this.#following?.acknowledge(version, { acked, nacks });
    } catch (error) {
      this.#following?.refuse(version, [messageOf(error)]);
      throw error;
    }
  }

  /** Workers have the secrets of a snapshot before it, since they were sent before it. */
  #checkSecrets(sections: SnapshotDelta['changed']): void {
    const { secrets } = this.#cells;
    const missing = secretNames(sections).filter((name) => !Object.hasOwn(secrets.value, name));
    if (missing.length > 0) throw new Error(`the snapshot names secrets that are not here: ${missing.join(', ')}`);
  }

  /** A control plane that sends a whole snapshot has not asked for what it needs. */
  async #openNew(before: Snapshot, { changed }: SnapshotDelta): Promise<void> {
    for (const spec of Object.values(changed.entryPoints ?? {})) {
      const known = before.entryPoints[spec.name];
      if (known === undefined || !isSameAddress(known.address, spec.address)) await this.openEntryPoint(spec);
    }
  }

  addressOf(entryPoint: string): ListenAddress | null {
    return this.supervisor.addressOf(entryPoint);
  }

  openEntryPoint(spec: EntryPointSpec): Promise<void> {
    return this.supervisor.openEntryPoint(spec);
  }

  /** As of Supervisor; the first call counts, and begins to drain at once. */
  stop(deadlineMs: number, patienceMs = 0, isShared = false): Promise<void> {
    this.#stopping ??= this.supervisor.stop(deadlineMs, patienceMs, isShared).finally(() => this.#following?.end());
    return this.#stopping;
  }

  /** Metrics of what is no more are forgotten. */
  #nameLive(snapshot: Snapshot): void {
    this.metrics.setLive({
      entryPoints: new Set(Object.keys(snapshot.entryPoints)),
      routers: new Set(namesOf(snapshot, 'routers')),
      services: new Set(namesOf(snapshot, 'services')),
    });
  }
}

/** Single endpoints have no names that are counted, and change more often than all the rest. */
function hasOtherNames({ changed, removed }: SnapshotDelta): boolean {
  return Object.keys(changed).length > 0 || Object.keys(removed).length > 0;
}
