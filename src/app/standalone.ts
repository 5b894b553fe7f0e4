// Composition root of `signalbox run`: control plane, edge and admin in one process. It creates them, and says in which
// order they begin; they end in reverse.

import { rmSync } from 'node:fs';
import type { ApplicationLog } from '../core/log.ts';
import type { ListenAddress } from '../model/entry-point.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';
import { Admin } from './admin.ts';
import { ControlPlane } from './control-plane.ts';
import { Edge } from './edge.ts';
import { layFoundation, type Foundation, type StandaloneOptions } from './foundation.ts';
import { Life, type Part } from './life.ts';
import { Ending } from './process/ending.ts';
import { yieldToWorkers } from './process/priority.ts';
import { ServiceManager } from './process/service-manager.ts';
import { clearLeftDirectories } from './process/socket-directory.ts';
import { Upkeep } from './process/upkeep.ts';
import { ShownDiagnostics } from './shown-diagnostics.ts';
import { closeState } from './state.ts';
import { Handover } from './takeover/handover.ts';

export interface BoundEntryPoint {
  readonly name: string;
  readonly address: ListenAddress;
}

/** Longer than workers and their entry points take to start on a machine that is busy. */
const START_MS = 60_000;
/** For a part to stop that has nothing to finish for clients. */
const STOP_MS = 10_000;

export class Standalone {
  readonly log: ApplicationLog;
  readonly controlPlane: ControlPlane;
  readonly ending: Ending;
  readonly upkeep: Upkeep;
  readonly #foundation: Foundation;
  readonly #diagnostics: ShownDiagnostics;
  readonly #edge: Edge;
  readonly #admin: Admin;
  readonly #manager: ServiceManager;
  readonly #life: Life;
  readonly #bound: BoundEntryPoint[] = [];

  /** Opens what lasts and puts the parts together. Rejects when a log file or the state directory cannot be used. */
  static async create(options: StandaloneOptions): Promise<Standalone> {
    return new Standalone(await layFoundation(options));
  }

  private constructor(foundation: Foundation) {
    const { options, log, events, cells, state, sockets } = foundation;
    const { install, onHandedOver, workers, workerUrl, workerExecArgv } = options;
    this.#foundation = foundation;
    this.log = log;
    this.#diagnostics = new ShownDiagnostics({
      install,
      log,
      events,
      show: (found, isRunning) => options.onDiagnostics(found, isRunning),
    });
    this.#diagnostics.atStart(options.startDiagnostics ?? []);
    this.#edge = new Edge({
      ...foundation,
      install,
      workers,
      ...(options.accessLogSink === undefined ? {} : { accessLogSink: options.accessLogSink }),
      ...(workerUrl === undefined ? {} : { workerUrl }),
      ...(workerExecArgv === undefined ? {} : { workerExecArgv }),
    });
    let handover: Handover | null = null;
    const isHandingOver = (): boolean => handover?.isUnderWay === true;
    this.controlPlane = new ControlPlane({
      ...foundation,
      install,
      environment: options.environment ?? {},
      localNames: options.localNames ?? [],
      source: options.source ?? null,
      diagnostics: this.#diagnostics,
      binder: this.#edge,
      isHandingOver,
    });
    const parts = { log, controlPlane: this.controlPlane, edge: this.#edge };
    // A program that embeds the router tells its service manager itself.
    this.#manager = new ServiceManager(onHandedOver === undefined ? {} : process.env, log);
    if (onHandedOver !== undefined) {
      const { pipeline, acme, watch } = this.controlPlane;
      handover = new Handover({
        log,
        pipeline,
        supervisor: this.#edge.supervisor,
        cells,
        acme,
        watch,
        manager: this.#manager,
        state,
        internalSocket: () => this.#admin.boundSocket,
        pushed: () => this.controlPlane.pushed,
        handedOver: (pid) => onHandedOver(pid),
      });
    }
    this.#admin = new Admin({ ...foundation, ...parts, install, takeover: handover });
    this.#life = this.#ordered();
    this.upkeep = new Upkeep({ ...parts, manager: this.#manager, isHandingOver });
    this.ending = new Ending({
      ...parts,
      admin: this.#admin,
      life: this.#life,
      sockets,
      manager: this.#manager,
      handover,
    });
  }

  /** The parts in the order in which they start; what each needs stands above it. */
  #ordered(): Life {
    const { log, clock, state, socketDirectory } = this.#foundation;
    const { controlPlane } = this;
    const edge = this.#edge;
    const admin = this.#admin;
    const parts: readonly Part[] = [
      { name: 'socket directory', stop: () => rmSync(socketDirectory, { recursive: true, force: true }) },
      { name: 'state', stop: () => closeState(state) },
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
    return new Life({ log, clock, parts });
  }

  async #startEdge(): Promise<void> {
    await this.#edge.start();
    yieldToWorkers();
    for (const name of Object.keys(this.controlPlane.pipeline.current.entryPoints)) {
      this.#bound.push({ name, address: this.#edge.addressOf(name)! });
    }
  }

  async #startApi(): Promise<void> {
    const address = await this.#admin.start();
    if (address !== null) this.#bound.push({ name: INTERNAL_ENTRY_POINT, address });
  }

  async #tellServing(): Promise<void> {
    const { options, sockets, clock } = this.#foundation;
    sockets.finish();
    await options.predecessor?.ready();
    await this.#manager.ready();
    void clearLeftDirectories(clock.wall());
    this.#diagnostics.isRunning = true;
  }

  /** Starts everything; settles when requests are served. Rejects as well when it is stopped meanwhile. */
  async start(): Promise<readonly BoundEntryPoint[]> {
    await this.#life.start();
    return this.#bound;
  }

  /** Threads of the router are still there: after a stop, those that wait inside a call of the system. */
  get hasThreads(): boolean {
    return this.#edge.hasThreads;
  }

  /** Ends all threads that can be ended, whatever they do. */
  kill(): void {
    this.#edge.supervisor.kill();
  }
}
