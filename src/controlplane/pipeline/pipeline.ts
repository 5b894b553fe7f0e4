// Runs the providers and puts what they publish into force, one change at a time: what was received
// (received-configs.ts) is compiled (compilation.ts), or gives way to what is pinned (pinned-snapshot.ts), and is
// published as a snapshot.

import { SerialRunner } from '../../core/serial.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { Publisher } from '../../model/message/publisher.ts';
import type { StoredForm } from '../../model/stored-form.ts';
import type { Snapshot, SnapshotSections } from '../../model/snapshot.ts';
import { secretNames, type Secrets } from '../../model/secrets.ts';
import type { EventBus } from '../../observe/event-bus.ts';
import type { CompileResult } from '../compile/compile.ts';
import { compileEndpointPatches, type ProviderEndpoints } from '../compile/service/endpoint-patches.ts';
import { SnapshotBuilder, type BuiltSnapshot } from '../compile/snapshot-builder.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import type { RoutingPatch } from '../config/routing/patch-routing.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';
import type { Provider } from '../providers/define.ts';
import { InstallProvider } from '../providers/install/install-provider.ts';
import { countChanges } from './change-counts.ts';
import { Compilation, type CompilationOptions } from './compilation.ts';
import { configuredProviders } from './configured-providers.ts';
import { holdsTogether } from './holds-together.ts';
import { pinDiagnostic, writtenPlaces, type PinStatus } from './pin.ts';
import { PinnedSnapshot } from './pinned-snapshot.ts';
import { isOfProvidersAlone } from './provided-sets.ts';
import { ProviderRuns } from './provider-runs.ts';
import { ReceivedConfigs } from './received-configs.ts';
import type { SnapshotHistory } from './snapshot-history.ts';
import { SourceStates } from './source-states.ts';

/** What is on disk is there by then; a source that answers later than this may never do. */
const START_PATIENCE_MS = 30_000;

export interface PipelineOptions extends CompilationOptions {
  readonly events: EventBus;
  readonly history: SnapshotHistory;
  /** Instead of those the install configuration names. */
  readonly providers?: readonly Provider[];
  /**
   * How long the start waits for each provider's first configuration: half a minute when left out, null for no limit.
   */
  readonly patienceMs?: number | null;
  /** What providers that do not publish at start had before. */
  readonly earlier?: readonly RoutingConfig[];
  /** Beside those. */
  readonly moreProviders?: readonly Provider[];
}

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #providers: Provider[];
  readonly #runs: ProviderRuns;
  readonly #sources: SourceStates;
  readonly #received = new ReceivedConfigs();
  readonly #compilation: Compilation;
  readonly #pinned: PinnedSnapshot;
  readonly #builder: SnapshotBuilder;
  /** What was compiled last is what is in force, all of it. */
  #isNewest = false;
  #publisher: Publisher | null = null;
  /** Of the snapshot in force. */
  #secrets: Secrets = {};
  #isStarted = false;
  /** A change may be applied now. */
  #isDue = false;
  #isPaused = false;
  readonly #changes: SerialRunner;
  #timer: NodeJS.Timeout | null = null;
  /** Configurations that reached the data plane after the first. */
  reloads = 0;
  lastSuccessWallMs = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#sources = new SourceStates(options);
    this.#compilation = new Compilation(options);
    this.#pinned = new PinnedSnapshot(options);
    this.#builder = new SnapshotBuilder(options.history.lastVersion);
    this.#changes = new SerialRunner(options.log, 'a change could not be put into force');
    const { log, patienceMs = START_PATIENCE_MS } = options;
    const received = (provider: string, change: RoutingConfig | RoutingPatch): void => this.#receive(provider, change);
    this.#runs = new ProviderRuns({ log, patienceMs, sources: this.#sources, received });
    options.history.compileForms = (snapshot) => this.#compilation.compileForms(snapshot);
    this.#providers = [
      ...(options.providers ?? configuredProviders(options, this.#sources)),
      ...(options.moreProviders ?? []),
    ];
    for (const config of options.earlier ?? []) this.#received.preset(config);
    const { routing } = options.install;
    if (options.providers !== undefined && routing !== null) this.#received.preset(routing);
  }

  /** Null while the newest configuration is in force. */
  get pin(): PinStatus | null {
    return this.#pinned.status(this.result);
  }

  /** Everything there is to say about the configuration; first, that it is not the one in force. */
  get diagnostics(): readonly Diagnostic[] {
    const { pin } = this;
    return pin === null ? this.result.diagnostics : [pinDiagnostic(pin), ...this.result.diagnostics];
  }

  /** The first snapshot, of everything the providers have at start, or of what was pinned before. */
  async start(): Promise<Snapshot> {
    await Promise.all(this.#providers.map((provider) => this.#runs.begin(provider)));
    this.#received.sort(this.#providers.map(({ name }) => name));
    await this.#compilation.parseRules([...this.#received.all.values()]);
    this.#compile();
    const { history } = this.#options;
    // Without its content, it is better not to say that it is in force.
    if (history.pinned !== null && history.get(history.pinned) === null) history.pin(null);
    const first = this.#firstSections();
    this.#secrets = this.#secretsOf(first);
    this.#isNewest = !this.#compilation.hasFailed && first === this.result.sections;
    this.#received.begin();
    const built = this.#builder.build(first)!;
    this.#isStarted = true;
    this.#appendToHistory(built.snapshot, this.#secrets);
    this.#tell(built.snapshot);
    const { pin } = this;
    if (pin !== null) this.#options.log.warn(pin.text, { version: built.snapshot.version, since: 'before this start' });
    return built.snapshot;
  }

  /** Changes go here from now on. */
  attach(publisher: Publisher): void {
    this.#publisher = publisher;
    if (this.#received.hasChanges) this.#apply();
  }

  get current(): Snapshot {
    return this.#builder.current!;
  }

  /** What the snapshot in force names and does not hold. */
  get secrets(): Secrets {
    return this.#secrets;
  }

  /** Of the newest configuration, also while an older snapshot is pinned. */
  get result(): CompileResult {
    return this.#compilation.result!;
  }

  get install(): InstallConfig {
    return this.#compilation.install;
  }

  /** For a successor, or a later process. */
  get lastGoodForms(): readonly StoredForm[] {
    return this.#compilation.lastGoodForms;
  }

  /** How they are, and what they see. */
  get providers(): Pick<ProviderRuns, 'states' | 'discovered'> {
    return this.#runs;
  }

  /** The process ends while it starts: `start` waits for no provider any longer. */
  waitNoLonger(): void {
    this.#runs.waitNoLonger();
  }

  /** Everything that was received is in force. */
  get isSettled(): boolean {
    return !this.#received.hasChanges && this.#changes.isIdle;
  }

  get history(): SnapshotHistory {
    return this.#options.history;
  }

  /** What would come of these configurations in place of those of the same providers; nothing is changed. */
  async dryRun(configs: readonly RoutingConfig[]): Promise<CompileResult> {
    const merged = new Map(this.#received.all);
    for (const config of configs) merged.set(config.provider, config);
    await this.#compilation.parseRules(configs);
    return this.#compilation.tryOut([...merged.values()]);
  }

  /**
   * Goes back to an earlier snapshot, which stays until `release`. `from` says who asks. False when there is none of
   * that version.
   */
  async activate(version: number, from: string): Promise<boolean> {
    const { history, events, log } = this.#options;
    if (history.get(version) === null) return false;
    history.pin(version);
    events.emit('pin', { pinned: version });
    await this.#applyAnew();
    log.warn(`rolled back: ${this.pin?.text ?? 'released again at once'}`, { version: this.current.version, from });
    return true;
  }

  /** Goes on with the newest configuration. */
  async release(from: string): Promise<void> {
    const { history, events, log } = this.#options;
    const { pinned } = history;
    if (pinned === null) return;
    history.pin(null);
    events.emit('pin', { pinned: null });
    await this.#applyAnew();
    log.warn('released: the newest configuration is in force', { pinned, version: this.current.version, from });
  }

  /** Takes a provider's configuration from somewhere else than its own watch: the API, an embedding program. */
  async replace(config: RoutingConfig): Promise<void> {
    this.#receive(config.provider, config);
    this.#apply();
    await this.#changes.settled;
  }

  /**
   * Goes on with another install configuration; settles when it is in force. `diagnostics` are shown with all others.
   */
  async replaceInstall(install: InstallConfig, diagnostics: readonly Diagnostic[]): Promise<void> {
    this.#compilation.replaceInstall(install, diagnostics);
    await this.#replaceOwnRouting(install);
    await this.#applyAnew();
  }

  async #replaceOwnRouting(install: InstallConfig): Promise<void> {
    const provider = this.#providers.find((one) => one instanceof InstallProvider);
    if (provider !== undefined) return provider.replace(install);
    if (install.routing === null) return;
    const { routing, readRoutingAgain } = install;
    const fresh = new InstallProvider(routing, readRoutingAgain, this.#options.log);
    this.#providers.push(fresh);
    await this.#runs.begin(fresh);
  }

  /** What compiling draws on beside what providers publish has changed; settles when that is in force. */
  compileAgain(): Promise<void> {
    return this.#applyAnew();
  }

  /** Reads all sources anew and settles when what they hold is in force. */
  async reload(): Promise<void> {
    await this.#runs.readAgain();
    if (this.#publisher !== null) this.#apply();
    await this.#changes.settled;
  }

  /** Changes wait from now on; settles when none is under way. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#changes.settled;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isDue) this.#apply();
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#runs.stop();
    await this.#changes.settled;
  }

  #receive(provider: string, change: RoutingConfig | RoutingPatch): void {
    this.#received.receive(provider, change);
    if (!this.#isStarted || this.#publisher === null) return;
    const { clock } = this.#options;
    this.#schedule(this.#received.delayMs(provider, clock.now(), this.install.providersThrottleMs));
  }

  #schedule(delayMs: number): void {
    if (delayMs <= 0) this.#apply();
    else this.#timer ??= setTimeout(() => this.#apply(), delayMs);
  }

  async #applyAnew(): Promise<void> {
    this.#isDue = true;
    this.#received.compileAll();
    await this.#changes.run(() => this.#applyDue());
  }

  /** Everything received so far, without further delay. */
  #apply(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#isDue ||= this.#received.hasChanges;
    void this.#changes.run(() => this.#applyDue());
  }

  async #applyDue(): Promise<void> {
    while (this.#isDue && !this.#isPaused) {
      this.#isDue = false;
      const begin = this.#options.clock.now();
      const endpoints = this.#received.take(begin);
      if (endpoints !== null && (await this.#applyEndpoints(endpoints, begin))) continue;
      await this.#compilation.parseRules([...this.#received.all.values()]);
      const before = this.#compilation.result;
      const after = this.#compile();
      // Whatever goes wrong before it is in force, the next change compiles everything.
      this.#isNewest = false;
      this.#pinned.tellHeldBack(before, after);
      const wanted = this.#pinned.over(after.sections);
      const secrets = this.#secretsOf(wanted);
      // Before the snapshot that names them; those that only it makes superfluous stay until it is in force.
      const renewed = await this.#publisher!.publishSecrets({ ...this.#secrets, ...secrets });
      if (!this.#holdsTogether(wanted)) {
        this.#secrets = { ...this.#secrets, ...secrets };
        continue;
      }
      const built = this.#builder.build(wanted);
      if (built !== null) await this.#publish(built, secrets, begin);
      else if (renewed !== null) this.#options.log.info('certificates renewed', { workers: renewed.acked });
      await this.#publisher!.publishSecrets(secrets);
      this.#secrets = secrets;
      this.#isNewest = !this.#compilation.hasFailed && wanted === after.sections;
    }
  }

  /** False when more has to be done than to change endpoints of what is in force. */
  async #applyEndpoints(changes: readonly ProviderEndpoints[], begin: number): Promise<boolean> {
    const patches = this.#isNewest ? compileEndpointPatches(this.result, changes) : null;
    if (patches === null) return false;
    this.#compilation.takeEndpoints(this.#received.all);
    const built = this.#builder.patch(patches);
    if (built === null) return true;
    this.#compilation.takeEndpointSets(built.snapshot.endpointSets);
    await this.#publish(built, this.#secrets, begin);
    return true;
  }

  #compile(): CompileResult {
    return this.#compilation.compile([...this.#received.all.values()]);
  }

  /** Nothing has been in force before: a pin that cannot be kept is released, and at worst nothing is routed. */
  #firstSections(): SnapshotSections {
    const { history } = this.#options;
    const wanted = this.#pinned.over(this.result.sections);
    if (this.#holdsTogether(wanted)) return wanted;
    if (history.pinned === null) return this.#compilation.empty().sections;
    history.pin(null);
    return this.#firstSections();
  }

  /** Of what is newest, and of what is pinned. */
  #secretsOf(sections: SnapshotSections): Secrets {
    const all: Secrets = { ...this.#pinned.secrets, ...this.result.secrets };
    const named = secretNames(sections).flatMap((name) =>
      all[name] === undefined ? [] : [[name, all[name]] as const],
    );
    return Object.fromEntries(named);
  }

  /** What does not is not published: what was in force before stays. */
  #holdsTogether(sections: SnapshotSections): boolean {
    const { history, log } = this.#options;
    return holdsTogether(sections, this.#secretsOf(sections), history.pinned, log);
  }

  /** One that follows another; `begin` is when work on it began. */
  async #publish({ snapshot, delta, before }: BuiltSnapshot, secrets: Secrets, begin: number): Promise<void> {
    const { log, clock } = this.#options;
    if (delta === null || before === null) return;
    const result = await this.#publisher!.publish(snapshot, delta);
    this.reloads++;
    log.info('configuration changed', {
      version: snapshot.version,
      ...countChanges(delta),
      workers: result.acked,
      ms: Math.round(clock.now() - begin),
      ...(result.nacks.length > 0 ? { refused: result.nacks } : {}),
    });
    const isFollowed = isOfProvidersAlone(delta, before.endpointSets, snapshot.endpointSets);
    if (isFollowed) this.#options.history.follow(snapshot);
    else this.#appendToHistory(snapshot, secrets);
    this.#tell(snapshot, countChanges(delta));
  }

  #appendToHistory(snapshot: Snapshot, secrets: Secrets): void {
    const { history } = this.#options;
    const pinned = this.#pinned.entry;
    history.append(
      snapshot,
      secrets,
      this.#options.clock.wall(),
      pinned === null ? writtenPlaces(this.result) : (pinned.written ?? {}),
      () => (pinned === null ? null : history.formsOf(pinned.version)) ?? this.#compilation.writtenForms(),
    );
  }

  #tell(snapshot: Snapshot, changes: object = {}): void {
    const { clock, events, history } = this.#options;
    const { version, digest } = snapshot;
    this.lastSuccessWallMs = clock.wall();
    this.#runs.report(version, this.result);
    events.emit('snapshot', { version, digest, pinned: history.pinned, ...changes });
  }
}
