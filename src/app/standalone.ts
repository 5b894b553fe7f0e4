// Composition root of `signalbox run`: both planes in one process. It creates everything that lives long, starts it in
// order and stops it in reverse; it is the only place that does.

import { rmSync } from 'node:fs';
import { SystemClock } from '../core/clock.ts';
import { ApplicationLog } from '../core/log.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { ListenAddress } from '../model/entrypoint.ts';
import { internalSocket } from '../model/service.ts';
import { namesOf, type Counted } from '../model/snapshot-sections.ts';
import { AdminServer } from '../api/admin-server.ts';
import { configurationView } from '../api/configuration-view.ts';
import { dashboardPage } from '../api/dashboard-page.ts';
import { operationsOf } from '../api/operations.ts';
import { decodePushed, pushOperation } from '../api/operations/push.ts';
import { enabledInternalServices, internalServices } from '../controlplane/compile/internal-services.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { INTERNAL_ENTRY_POINT, INTERNAL_PROVIDER } from '../controlplane/config/install/internal-routing.ts';
import { FileStore } from '../controlplane/store/file-store.ts';
import type { AcmeManager } from '../controlplane/acme/acme-manager.ts';
import { AcmeProvider } from '../controlplane/acme/acme-provider.ts';
import { ACME_PROVIDER } from '../controlplane/config/install/certificates-resolver-options.ts';
import type { CreateManagerOptions } from '../controlplane/acme/create-manager.ts';
import type { CreateStaplerOptions } from '../controlplane/ocsp/create-stapler.ts';
import type { Stapler } from '../controlplane/ocsp/stapler.ts';
import type { CompileResult } from '../controlplane/compile/compile.ts';
import { parseCertificate } from '../controlplane/config/certificate.ts';
import type { StateStore } from '../controlplane/store/define.ts';
import { processSecret } from '../controlplane/store/process-secret.ts';
import { StoredForms } from '../controlplane/store/stored-forms.ts';
import { StoredHistory } from '../controlplane/store/stored-history.ts';
import type { SavedHistory } from '../model/history.ts';
import type { StoredForm } from '../model/stored-form.ts';
import type { RoutingConfig } from '../controlplane/config/routing/routing-config.ts';
import { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import { SnapshotHistory } from '../controlplane/pipeline/snapshot-history.ts';
import { AccessLogWriter, FileSink, StandardOutputSink } from '../observe/access-log-writer.ts';
import { EventBus } from '../observe/event-bus.ts';
import { MetricsAggregator, type Sample } from '../observe/metrics-aggregator.ts';
import { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from '../observe/prometheus.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { DRAIN_PATIENCE_MS } from '../dataplane/engine/entry-points.ts';
import { bindSocket, type BoundSocket } from '../dataplane/net/listening-socket.ts';
import type { Inheritance } from '../model/message/takeover.ts';
import type { Predecessor } from './takeover/predecessor.ts';
import { yieldToWorkers } from './process/priority.ts';
import { ServiceManager } from './process/service-manager.ts';
import type { InheritedSockets } from './takeover/socket-activation.ts';
import { logDiagnostics } from './diagnostic-log.ts';
import { Handover } from './takeover/handover.ts';
import { changeEntryPoints, entryPointDifferences } from './entry-point-changes.ts';
import { withLiveOptions } from './install-changes.ts';
import { InstallWatch, type InstallSource } from './install-watch.ts';
import { processSamples } from './process-samples.ts';
import { clearLeftDirectories, makeSocketDirectory } from './process/socket-directory.ts';
import { standardError } from './process/standard-error.ts';
import { killChildrenOf } from './process/stuck-thread.ts';
import { VERSION } from './version.ts';

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

/** Kept to go back to when nothing else is configured. */
const DEFAULT_SNAPSHOTS = 20;

const PROBE_URL = new URL('../api/probe-listener.js', import.meta.url);
const WORKER_URL = new URL('../dataplane/engine/worker.js', import.meta.url);

/** What survives the process. */
interface State {
  readonly store: StateStore;
  readonly history: StoredHistory;
  readonly saved: SavedHistory;
  readonly forms: StoredForms;
  readonly savedForms: readonly StoredForm[];
}

/** Null without certificates resolvers: what they need is not loaded then. */
type CreateAcme = ((options: CreateManagerOptions) => AcmeManager) | null;

/** Null when nothing is stapled. */
type CreateOcsp = ((options: CreateStaplerOptions) => Stapler) | null;

async function loadOcsp(install: InstallConfig): Promise<CreateOcsp> {
  return install.ocsp === null ? null : (await import('../controlplane/ocsp/create-stapler.ts')).createStapler;
}

async function loadAcme(install: InstallConfig): Promise<CreateAcme> {
  if (install.certificatesResolvers.length === 0) return null;
  return (await import('../controlplane/acme/create-manager.ts')).createAcmeManager;
}

interface Kept {
  readonly secret: Uint8Array;
  /** Null without a predecessor. */
  readonly inheritance: Inheritance | null;
}

interface Create {
  readonly acme: CreateAcme;
  readonly ocsp: CreateOcsp;
}

export class Standalone {
  readonly log: ApplicationLog;
  readonly #options: StandaloneOptions;
  readonly #state: State | null;
  readonly #clock = new SystemClock();
  readonly #pipeline: Pipeline;
  readonly #metrics: MetricsAggregator;
  readonly #accessLog: AccessLogWriter | null;
  readonly #supervisor: Supervisor;
  readonly #admin: AdminServer;
  readonly #events: EventBus;
  readonly #watch: InstallWatch | null;
  readonly #acme: AcmeManager | null;
  readonly #ocsp: Stapler | null;
  /** Requests are served: an authority that comes by is answered. */
  #isServing = false;
  /** Sockets of the internal services; readable by this user alone. */
  readonly #socketDirectory: string;
  /** Whoever has passed them may have them still. */
  #hasPassedSockets = false;
  /** The start is over. */
  #isRunning = false;
  #shown = new Set<string>();
  readonly #startedAt: number;
  readonly #manager: ServiceManager;
  /** Null in a program of somebody else's. */
  readonly #handover: Handover | null;
  /** What the provider `rest` was last given. */
  #pushed: string | null;
  #starting: Promise<readonly BoundEntryPoint[]> | null = null;
  #ending: Promise<void> | null = null;

  /** Opens what lasts and puts the parts together. Rejects when a log file or the state directory cannot be used. */
  static async create(options: StandaloneOptions): Promise<Standalone> {
    const { install } = options;
    const log = new ApplicationLog(install.log, standardError());
    const create: Create = { acme: await loadAcme(install), ocsp: await loadOcsp(install) };
    // From here on it writes no state any more, and the lock of the directory is free.
    const inheritance = (await options.predecessor?.claim()) ?? null;
    if (install.state === null) {
      const secret = inheritance === null ? await processSecret(null) : Buffer.from(inheritance.secret, 'base64');
      return new Standalone(options, log, null, { secret, inheritance }, create);
    }
    const store = new FileStore({
      directory: install.state.directory,
      now: () => Date.now(),
      onCorrupt: (path, reason) => log.error('a state file cannot be read and was set aside', { path, reason }),
      lock: {
        waiting: (holder) =>
          log.warn('the state directory is locked from where processes cannot be seen; waiting for a sign of life', {
            directory: install.state?.directory,
            ...holder,
          }),
      },
    });
    await store.start();
    const failed = (error: unknown): void => log.error('state cannot be written', { error: String(error) });
    const history = new StoredHistory(store, failed);
    const forms = new StoredForms(store, failed);
    const state = { store, history, saved: await history.load(), forms, savedForms: await forms.load() };
    return new Standalone(options, log, state, { secret: await processSecret(store), inheritance }, create);
  }

  private constructor(
    options: StandaloneOptions,
    log: ApplicationLog,
    state: State | null,
    { secret, inheritance }: Kept,
    create: Create,
  ) {
    const { install } = options;
    this.#options = options;
    this.#state = state;
    this.log = log;
    const { format, filePath } = install.log;
    if (format === 'json' || filePath !== '') logDiagnostics(options.startDiagnostics ?? [], log);
    this.#startedAt = this.#clock.wall();
    this.#events = new EventBus(() => this.#clock.wall());
    this.#socketDirectory = makeSocketDirectory();
    this.#acme =
      create.acme?.({
        resolvers: install.certificatesResolvers,
        environment: options.environment ?? {},
        clock: this.#clock,
        log,
        version: VERSION,
        publishHttpChallenges: (challenges) => this.#supervisor.setHttpChallenges(challenges),
        publishAlpnCertificates: (certificates) => this.#supervisor.setAlpnCertificates(certificates),
        event: (event) => this.#events.emit('certificate', event),
      }) ?? null;
    this.#ocsp =
      create.ocsp?.({
        responderOverrides: install.ocsp?.responderOverrides ?? {},
        clock: this.#clock,
        log,
        publish: (staples) => this.#supervisor.setStaples(staples),
      }) ?? null;
    this.#pipeline = new Pipeline({
      install,
      log: this.log,
      clock: this.#clock,
      events: this.#events,
      history: new SnapshotHistory(
        install.state?.maxSnapshots ?? DEFAULT_SNAPSHOTS,
        state?.saved ?? inheritance?.history,
        state?.history,
      ),
      // Better no successor than one that lacks the routes of a provider: the running process goes on.
      ...(options.predecessor === undefined ? {} : { patienceMs: null }),
      earlier: inheritance?.rest == null ? [] : [decodePushed(inheritance.rest, install)],
      internalServices: internalServices(install.admin),
      lastGoodForms:
        state === null
          ? { saved: inheritance?.lastGood ?? [] }
          : { saved: state.savedForms, save: (forms) => state.forms.save(forms) },
      onDiagnostics: (diagnostics) => this.#showNew(diagnostics),
      moreProviders: this.#acme === null ? [] : [new AcmeProvider(this.#acme)],
      onCompiled: (result) => {
        this.#orderCertificates(result);
        this.#stapleCertificates(result);
      },
    });
    const { source } = options;
    this.#watch =
      source === undefined
        ? null
        : new InstallWatch({
            ...source,
            install,
            log,
            changed: (next, diagnostics) => this.#replaceInstall(next, diagnostics),
            refused: (diagnostics) => this.#refuse(diagnostics),
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
      socketDirectory: this.#socketDirectory,
      plugins: install.plugins.modules,
      observe: { metrics: install.metrics, accessLog: accessLog?.init ?? null },
      clock: this.#clock,
      log: this.log,
      metrics: this.#metrics,
      accessLog: this.#accessLog,
      secret,
      ...(inheritance === null ? {} : { ticketKeys: Buffer.from(inheritance.ticketKeys, 'base64') }),
      openSocket: (spec) => this.#openSocket(spec.name, spec.address, spec.reusePort),
      ticketKeyLifeMs: install.ticketKeyLifeMs,
      maxBytesInProgress: install.maxBytesInProgress,
      healthChanged: (change) => this.#events.emit('health', change),
      replaced: (worker, reason) =>
        this.#events.emit('worker', { worker, reason, restarts: this.#supervisor.restarts }),
      freeThread: (thread) => killChildrenOf([thread]) > 0,
    });
    this.#pushed = inheritance?.rest ?? null;
    const { onHandedOver } = options;
    // A program that embeds the router tells its service manager itself.
    this.#manager = new ServiceManager(onHandedOver === undefined ? {} : process.env, log);
    this.#handover =
      onHandedOver === undefined
        ? null
        : new Handover({
            log,
            pipeline: this.#pipeline,
            supervisor: this.#supervisor,
            acme: this.#acme,
            watch: this.#watch,
            manager: this.#manager,
            state,
            secret,
            admin: () => this.#admin,
            pushed: () => this.#pushed,
            handedOver: (pid) => onHandedOver(pid),
          });
    this.#admin = new AdminServer(
      {
        notServed: (error) =>
          log.warn('what belongs to the internal entry point is not served there; name an address to have it', {
            option: `entryPoints.${INTERNAL_ENTRY_POINT}.address`,
            error: error.message,
          }),
        openAddress: (address) => this.#openSocket(INTERNAL_ENTRY_POINT, address, false),
        isHandingOver: () => this.#handover?.isUnderWay === true,
        config: install.admin,
        version: VERSION,
        log,
        probe: { listener: PROBE_URL, mainSocket: `${this.#socketDirectory}/address` },
        ownSocket: `${this.#socketDirectory}/owner`,
        operations: operationsOf({
          install: () => this.#pipeline.install,
          pipeline: this.#pipeline,
          events: this.#events,
          version: VERSION,
          startedAt: new Date(this.#startedAt),
          workers: () => this.#supervisor.workers(),
          healthOf: (service) => this.#supervisor.healthOf(service),
          certificates: () => this.#acme?.status() ?? [],
          staples: () => this.#ocsp?.status() ?? [],
          pushed: (text) => {
            this.#pushed = text;
          },
          takeover: this.#handover,
          internalPort: () => this.#admin.boundSocket?.address.port ?? null,
          ports: () => this.#ports(),
        }),
        rest:
          install.admin.rest === null
            ? null
            : pushOperation(this.#pipeline, (text) => {
                this.#pushed = text;
              }),
        metrics: () => this.#renderMetrics(),
        dashboard: () =>
          dashboardPage(
            configurationView(this.#pipeline, (service) => this.#supervisor.healthOf(service)),
            this.#pipeline,
            VERSION,
          ),
      },
      options.predecessor !== undefined,
    );
  }

  /** Puts another install configuration into force as far as a running process can; settles when it is. */
  async #replaceInstall(next: InstallConfig, diagnostics: readonly Diagnostic[]): Promise<void> {
    this.log.setLevel(next.log.level);
    const before = this.#pipeline.current.entryPoints;
    // The successor reads it; if it fails, it is read here once more.
    if (this.#handover?.isUnderWay === true) return;
    await changeEntryPoints(
      {
        inForce: () => this.#pipeline.current.entryPoints,
        boundTo: (name) => this.#supervisor.addressOf(name),
        open: (spec) => this.#supervisor.openEntryPoint(spec),
        publish: (install, found) => this.#pipeline.replaceInstall(install, found),
      },
      withLiveOptions(this.#pipeline.install, next),
      diagnostics,
    );
    this.log.info('install configuration in force', {
      ...entryPointDifferences(before, this.#pipeline.current.entryPoints),
    });
  }

  /** Starts everything; settles when requests are served. Rejects as well when it is stopped meanwhile. */
  async start(): Promise<readonly BoundEntryPoint[]> {
    this.#starting = this.#startAll();
    try {
      return await this.#starting;
    } catch (error) {
      // What stops it tidies up.
      if (this.#ending !== null) throw error;
      await this.#admin.stop();
      await this.#closeState();
      rmSync(this.#socketDirectory, { recursive: true, force: true });
      throw error;
    }
  }

  async #startAll(): Promise<readonly BoundEntryPoint[]> {
    const { install } = this.#options;
    await this.#accessLog?.start();
    this.#goOn();
    const snapshot = await this.#pipeline.start();
    for (const service of enabledInternalServices(install.admin)) {
      this.#goOn();
      await this.#admin.startService(service, internalSocket(this.#socketDirectory, service));
    }
    this.#goOn();
    await this.#admin.bind();
    this.#goOn();
    await this.#supervisor.start(snapshot);
    this.#goOn();
    this.#isServing = true;
    this.#orderCertificates(this.#pipeline.result);
    this.#stapleCertificates(this.#pipeline.result);
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
    await this.#watch?.start();
    this.#goOn();
    const internal = await this.#admin.start();
    this.#goOn();
    if (internal !== null) bound.push({ name: INTERNAL_ENTRY_POINT, address: internal });
    this.#options.inherited?.finish(this.log);
    await this.#options.predecessor?.ready();
    await this.#manager.ready();
    void clearLeftDirectories(this.#clock.wall());
    this.#isRunning = true;
    return bound;
  }

  /** Between two steps of the start: throws when it is to end instead. */
  #goOn(): void {
    if (this.#ending !== null) throw new Error('the router was stopped while it started');
  }

  /** Objects in force that people wrote. */
  get counts(): { routers: number; services: number; middlewares: number } {
    const written = (counted: Counted): number =>
      namesOf(this.#pipeline.current, counted).filter((name) => !name.endsWith(`@${INTERNAL_PROVIDER}`)).length;
    return { routers: written('routers'), services: written('services'), middlewares: written('middlewares') };
  }

  /** What clients of an entry point speak, as far as its routers tell. */
  schemeOf(entryPoint: string): 'http' | 'tcp' | 'udp' {
    const { entryPoints, routes, tcpRoutes } = this.#pipeline.current;
    if (entryPoints[entryPoint]?.address.protocol === 'udp') return 'udp';
    const isOn = (route: { readonly entryPoints: readonly string[] }): boolean =>
      route.entryPoints.includes(entryPoint);
    return Object.values(tcpRoutes).some(isOn) && !Object.values(routes).some(isOn) ? 'tcp' : 'http';
  }

  /** Of the newest routing configuration. */
  get diagnostics(): readonly Diagnostic[] {
    return this.#pipeline.result.diagnostics;
  }

  /** Puts a provider's configuration into force; settles when it is. */
  async replace(config: RoutingConfig): Promise<void> {
    await this.#pipeline.replace(config);
  }

  /** SIGHUP. */
  async reload(): Promise<void> {
    if (this.#handover?.isUnderWay === true) {
      this.log.warn('a takeover is under way; the successor reads the configuration anyway');
      return;
    }
    this.log.info('reading the configuration again');
    await this.#manager.reloading();
    await this.#watch?.reload();
    await this.#pipeline.reload();
    await this.#manager.ready();
    this.log.info('the configuration was read again');
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
  stop(): Promise<void> {
    this.#ending ??= this.#stop();
    return this.#ending;
  }

  async #stop(): Promise<void> {
    const { requestAcceptGraceMs, graceMs } = this.#pipeline.install;
    const isServing = this.#isServing;
    this.#supervisor.leave(STOP_PATIENCE_MS);
    await this.#handover?.abort();
    this.#admin.isTerminating = true;
    this.log.info('shutting down', { requestAcceptGraceMs, graceMs });
    await this.#manager.stopping();
    if (isServing && requestAcceptGraceMs > 0)
      await new Promise((resolve) => setTimeout(resolve, requestAcceptGraceMs));
    await this.#end(graceMs, STOP_PATIENCE_MS, this.#hasPassedSockets);
  }

  /** From the signal to the end, at most. */
  get stopMs(): number {
    const { requestAcceptGraceMs, graceMs } = this.#pipeline.install;
    return (this.#isServing ? requestAcceptGraceMs : 0) + graceMs;
  }

  /** Threads of the router are still there: after a stop, those that wait inside a call of the system. */
  get hasThreads(): boolean {
    return !this.#supervisor.hasEnded;
  }

  /** Ends all threads that can be ended, whatever they do. */
  kill(): void {
    this.#supervisor.kill();
  }

  /** A successor serves: stops accepting, and ends when what is in flight has finished or the grace time is over. */
  leave(): Promise<void> {
    this.#ending ??= this.#leave();
    return this.#ending;
  }

  async #leave(): Promise<void> {
    this.#admin.leave();
    await this.#end(this.#pipeline.install.graceMs, DRAIN_PATIENCE_MS, true);
  }

  async #end(graceMs: number, patienceMs: number, isShared: boolean): Promise<void> {
    // Begins to drain at once.
    const drained = this.#supervisor.stop(graceMs, patienceMs, isShared);
    // A start that is under way ends at its next step.
    this.#pipeline.waitNoLonger();
    await this.#starting?.catch(() => {});
    await this.#watch?.stop();
    this.#ocsp?.stop();
    await this.#pipeline.stop();
    await drained;
    await this.#accessLog?.stop();
    await this.#admin.stop();
    await this.#closeState();
    rmSync(this.#socketDirectory, { recursive: true, force: true });
    this.log.info('stopped');
    await this.log.flush(FLUSH_MS);
  }

  async #openSocket(name: string, address: ListenAddress, reusePort: boolean): Promise<BoundSocket> {
    const { inherited, predecessor } = this.#options;
    let passed = inherited?.take(name, address, predecessor !== undefined) ?? null;
    if (passed === null) {
      try {
        return await bindSocket(name, address, reusePort);
      } catch (error) {
        // Where the process before has listened can be had still.
        passed = inherited?.take(name, address) ?? null;
        if (passed === null) throw error;
        this.log.error('an entry point cannot be had where the configuration says, and stays where it was', {
          entryPoint: name,
          ...passed.address,
          error: error instanceof Error ? error.message : String(error),
        });
      }
    }
    this.#hasPassedSockets = true;
    this.log.info('an entry point has the socket that was passed for it', { entryPoint: name, ...passed.address });
    return passed;
  }

  /** What routers ask for goes to the resolvers, but for what people have given certificates for. */
  #orderCertificates({ wantedCertificates, certificates }: CompileResult): void {
    if (this.#acme === null || !this.#isServing) return;
    const now = this.#clock.wall();
    const elsewhere: (readonly string[])[] = [];
    for (const { provider, object } of certificates.values()) {
      if (provider === ACME_PROVIDER || object.value === null) continue;
      const parsed = parseCertificate(object.value.certFile, object.value.keyFile);
      if (typeof parsed !== 'string' && parsed.notAfter > now) elsewhere.push(parsed.hosts);
    }
    this.#acme.setWanted(wantedCertificates, elsewhere);
  }

  /** Those that clients get; not what is shown to servers. */
  #stapleCertificates({ sections }: CompileResult): void {
    if (!this.#isServing) return;
    const shown = Object.values(sections.certificates).filter(({ hosts, isDefault }) => isDefault || hosts.length > 0);
    this.#ocsp?.setCertificates(shown);
  }

  #showNew(diagnostics: readonly Diagnostic[]): void {
    const key = (one: Diagnostic): string => `${one.source}:${one.line}:${one.column} ${one.path} ${one.message}`;
    const fresh = diagnostics.filter((one) => !this.#shown.has(key(one)));
    this.#shown = new Set(diagnostics.map(key));
    if (fresh.length === 0) return;
    this.#tell(fresh);
    this.#events.emit('diagnostics', { diagnostics: fresh });
  }

  /** At start, people read them on the standard error, unless machines do. */
  #tell(diagnostics: readonly Diagnostic[]): void {
    const { format, filePath } = this.#options.install.log;
    if (this.#isRunning || format === 'json' || filePath !== '') logDiagnostics(diagnostics, this.log);
    this.#options.onDiagnostics(diagnostics, this.#isRunning);
  }

  /** A changed install configuration has errors. */
  #refuse(diagnostics: readonly Diagnostic[]): void {
    this.log.error('the changed install configuration has errors; what is in force stays');
    this.#tell(diagnostics);
    this.#events.emit('diagnostics', { diagnostics });
  }

  async #closeState(): Promise<void> {
    await this.#state?.history.flush();
    await this.#state?.forms.flush();
    await this.#state?.store.stop();
  }

  #ports(): ReadonlyMap<string, number> {
    const names = Object.keys(this.#pipeline.current.entryPoints);
    return new Map(names.map((name) => [name, this.#supervisor.addressOf(name)?.port ?? 0]));
  }

  #updateLiveNames(): void {
    const { current } = this.#pipeline;
    this.#metrics.setLive({
      entryPoints: new Set(Object.keys(current.entryPoints)),
      routers: new Set(namesOf(current, 'routers')),
      services: new Set(namesOf(current, 'services')),
    });
  }

  #renderMetrics(): { contentType: string; body: string } {
    const { metrics } = this.#pipeline.install;
    const samples = [...this.#metrics.collect(), ...this.#processSamples()];
    return { contentType: PROMETHEUS_CONTENT_TYPE, body: renderPrometheus(samples, metrics.prefix, metrics.buckets) };
  }

  #processSamples(): readonly Sample[] {
    return processSamples({
      pipeline: this.#pipeline,
      supervisor: this.#supervisor,
      acme: this.#acme,
      ocsp: this.#ocsp,
      installReloads: { applied: this.#watch?.applied ?? 0, refused: this.#watch?.refused ?? 0 },
      startedAtMs: this.#startedAt,
      nowMs: this.#clock.wall(),
      droppedLines: this.#accessLog?.dropped ?? 0,
      droppedLogLines: this.log.dropped,
      droppedSeries: this.#metrics.droppedSeries,
    });
  }
}
