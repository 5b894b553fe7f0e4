// Composition root of `signalbox run`: both planes in one process. It creates everything that lives long, starts it in
// order and stops it in reverse; it is the only place that does.

import { setPriority } from 'node:os';
import { SystemClock } from '../core/clock.ts';
import type { SignalboxError } from '../core/errors.ts';
import { ApplicationLog } from '../core/log.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { ListenAddress } from '../model/entrypoint.ts';
import { AdminServer } from '../api/admin-server.ts';
import { INTERNAL_ENTRY_POINT, type InstallConfig } from '../controlplane/config/install-config.ts';
import { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import { rawData } from '../controlplane/pipeline/raw-data.ts';
import { AccessLogWriter, FileSink, StandardOutputSink } from '../observe/access-log-writer.ts';
import { MetricsAggregator, type Sample } from '../observe/metrics-aggregator.ts';
import { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from '../observe/prometheus.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { VERSION } from './version.ts';

export interface StandaloneOptions {
  readonly install: InstallConfig;
  readonly workers: number;
  /** For tests that want a worker which misbehaves. */
  readonly workerUrl?: URL;
  readonly workerExecArgv?: readonly string[];
  /** Shows routing diagnostics that are new since the last call. */
  onDiagnostics(diagnostics: readonly Diagnostic[]): void;
  /** The data plane is lost for good. */
  readonly onFatal: (error: SignalboxError) => void;
}

export interface BoundEntryPoint {
  readonly name: string;
  readonly address: ListenAddress;
}

/** Of this thread, after the workers have started. bench/load, changes: halves what a large change adds to the p99. */
const MAIN_THREAD_NICENESS = 15;

/**
 * Lets the scheduler prefer requests to configuration where both want the same core. On Linux the priority of the
 * process id is that of the main thread alone; elsewhere it would be everybody's, and nothing is done.
 */
function yieldToWorkers(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(process.pid, MAIN_THREAD_NICENESS);
  } catch {
    // Not allowed here: everything works, with less even response times during large changes.
  }
}

const WORKER_URL = new URL('../dataplane/engine/worker.js', import.meta.url);

export class Standalone {
  readonly log: ApplicationLog;
  readonly #options: StandaloneOptions;
  readonly #clock = new SystemClock();
  readonly #pipeline: Pipeline;
  readonly #metrics: MetricsAggregator;
  readonly #accessLog: AccessLogWriter | null;
  readonly #supervisor: Supervisor;
  readonly #admin: AdminServer | null;
  #shown = new Set<string>();
  #isStopping = false;

  /** Throws when a log file cannot be opened. */
  constructor(options: StandaloneOptions) {
    const { install } = options;
    this.#options = options;
    this.log = new ApplicationLog(install.log);
    this.#pipeline = new Pipeline({
      install,
      log: this.log,
      clock: this.#clock,
      onDiagnostics: (diagnostics) => this.#showNew(diagnostics),
    });
    this.#metrics = new MetricsAggregator(install.metrics.buckets);
    const { accessLog } = install;
    this.#accessLog =
      accessLog === null
        ? null
        : new AccessLogWriter(
            accessLog.filePath === ''
              ? () => Promise.resolve(new StandardOutputSink())
              : () => FileSink.open(accessLog.filePath),
            this.log,
          );
    this.#supervisor = new Supervisor({
      workers: options.workers,
      workerUrl: options.workerUrl ?? WORKER_URL,
      workerExecArgv: options.workerExecArgv ?? [],
      observe: { metrics: install.metrics, accessLog: accessLog?.init ?? null },
      clock: this.#clock,
      log: this.log,
      metrics: this.#metrics,
      accessLog: this.#accessLog,
      fatal: options.onFatal,
    });
    this.#admin =
      install.internalAddress === null
        ? null
        : new AdminServer(install.internalAddress, {
            ping: install.ping,
            metrics: install.metrics.enabled ? () => this.#renderMetrics() : null,
            api:
              install.api === null
                ? null
                : {
                    basePath: install.api.basePath,
                    rawData: () => rawData(this.#pipeline.result),
                    version: () => ({ Version: VERSION, Codename: 'signalbox' }),
                  },
          });
  }

  /** Starts everything; settles when requests are served. */
  async start(): Promise<readonly BoundEntryPoint[]> {
    await this.#accessLog?.start();
    const snapshot = await this.#pipeline.start();
    await this.#supervisor.start(snapshot);
    yieldToWorkers();
    this.#pipeline.attach({
      publish: async (next, delta) => {
        const result = await this.#supervisor.publish(next, delta);
        this.#updateLiveNames();
        return result;
      },
    });
    this.#updateLiveNames();
    const bound = Object.keys(snapshot.entryPoints).map((name) => ({
      name,
      address: this.#supervisor.addressOf(name)!,
    }));
    if (this.#admin !== null) bound.push({ name: INTERNAL_ENTRY_POINT, address: await this.#admin.start() });
    return bound;
  }

  get counts(): { routers: number; services: number; middlewares: number } {
    const { routes, services, middlewares } = this.#pipeline.current;
    return {
      routers: Object.keys(routes).length,
      services: Object.keys(services).length,
      middlewares: Object.keys(middlewares).length,
    };
  }

  /** SIGHUP. */
  async reload(): Promise<void> {
    this.log.info('reading the configuration again');
    await this.#pipeline.reload();
  }

  /** SIGUSR1. */
  reopenLogs(): void {
    try {
      this.log.reopen();
    } catch (error) {
      this.log.error('the log file cannot be reopened', {
        error: error instanceof Error ? error.message : String(error),
      });
    }
    this.#accessLog?.reopen();
  }

  /** SIGUSR2: memory of the workers, into the log. */
  requestMemory(): void {
    this.#supervisor.requestMemory();
  }

  /** Goes on accepting for the grace time, then drains and stops everything. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    const { requestAcceptGraceMs, graceMs } = this.#options.install;
    if (this.#admin !== null) this.#admin.isTerminating = true;
    this.log.info('shutting down', { requestAcceptGraceMs, graceMs });
    if (requestAcceptGraceMs > 0) await new Promise((resolve) => setTimeout(resolve, requestAcceptGraceMs));
    await this.#pipeline.stop();
    await this.#supervisor.stop(graceMs);
    await this.#accessLog?.stop();
    await this.#admin?.stop();
    this.log.info('stopped');
  }

  #showNew(diagnostics: readonly Diagnostic[]): void {
    const key = (one: Diagnostic): string => `${one.source}:${one.line}:${one.column} ${one.path} ${one.message}`;
    const fresh = diagnostics.filter((one) => !this.#shown.has(key(one)));
    this.#shown = new Set(diagnostics.map(key));
    if (fresh.length > 0) this.#options.onDiagnostics(fresh);
  }

  #updateLiveNames(): void {
    const { routes, services } = this.#pipeline.current;
    this.#metrics.setLive({ routers: new Set(Object.keys(routes)), services: new Set(Object.keys(services)) });
  }

  #renderMetrics(): { contentType: string; body: string } {
    const { metrics } = this.#options.install;
    const samples = [...this.#metrics.collect(), ...this.#processSamples()];
    return { contentType: PROMETHEUS_CONTENT_TYPE, body: renderPrometheus(samples, metrics.prefix, metrics.buckets) };
  }

  #processSamples(): readonly Sample[] {
    const single = (metric: string, value: number, labels: Sample['labels'] = {}): Sample => ({
      metric,
      labels,
      values: [value],
    });
    const open = this.#supervisor.openConnections();
    return [
      single('config_reloads_total', this.#pipeline.reloads),
      single('config_last_reload_success', this.#pipeline.lastSuccessWallMs / 1000),
      single('config_version', this.#supervisor.version),
      ...[...open.byEntryPoint].map(([entrypoint, count]) =>
        single('open_connections', count, { entrypoint, protocol: 'TCP' }),
      ),
      ...open.byWorker.map((count, slot) => single('worker_open_connections', count, { worker: String(slot) })),
      single('worker_restarts_total', this.#supervisor.restarts),
      single('access_log_dropped_total', this.#accessLog?.dropped ?? 0),
      single('metric_series_dropped_total', this.#metrics.droppedSeries),
      single('process_resident_memory_bytes', process.memoryUsage.rss()),
    ];
  }
}
