// Composition root of `signalbox run`: control plane, edge and admin in one process. It creates them, and says in which
// order they begin; they end in reverse.

import { rmSync } from 'node:fs';
import { SystemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { ApplicationLog } from '../core/log.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { ListenAddress } from '../model/entry-point.ts';
import { createCells } from '../model/message/cells.ts';
import type { Inheritance } from '../model/message/takeover.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';
import type { RoutingConfig } from '../controlplane/config/routing/routing-config.ts';
import { processSecret } from '../controlplane/store/process-secret.ts';
import { DRAIN_PATIENCE_MS } from '../dataplane/engine/entry-points.ts';
import { EventBus } from '../observe/event-bus.ts';
import { Admin } from './admin.ts';
import { ControlPlane, loadCertificateParts, type CertificateParts } from './control-plane.ts';
import { Edge } from './edge.ts';
import type { InstallSource } from './install-watch.ts';
import { Life, type Part } from './life.ts';
import { yieldToWorkers } from './process/priority.ts';
import { ServiceManager } from './process/service-manager.ts';
import { clearLeftDirectories, makeSocketDirectory } from './process/socket-directory.ts';
import { standardError } from './process/standard-error.ts';
import { ShownDiagnostics } from './shown-diagnostics.ts';
import { closeState, openState, type State } from './state.ts';
import { Handover } from './takeover/handover.ts';
import type { Predecessor } from './takeover/predecessor.ts';
import type { InheritedSockets } from './takeover/socket-activation.ts';
import { SocketSource } from './takeover/socket-source.ts';
import { firstTicketKeys } from './ticket-keys.ts';

export interface StandaloneOptions {
  readonly install: InstallConfig;
  readonly workers: number;
  /** Where DNS providers of certificates resolvers find their credentials; empty when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Followed and read again; null for a router whose configuration is inline. */
  readonly source?: InstallSource;
  /** Sockets that were bound before this process began. */
  readonly inherited?: InheritedSockets;
  /** The process to succeed. */
  readonly predecessor?: Predecessor;
  /** A successor serves: this router has stopped accepting and is finishing. Without it there are no takeovers. */
  readonly onHandedOver?: (pid: number) => void;
  /** For tests that want a worker which misbehaves. */
  readonly workerUrl?: URL;
  readonly workerExecArgv?: readonly string[];
  /** Of the install configuration at start: shown already, and logged where the log is not what people look at. */
  readonly startDiagnostics?: readonly Diagnostic[];
  /** Called with diagnostics that are new since the last call; those of a running router are in the log as well. */
  onDiagnostics(diagnostics: readonly Diagnostic[], isRunning: boolean): void;
}

export interface BoundEntryPoint {
  readonly name: string;
  readonly address: ListenAddress;
}

/** For a client that has sent its request, or is about to, when it cannot know yet that this process stops. */
const STOP_PATIENCE_MS = 1_000;

/** What a reader of the log that takes nothing can hold up the end of the process. */
const FLUSH_MS = 1_000;

/** Longer than workers and their entry points take to start on a machine that is busy. */
const START_MS = 60_000;
/** For a part to stop that has nothing to finish for clients. */
const STOP_MS = 10_000;

/** What was there before the parts are made. */
interface Given {
  readonly log: ApplicationLog;
  readonly parts: CertificateParts;
  readonly state: State | null;
  readonly secret: Uint8Array;
  /** Null without a predecessor. */
  readonly inheritance: Inheritance | null;
}

export class Standalone {
  readonly log: ApplicationLog;
  readonly #clock = new SystemClock();
  readonly #options: StandaloneOptions;
  readonly #state: State | null;
  readonly #controlPlane: ControlPlane;
  readonly #edge: Edge;
  readonly #admin: Admin;
  readonly #life: Life;
  readonly #sockets: SocketSource;
  readonly #diagnostics: ShownDiagnostics;
  /** Sockets of the internal services; readable by this user alone. */
  readonly #socketDirectory = makeSocketDirectory();
  readonly #manager: ServiceManager;
  /** Null in a program of somebody else's. */
  readonly #handover: Handover | null;
  readonly #bound: BoundEntryPoint[] = [];
  #ending: Promise<void> | null = null;

  /** Opens what lasts and puts the parts together. Rejects when a log file or the state directory cannot be used. */
  static async create(options: StandaloneOptions): Promise<Standalone> {
    const { install } = options;
    const log = new ApplicationLog(install.log, standardError());
    const parts = await loadCertificateParts(install);
    // From here on it writes no state any more, and the lock of the directory is free.
    const inheritance = (await options.predecessor?.claim()) ?? null;
    const state = await openState(install.state, log);
    const inherited = inheritance === null ? null : Buffer.from(inheritance.secret, 'base64');
    const secret = state?.secret ?? inherited ?? (await processSecret(null));
    return new Standalone(options, { log, parts, state, secret, inheritance });
  }

  private constructor(options: StandaloneOptions, { log, parts, state, secret, inheritance }: Given) {
    const { install, onHandedOver } = options;
    const isSuccessor = options.predecessor !== undefined;
    const startedAt = this.#clock.wall();
    const events = new EventBus(() => this.#clock.wall());
    const cells = createCells(firstTicketKeys(inheritance?.ticketKeys ?? null), secret);
    this.log = log;
    this.#options = options;
    this.#state = state;
    this.#sockets = new SocketSource(options.inherited ?? null, isSuccessor, log);
    this.#diagnostics = new ShownDiagnostics({
      install,
      log,
      events,
      show: (found, isRunning) => options.onDiagnostics(found, isRunning),
    });
    this.#diagnostics.atStart(options.startDiagnostics ?? []);
    this.#edge = new Edge({
      install,
      workers: options.workers,
      log,
      events,
      sockets: this.#sockets,
      socketDirectory: this.#socketDirectory,
      cells,
      ...(options.workerUrl === undefined ? {} : { workerUrl: options.workerUrl }),
      ...(options.workerExecArgv === undefined ? {} : { workerExecArgv: options.workerExecArgv }),
    });
    this.#controlPlane = new ControlPlane({
      install,
      environment: options.environment ?? {},
      source: options.source ?? null,
      parts,
      log,
      clock: this.#clock,
      events,
      diagnostics: this.#diagnostics,
      state,
      inheritance,
      isSuccessor,
      cells,
      binder: this.#edge,
      isHandingOver: () => this.#handover?.isUnderWay === true,
    });
    // A program that embeds the router tells its service manager itself.
    this.#manager = new ServiceManager(onHandedOver === undefined ? {} : process.env, log);
    this.#handover =
      onHandedOver === undefined
        ? null
        : new Handover({
            log,
            pipeline: this.#controlPlane.pipeline,
            supervisor: this.#edge.supervisor,
            cells,
            acme: this.#controlPlane.acme,
            watch: this.#controlPlane.watch,
            manager: this.#manager,
            state,
            internalSocket: () => this.#admin.boundSocket,
            pushed: () => this.#controlPlane.pushed,
            handedOver: (pid) => onHandedOver(pid),
          });
    this.#admin = new Admin({
      install,
      log,
      events,
      controlPlane: this.#controlPlane,
      edge: this.#edge,
      sockets: this.#sockets,
      socketDirectory: this.#socketDirectory,
      takeover: this.#handover,
      isSuccessor,
      startedAt,
    });
    this.#life = this.#ordered();
  }

  /** The parts in the order in which they start; what each needs stands above it. */
  #ordered(): Life {
    const controlPlane = this.#controlPlane;
    const edge = this.#edge;
    const admin = this.#admin;
    const parts: readonly Part[] = [
      { name: 'socket directory', stop: () => rmSync(this.#socketDirectory, { recursive: true, force: true }) },
      { name: 'state', stop: () => closeState(this.#state) },
      // A log file that cannot be written ends the start before anything is served.
      { name: 'access log', start: () => edge.openAccessLog(), stop: () => edge.closeAccessLog() },
      {
        name: 'control plane',
        start: () => controlPlane.start(),
        stop: () => controlPlane.stop(),
        stopMs: () => STOP_MS,
      },
      // Its address is taken before clients are served, and answers while they are let go.
      { name: 'internal services', start: () => admin.bind(), stop: () => admin.stop() },
      {
        name: 'edge',
        start: () => this.#startEdge(),
        startMs: START_MS,
        stop: () => edge.stop(0),
        stopMs: () => controlPlane.pipeline.install.graceMs + STOP_MS,
      },
      // It ends first of all: nothing changes for workers that are about to end.
      { name: 'changes', start: () => controlPlane.follow(), stop: () => controlPlane.stop(), stopMs: () => STOP_MS },
      { name: 'API', start: () => this.#startApi() },
      { name: 'service manager', start: () => this.#tellServing() },
    ];
    return new Life({ log: this.log, clock: this.#clock, parts });
  }

  async #startEdge(): Promise<void> {
    await this.#edge.start();
    yieldToWorkers();
    for (const name of Object.keys(this.#controlPlane.pipeline.current.entryPoints)) {
      this.#bound.push({ name, address: this.#edge.addressOf(name)! });
    }
  }

  async #startApi(): Promise<void> {
    const address = await this.#admin.start();
    if (address !== null) this.#bound.push({ name: INTERNAL_ENTRY_POINT, address });
  }

  async #tellServing(): Promise<void> {
    this.#sockets.finish();
    await this.#options.predecessor?.ready();
    await this.#manager.ready();
    void clearLeftDirectories(this.#clock.wall());
    this.#diagnostics.isRunning = true;
  }

  /** Starts everything; settles when requests are served. Rejects as well when it is stopped meanwhile. */
  async start(): Promise<readonly BoundEntryPoint[]> {
    await this.#life.start();
    return this.#bound;
  }

  get counts(): ControlPlane['counts'] {
    return this.#controlPlane.counts;
  }

  schemeOf(entryPoint: string): 'http' | 'tcp' | 'udp' {
    return this.#controlPlane.schemeOf(entryPoint);
  }

  /** Of the newest routing configuration. */
  get diagnostics(): readonly Diagnostic[] {
    return this.#controlPlane.pipeline.result.diagnostics;
  }

  /** Puts a provider's configuration into force; settles when it is. */
  replace(config: RoutingConfig): Promise<void> {
    return this.#controlPlane.replace(config);
  }

  /** SIGHUP. */
  async reload(): Promise<void> {
    if (this.#handover?.isUnderWay === true) {
      this.log.warn('a takeover is under way; the successor reads the configuration anyway');
      return;
    }
    this.log.info('reading the configuration again');
    await this.#manager.reloading();
    await this.#controlPlane.reload();
    await this.#manager.ready();
    this.log.info('the configuration was read again');
  }

  /** SIGUSR1. */
  reopenLogs(): void {
    try {
      this.log.reopen();
    } catch (error) {
      this.log.error('the log file cannot be reopened', {
        error: messageOf(error),
      });
    }
    this.#edge.reopenAccessLog();
  }

  /** SIGUSR2: memory of the workers, into the log. */
  requestMemory(): void {
    this.#edge.supervisor.requestMemory();
  }

  /** Goes on accepting for the grace time, then drains and stops everything. */
  stop(): Promise<void> {
    this.#ending ??= this.#stop();
    return this.#ending;
  }

  async #stop(): Promise<void> {
    const { requestAcceptGraceMs, graceMs } = this.#controlPlane.pipeline.install;
    const { isServing } = this.#controlPlane;
    this.#edge.supervisor.leave(STOP_PATIENCE_MS);
    await this.#handover?.abort();
    this.#admin.terminating();
    this.log.info('shutting down', { requestAcceptGraceMs, graceMs });
    await this.#manager.stopping();
    if (isServing && requestAcceptGraceMs > 0)
      await new Promise((resolve) => setTimeout(resolve, requestAcceptGraceMs));
    await this.#end(graceMs, STOP_PATIENCE_MS, this.#sockets.hasPassed);
  }

  /** From the signal to the end, at most. */
  get stopMs(): number {
    const { requestAcceptGraceMs, graceMs } = this.#controlPlane.pipeline.install;
    return (this.#controlPlane.isServing ? requestAcceptGraceMs : 0) + graceMs;
  }

  /** Threads of the router are still there: after a stop, those that wait inside a call of the system. */
  get hasThreads(): boolean {
    return this.#edge.hasThreads;
  }

  /** Ends all threads that can be ended, whatever they do. */
  kill(): void {
    this.#edge.supervisor.kill();
  }

  /** A successor serves: stops accepting, and ends when what is in flight has finished or the grace time is over. */
  leave(): Promise<void> {
    this.#ending ??= this.#leave();
    return this.#ending;
  }

  async #leave(): Promise<void> {
    this.#admin.leave();
    await this.#end(this.#controlPlane.pipeline.install.graceMs, DRAIN_PATIENCE_MS, true);
  }

  async #end(graceMs: number, patienceMs: number, isShared: boolean): Promise<void> {
    // Begins to drain at once; whether it has ended is asked when its turn comes.
    this.#edge.stop(graceMs, patienceMs, isShared).catch(() => {});
    // A start that is under way ends at its next step.
    this.#controlPlane.waitNoLonger();
    await this.#life.stop();
    this.log.info('stopped');
    await this.log.flush(FLUSH_MS);
  }
}
