// Everything that decides what is served: install configuration, providers, compilation, certificates. It knows no
// worker; what it has goes to a data plane, in this process or elsewhere.

import type { Clock } from '../core/clock.ts';
import type { ApplicationLog, Log } from '../core/log.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Inheritance } from '../model/message/takeover.ts';
import type { EntryPointSpec, ListenAddress } from '../model/entry-point.ts';
import { changedStaples, type Cells, type Challenges } from '../model/message/cells.ts';
import type { Publisher, PublishResult } from '../model/message/publisher.ts';
import type { Snapshot, SnapshotDelta } from '../model/snapshot.ts';
import { changedSecrets, type Secrets } from '../model/secrets.ts';
import { decodePushed } from '../api/operations/push.ts';
import type { AcmeManager } from '../controlplane/acme/acme-manager.ts';
import { AcmeProvider } from '../controlplane/acme/acme-provider.ts';
import type { CreateManagerOptions } from '../controlplane/acme/create-manager.ts';
import type { CompileResult } from '../controlplane/compile/compile.ts';
import { internalServices } from '../controlplane/compile/internal-services.ts';
import { parseCertificate } from '../controlplane/config/certificate.ts';
import { ACME_PROVIDER } from '../controlplane/config/install/certificates-resolver-options.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { summaryOf, type Summary } from './summary.ts';
import type { RoutingConfig } from '../controlplane/config/routing/routing-config.ts';
import { authorityDirectory } from '../controlplane/local-authority/authority-directory.ts';
import { LocalCertificates } from '../controlplane/local-authority/local-certificates.ts';
import type { CreateStaplerOptions } from '../controlplane/ocsp/create-stapler.ts';
import type { Stapler } from '../controlplane/ocsp/stapler.ts';
import { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import { SnapshotHistory } from '../controlplane/pipeline/snapshot-history.ts';
import type { EventBus } from '../observe/event-bus.ts';
import { changeEntryPoints, entryPointDifferences } from './entry-point-changes.ts';
import { withLiveOptions } from './install-changes.ts';
import { InstallWatch, type InstallSource } from './install-watch.ts';
import { PluginWatch } from './plugin-watch.ts';
import type { ShownDiagnostics } from './shown-diagnostics.ts';
import type { State } from './state.ts';
import { TicketKeyRotation } from './ticket-keys.ts';
import { VERSION } from './version.ts';

/** Kept to go back to when nothing else is configured. */
const DEFAULT_SNAPSHOTS = 20;

/** What speaks with certificate authorities: loaded where the configuration asks for it. */
export interface CertificateParts {
  /** Null without certificates resolvers. */
  readonly createAcme: ((options: CreateManagerOptions) => AcmeManager) | null;
  /** Null when nothing is stapled. */
  readonly createStapler: ((options: CreateStaplerOptions) => Stapler) | null;
}

export async function loadCertificateParts({ certificatesResolvers, ocsp }: InstallConfig): Promise<CertificateParts> {
  return {
    createAcme:
      certificatesResolvers.length === 0
        ? null
        : (await import('../controlplane/acme/create-manager.ts')).createAcmeManager,
    createStapler: ocsp === null ? null : (await import('../controlplane/ocsp/create-stapler.ts')).createStapler,
  };
}

/** Who binds what entry points need: a data plane, before it gets the snapshot that names them. */
export interface EntryPointBinder {
  /** What an entry point is bound to. */
  addressOf(entryPoint: string): ListenAddress | null;
  /** Binds what an entry point needs that is new or moves. Rejects with a SignalboxError. */
  openEntryPoint(spec: EntryPointSpec): Promise<void>;
}

/** Whoever is silent for this long is no reason to keep an authority waiting: others may answer in its place. */
const CHALLENGE_TIMEOUT_MS = 5_000;

/** How often certificates of the local authority are looked at. */
const LOCAL_CHECK_MS = 60_000;

/** Whoever is silent for this long gets the snapshot all the same, in its turn: what it was sent comes in order. */
const SECRETS_TIMEOUT_MS = 30_000;

export interface ControlPlaneOptions {
  readonly install: InstallConfig;
  /** Where DNS providers of certificates resolvers find their credentials, and users keep their data. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Hosts that the local authority certifies beside the names of this machine. */
  readonly localNames: readonly string[];
  /** Followed and read again; null for a router whose configuration is inline. */
  readonly source: InstallSource | null;
  readonly parts: CertificateParts;
  readonly log: Log & Pick<ApplicationLog, 'setLevel'>;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly diagnostics: ShownDiagnostics;
  readonly state: State | null;
  /** Null without a predecessor. */
  readonly inheritance: Inheritance | null;
  readonly isSuccessor: boolean;
  /** What data planes get; they follow it wherever they are. */
  readonly cells: Cells;
  readonly binder: EntryPointBinder;
  /** Changes would be lost: a successor has what this process had. */
  isHandingOver(): boolean;
}

export class ControlPlane implements Publisher {
  readonly pipeline: Pipeline;
  readonly acme: AcmeManager | null;
  readonly stapler: Stapler | null;
  /** Null when nothing is to be followed. */
  readonly watch: InstallWatch | null;
  readonly #pluginWatch: PluginWatch;
  /** What the provider `rest` was last given. */
  pushed: string | null;
  readonly #options: ControlPlaneOptions;
  readonly #ticketKeys: TicketKeyRotation;
  readonly #local: LocalCertificates;
  #localTimer: NodeJS.Timeout | null = null;
  /** Requests are served: an authority that comes by is answered. */
  #isServing = false;
  #stopping: Promise<void> | null = null;

  constructor(options: ControlPlaneOptions) {
    const { install, environment, parts, log, clock, events, cells, source } = options;
    this.#options = options;
    this.pushed = options.inheritance?.rest ?? null;
    this.acme =
      parts.createAcme?.({
        resolvers: install.certificatesResolvers,
        environment,
        clock,
        log,
        version: VERSION,
        publishHttpChallenges: (http) => this.#challenge({ http }),
        publishAlpnCertificates: (alpn) => this.#challenge({ alpn }),
        event: (event) => events.emit('certificate', event),
      }) ?? null;
    this.stapler =
      parts.createStapler?.({
        responderOverrides: install.ocsp?.responderOverrides ?? {},
        clock,
        log,
        publish: (changed) => cells.staples.set(changedStaples(cells.staples.value, changed), changed),
      }) ?? null;
    this.#ticketKeys = new TicketKeyRotation(cells.ticketKeys, install.ticketKeyLifeMs);
    this.#local = new LocalCertificates({
      directory: authorityDirectory(environment, install.state?.directory ?? null),
      names: options.localNames,
      clock,
      log,
    });
    this.pipeline = this.#createPipeline();
    this.#pluginWatch = new PluginWatch(install.plugins.modules, log);
    this.watch =
      source === null
        ? null
        : new InstallWatch({
            ...source,
            install,
            log,
            changed: (next, diagnostics) => this.#replaceInstall(next, diagnostics),
            refused: (diagnostics) => options.diagnostics.refused(diagnostics),
          });
  }

  #createPipeline(): Pipeline {
    const { install, log, clock, events, state, cells, inheritance, isSuccessor, diagnostics } = this.#options;
    return new Pipeline({
      install,
      log,
      clock,
      events,
      history: new SnapshotHistory(
        install.state?.maxSnapshots ?? DEFAULT_SNAPSHOTS,
        state?.saved ?? inheritance?.history,
        state?.history,
      ),
      // Better no successor than one that lacks the routes of a provider: the running process goes on.
      ...(isSuccessor ? { patienceMs: null } : {}),
      earlier: this.pushed === null ? [] : [decodePushed(this.pushed, install)],
      secret: cells.sharedSecret.value,
      internalServices: internalServices(install.admin),
      localCertificates: this.#local,
      lastGoodForms:
        state === null
          ? { saved: inheritance?.lastGood ?? [] }
          : { saved: state.savedForms, save: (forms) => state.forms.save(forms) },
      onDiagnostics: (found) => diagnostics.update(found),
      moreProviders: this.acme === null ? [] : [new AcmeProvider(this.acme)],
      onCompiled: (result) => this.#followCertificates(result),
    });
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  /** Settles when there is the first snapshot, of what the providers have. */
  async start(): Promise<void> {
    const snapshot = await this.pipeline.start();
    const { cells } = this.#options;
    // What a snapshot names is there before it.
    cells.secrets.set(this.pipeline.secrets);
    cells.snapshot.set(snapshot, null, snapshot.version);
  }

  async publishSecrets(secrets: Secrets): Promise<PublishResult | null> {
    const { cells } = this.#options;
    const change = changedSecrets(cells.secrets.value, secrets);
    if (change === null) return null;
    cells.secrets.set(secrets, change);
    return { version: cells.secrets.version, ...(await cells.secrets.delivered(SECRETS_TIMEOUT_MS)) };
  }

  async publish(snapshot: Snapshot, delta: SnapshotDelta): Promise<PublishResult> {
    const { cells } = this.#options;
    cells.snapshot.set(snapshot, delta, snapshot.version);
    return { version: snapshot.version, ...(await cells.snapshot.delivered()) };
  }

  /** Settles when whoever an authority may come to has them. */
  async #challenge(changed: Partial<Challenges>): Promise<void> {
    const { challenges } = this.#options.cells;
    challenges.set({ ...challenges.value, ...changed });
    await challenges.delivered(CHALLENGE_TIMEOUT_MS);
  }

  /** The process ends while it starts: `start` waits for no provider any longer. */
  waitNoLonger(): void {
    this.pipeline.waitNoLonger();
  }

  /** The data plane serves the first snapshot: from now on it gets what changes. */
  async follow(): Promise<void> {
    this.#isServing = true;
    this.#followCertificates(this.pipeline.result);
    this.#ticketKeys.start();
    this.#localTimer = setInterval(() => void this.#renewLocal(), LOCAL_CHECK_MS);
    this.#localTimer.unref();
    this.pipeline.attach(this);
    await this.watch?.start();
    await this.#pluginWatch.start();
  }

  /** Nothing changes any more. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.watch?.stop();
    await this.#pluginWatch.stop();
    this.#ticketKeys.stop();
    if (this.#localTimer !== null) clearInterval(this.#localTimer);
    this.stapler?.stop();
    await this.pipeline.stop();
  }

  /** Reads everything again; settles when it is in force. */
  async reload(): Promise<void> {
    await this.watch?.reload();
    await this.pipeline.reload();
    await this.#renewLocal();
  }

  async #renewLocal(): Promise<void> {
    if (this.#isServing && this.#local.isDue) await this.pipeline.compileAgain();
  }

  /** Of the newest routing configuration. */
  get diagnostics(): readonly Diagnostic[] {
    return this.pipeline.result.diagnostics;
  }

  /** What there is, what is in force, and what clients of an entry point speak. */
  get summary(): Summary {
    return summaryOf(this.pipeline.result, this.pipeline.current);
  }

  /** Puts a provider's configuration into force; settles when it is. */
  replace(config: RoutingConfig): Promise<void> {
    return this.pipeline.replace(config);
  }

  /** Puts another install configuration into force as far as a running process can; settles when it is. */
  async #replaceInstall(next: InstallConfig, diagnostics: readonly Diagnostic[]): Promise<void> {
    const { log, binder } = this.#options;
    log.setLevel(next.log.level);
    const before = this.pipeline.current.entryPoints;
    // The successor reads it; if it fails, it is read here once more.
    if (this.#options.isHandingOver()) return;
    await changeEntryPoints(
      {
        inForce: () => this.pipeline.current.entryPoints,
        boundTo: (name) => binder.addressOf(name),
        open: (spec) => binder.openEntryPoint(spec),
        publish: (install, found) => this.pipeline.replaceInstall(install, found),
      },
      withLiveOptions(this.pipeline.install, next),
      diagnostics,
    );
    log.info('install configuration in force', {
      ...entryPointDifferences(before, this.pipeline.current.entryPoints),
    });
  }

  #followCertificates(result: CompileResult): void {
    if (!this.#isServing) return;
    this.#orderCertificates(result);
    // Those that clients get; not what is shown to servers.
    const shown = result.keyedCertificates.filter(({ hosts, isDefault }) => isDefault || hosts.length > 0);
    this.stapler?.setCertificates(shown);
  }

  /** What routers ask for goes to the resolvers, but for what people have given certificates for. */
  #orderCertificates({ wantedCertificates, certificates }: CompileResult): void {
    if (this.acme === null) return;
    const now = this.#options.clock.wall();
    const elsewhere: (readonly string[])[] = [];
    for (const { provider, object } of certificates.values()) {
      if (provider === ACME_PROVIDER || object.value === null) continue;
      const parsed = parseCertificate(object.value.certFile, object.value.keyFile);
      if (typeof parsed !== 'string' && parsed.notAfter > now) elsewhere.push(parsed.hosts);
    }
    this.acme.setWanted(wantedCertificates, elsewhere);
  }
}
