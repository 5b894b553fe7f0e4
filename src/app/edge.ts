// The data plane of one process: workers, their sockets, what they write of requests. It runs what a control plane sends
// it, wherever that is, and goes on with the last of it.

import { SystemClock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { AlpnCertificate, HttpChallenges } from '../model/certificate.ts';
import type { EntryPointSpec, ListenAddress } from '../model/entrypoint.ts';
import type { Publisher, PublishResult } from '../model/message/publisher.ts';
import type { Staple } from '../model/message/staple.ts';
import type { Snapshot, SnapshotDelta } from '../model/snapshot.ts';
import { namesOf } from '../model/snapshot-sections.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { AccessLogWriter, FileSink, StandardOutputSink } from '../observe/access-log-writer.ts';
import type { EventBus } from '../observe/event-bus.ts';
import { MetricsAggregator } from '../observe/metrics-aggregator.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { killChildrenOf } from './process/stuck-thread.ts';
import type { SocketSource } from './takeover/socket-source.ts';

const WORKER_URL = new URL('../dataplane/engine/worker.js', import.meta.url);

/** The data plane as a control plane sees it, in its own process or elsewhere. */
export interface DataPlane extends Publisher {
  /** Settles when every worker answers certificate authorities with these tokens and no others. */
  setHttpChallenges(challenges: HttpChallenges): Promise<void>;
  /** Settles when every worker shows certificate authorities these certificates and no others. */
  setAlpnCertificates(certificates: readonly AlpnCertificate[]): Promise<void>;
  setStaples(changed: readonly Staple[]): void;
  /** What an entry point is bound to. */
  addressOf(entryPoint: string): ListenAddress | null;
  /** Binds what an entry point needs that is new or moves. Rejects with a SignalboxError. */
  openEntryPoint(spec: EntryPointSpec): Promise<void>;
}

export interface EdgeOptions {
  readonly install: InstallConfig;
  readonly workers: number;
  readonly log: Log;
  readonly events: EventBus;
  readonly sockets: SocketSource;
  /** Of the sockets of internal services. */
  readonly socketDirectory: string;
  /** See SharedState.secret. */
  readonly secret: Uint8Array;
  /** Of TLS session tickets, from the process before; null for fresh ones. */
  readonly ticketKeys: Uint8Array | null;
  /** The program's own when left out. */
  readonly workerUrl?: URL;
  readonly workerExecArgv?: readonly string[];
}

export class Edge implements DataPlane {
  readonly metrics: MetricsAggregator;
  readonly supervisor: Supervisor;
  readonly #accessLog: AccessLogWriter | null;
  #stopping: Promise<void> | null = null;

  constructor(options: EdgeOptions) {
    const { install, log, events } = options;
    const { accessLog } = install;
    this.metrics = new MetricsAggregator(install.metrics.buckets);
    this.#accessLog =
      accessLog === null
        ? null
        : new AccessLogWriter(
            accessLog.filePath === ''
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
      secret: options.secret,
      ...(options.ticketKeys === null ? {} : { ticketKeys: options.ticketKeys }),
      openSocket: (spec) => options.sockets.open(spec.name, spec.address, spec.reusePort),
      ticketKeyLifeMs: install.ticketKeyLifeMs,
      maxBytesInProgress: install.maxBytesInProgress,
      healthChanged: (change) => events.emit('health', change),
      replaced: (worker, reason) => events.emit('worker', { worker, reason, restarts: this.supervisor.restarts }),
      freeThread: (thread) => killChildrenOf([thread]) > 0,
    });
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

  /** Settles when all workers listen. */
  async start(snapshot: Snapshot): Promise<void> {
    try {
      await this.supervisor.start(snapshot);
    } catch (error) {
      // It has tidied up after itself.
      this.#stopping ??= Promise.resolve();
      throw error;
    }
    this.#followNames(snapshot);
  }

  async publish(snapshot: Snapshot, delta: SnapshotDelta): Promise<PublishResult> {
    const result = await this.supervisor.publish(snapshot, delta);
    this.#followNames(snapshot);
    return result;
  }

  setHttpChallenges(challenges: HttpChallenges): Promise<void> {
    return this.supervisor.setHttpChallenges(challenges);
  }

  setAlpnCertificates(certificates: readonly AlpnCertificate[]): Promise<void> {
    return this.supervisor.setAlpnCertificates(certificates);
  }

  setStaples(changed: readonly Staple[]): void {
    this.supervisor.setStaples(changed);
  }

  addressOf(entryPoint: string): ListenAddress | null {
    return this.supervisor.addressOf(entryPoint);
  }

  openEntryPoint(spec: EntryPointSpec): Promise<void> {
    return this.supervisor.openEntryPoint(spec);
  }

  /** As of Supervisor; the first call counts, and begins to drain at once. */
  stop(deadlineMs: number, patienceMs = 0, isShared = false): Promise<void> {
    this.#stopping ??= this.supervisor.stop(deadlineMs, patienceMs, isShared);
    return this.#stopping;
  }

  /** Metrics of what is no more are forgotten. */
  #followNames(snapshot: Snapshot): void {
    this.metrics.setLive({
      entryPoints: new Set(Object.keys(snapshot.entryPoints)),
      routers: new Set(namesOf(snapshot, 'routers')),
      services: new Set(namesOf(snapshot, 'services')),
    });
  }
}
