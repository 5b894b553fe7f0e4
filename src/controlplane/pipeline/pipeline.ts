// Runs the providers and turns what they publish into snapshots: the newest configuration of each is merged, compiled and
// handed to the data plane, one change at a time.

import type { Clock } from '../../core/clock.ts';
import { describeError, messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { SerialRunner } from '../../core/serial.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { Publisher } from '../../model/message/publisher.ts';
import type { HistoryEntry, HistorySections, WrittenPlaces, WrittenSnapshot } from '../../model/history.ts';
import type { StoredForm } from '../../model/stored-form.ts';
import type { MiddlewareSpec } from '../../model/route.ts';
import type { Snapshot, SnapshotDelta, SnapshotSections } from '../../model/snapshot.ts';
import { pinnedPart } from '../../model/snapshot-sections.ts';
import type { Secrets } from '../../model/tls.ts';
import type { EventBus } from '../../observe/event-bus.ts';
import { compile, type CompileResult } from '../compile/compile.ts';
import { CompileMemory } from '../compile/compile-memory.ts';
import { danglingNames } from '../compile/consistent.ts';
import type { InternalServices } from '../compile/internal-services.ts';
import { parseRulesAhead } from '../compile/rules-ahead.ts';
import { compileEndpointPatches, type ProviderEndpoints } from '../compile/service/endpoint-patches.ts';
import { SnapshotBuilder } from '../compile/snapshot-builder.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import { OBJECT_SECTIONS } from '../config/routing/object-kinds.ts';
import { isWhole, patchRouting, type RoutingPatch } from '../config/routing/patch-routing.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';
import type { Provider } from '../providers/define.ts';
import { InstallProvider } from '../providers/install/install-provider.ts';
import { createProviders } from '../providers/registry.ts';
import { DisabledLog } from './disabled-log.ts';
import { LastGood } from './last-good.ts';
import { differencesBetween, isSame, pinDiagnostic, pinStatus, writtenPlaces, type PinStatus } from './pin.ts';
import { PendingChanges } from './pending-changes.ts';
import { ProviderRuns } from './provider-runs.ts';
import type { SnapshotHistory } from './snapshot-history.ts';
import { decodeForms, WrittenForms } from './written-forms.ts';

/** Of names that lead nowhere, so many are told. */
const MAX_DANGLING = 10;
/** What is on disk is there by then; a source that answers later than this may never do. */
const START_PATIENCE_MS = 30_000;
/** The main thread is not held up for longer at a time. */
const SLICE_MS = 10;

export interface PipelineOptions {
  readonly install: InstallConfig;
  readonly log: Log;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly history: SnapshotHistory;
  /** By qualified name; see internal-services.ts. */
  readonly internalServices: InternalServices;
  /** Instead of those the install configuration names. */
  readonly providers?: readonly Provider[];
  /** How long the start waits for each provider's first configuration: half a minute when left out, null for no limit. */
  readonly patienceMs?: number | null;
  /** What providers that do not publish at start had before. */
  readonly earlier?: readonly RoutingConfig[];
  /** Beside those. */
  readonly moreProviders?: readonly Provider[];
  /** Last good forms over restarts; null where no state is kept. */
  readonly lastGoodForms?: LastGoodForms | null;
  /** Called with every new result, before it is in force. */
  onCompiled?(result: CompileResult): void;
  /** Called with all diagnostics of every new result, unchanged ones included. */
  onDiagnostics(diagnostics: readonly Diagnostic[]): void;
}

/** Where last good forms outlive the process. */
export interface LastGoodForms {
  readonly saved: readonly StoredForm[];
  /** Later calls count; failures are the store's to report. */
  save?(forms: readonly StoredForm[]): void;
}

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #providers: Provider[];
  readonly #runs: ProviderRuns;
  #install: InstallConfig;
  /** Of the install configuration in force. */
  #installDiagnostics: readonly Diagnostic[] = [];
  readonly #configs = new Map<string, RoutingConfig>();
  readonly #builder: SnapshotBuilder;
  /** When a change of the provider was last applied. */
  readonly #applied = new Map<string, number>();
  /** Providers with a change that has not been applied. */
  readonly #received = new Set<string>();
  readonly #memory = new CompileMemory();
  #result: CompileResult | null = null;
  /** What was compiled last is what is in force, all of it. */
  #isNewest = false;
  readonly #pending = new PendingChanges();
  readonly #lastGood = new LastGood();
  #savedRevision = 0;
  /** With last good forms in the place of what cannot be read. */
  #inForce: readonly RoutingConfig[] = [];
  readonly #forms = new WrittenForms();
  readonly #disabled: DisabledLog;
  /** Counting differences takes a look at every object. */
  #pin: { readonly entry: HistoryEntry; readonly result: CompileResult; readonly status: PinStatus } | null = null;
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
    this.#install = options.install;
    this.#builder = new SnapshotBuilder(options.history.lastVersion);
    this.#disabled = new DisabledLog(options.log);
    this.#changes = new SerialRunner(options.log, 'a change could not be put into force');
    const { log, patienceMs = START_PATIENCE_MS } = options;
    this.#runs = new ProviderRuns({ log, patienceMs, received: (provider, change) => this.#receive(provider, change) });
    options.history.compileForms = (snapshot) => this.#compileForms(snapshot);
    for (const form of options.lastGoodForms?.saved ?? []) this.#remember(form);
    this.#providers = [...(options.providers ?? providersOf(options)), ...(options.moreProviders ?? [])];
    for (const config of options.earlier ?? []) this.#configs.set(config.provider, config);
    const { routing } = options.install;
    if (options.providers !== undefined && routing !== null) this.#configs.set(routing.provider, routing);
  }

  /** Null while the newest configuration is in force. */
  get pin(): PinStatus | null {
    const entry = this.#pinned();
    if (entry === null) return null;
    const known = this.#pin;
    if (known?.entry === entry && known.result === this.#result) return known.status;
    const status = pinStatus(entry, this.result.sections);
    this.#pin = { entry, result: this.result, status };
    return status;
  }

  /** Everything there is to say about the configuration; first, that it is not the one in force. */
  get diagnostics(): readonly Diagnostic[] {
    const { pin } = this;
    return pin === null ? this.result.diagnostics : [pinDiagnostic(pin), ...this.result.diagnostics];
  }

  /** The first snapshot, of everything the providers have at start, or of what was pinned before. */
  async start(): Promise<Snapshot> {
    await Promise.all(this.#providers.map((provider) => this.#runs.begin(provider)));
    this.#sortConfigs();
    await this.#parseRules([...this.#configs.values()]);
    this.#compile();
    const { history } = this.#options;
    // Without its content, it is better not to say that it is in force.
    if (history.pinned !== null && history.get(history.pinned) === null) history.pin(null);
    this.#secrets = this.result.secrets;
    const first = this.#firstSections();
    this.#isNewest &&= first === this.result.sections;
    this.#pending.take();
    const built = this.#builder.build(first)!;
    this.#isStarted = true;
    this.#received.clear();
    this.#noteSnapshot(built.snapshot);
    const { pin } = this;
    if (pin !== null) this.#options.log.warn(pin.text, { version: built.snapshot.version, since: 'before this start' });
    return built.snapshot;
  }

  /** Changes go here from now on. */
  attach(publisher: Publisher): void {
    this.#publisher = publisher;
    if (this.#received.size > 0) this.#apply();
  }

  get current(): Snapshot {
    return this.#builder.current!;
  }

  /** Of the newest configuration, also while an older snapshot is pinned. */
  get result(): CompileResult {
    return this.#result!;
  }

  get install(): InstallConfig {
    return this.#install;
  }

  /** For a successor, or a later process. */
  get lastGoodForms(): readonly StoredForm[] {
    return this.#lastGood.forms();
  }

  /** Of every provider: its name, and whether it has published yet. */
  get providers(): ProviderRuns['states'] {
    return this.#runs.states;
  }

  /** The process ends while it starts: `start` waits for no provider any longer. */
  waitNoLonger(): void {
    this.#runs.waitNoLonger();
  }

  /** Everything that was received is in force. */
  get isSettled(): boolean {
    return this.#received.size === 0 && this.#changes.isIdle;
  }

  get history(): SnapshotHistory {
    return this.#options.history;
  }

  /** What would come of these configurations in place of those of the same providers; nothing is changed. */
  async dryRun(configs: readonly RoutingConfig[]): Promise<CompileResult> {
    const merged = new Map(this.#configs);
    for (const config of configs) merged.set(config.provider, config);
    await this.#parseRules(configs);
    return compile(this.#install, [...merged.values()], this.#options.internalServices, this.#memory);
  }

  /** Goes back to an earlier snapshot, which stays until `release`. `from` says who asks. False when there is none of that version. */
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

  /** Goes on with another install configuration; settles when it is in force. `diagnostics` are shown with all others. */
  async replaceInstall(install: InstallConfig, diagnostics: readonly Diagnostic[]): Promise<void> {
    this.#install = install;
    this.#installDiagnostics = diagnostics;
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
    const before = this.#configs.get(provider);
    if (isWhole(change) || before === undefined) {
      if (isWhole(change)) this.#configs.set(provider, change);
      this.#pending.compileAll();
    } else {
      this.#configs.set(provider, patchRouting(before, change));
      this.#pending.note(provider, change);
    }
    this.#received.add(provider);
    if (!this.#isStarted || this.#publisher === null) return;
    const since = this.#options.clock.now() - (this.#applied.get(provider) ?? Number.NEGATIVE_INFINITY);
    // The first change at once, then one per period: the newest.
    this.#schedule(this.#install.providersThrottleMs - since);
  }

  #schedule(delayMs: number): void {
    if (delayMs <= 0) this.#apply();
    else this.#timer ??= setTimeout(() => this.#apply(), delayMs);
  }

  /** In the order of the providers, so that diagnostics do not depend on who published first. */
  #sortConfigs(): void {
    for (const { name } of this.#providers) {
      const config = this.#configs.get(name);
      if (config === undefined) continue;
      this.#configs.delete(name);
      this.#configs.set(name, config);
    }
  }

  async #applyAnew(): Promise<void> {
    this.#isDue = true;
    this.#pending.compileAll();
    await this.#changes.run(() => this.#applyDue());
  }

  /** Everything received so far, without further delay. */
  #apply(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#isDue ||= this.#received.size > 0;
    void this.#changes.run(() => this.#applyDue());
  }

  async #applyDue(): Promise<void> {
    while (this.#isDue && !this.#isPaused) {
      this.#isDue = false;
      const now = this.#options.clock.now();
      for (const provider of this.#received) this.#applied.set(provider, now);
      this.#received.clear();
      const endpoints = this.#pending.take();
      if (endpoints !== null && (await this.#applyEndpoints(endpoints))) continue;
      await this.#parseRules([...this.#configs.values()]);
      const before = this.#result;
      const after = this.#compile();
      this.#tellHeldBack(before, after);
      const { secrets } = after;
      // Before the snapshot that names them; those that only it makes superfluous stay until it is in force.
      const renewed = await this.#publisher!.publishSecrets({ ...this.#secrets, ...secrets });
      const wanted = this.#wanted();
      const holdsTogether = this.#holdsTogether(wanted);
      this.#isNewest &&= holdsTogether && wanted === after.sections;
      if (!holdsTogether) {
        this.#secrets = { ...this.#secrets, ...secrets };
        continue;
      }
      const built = this.#builder.build(wanted);
      if (built?.delta != null) await this.#publish(built.snapshot, built.delta);
      else if (renewed !== null) this.#options.log.info('certificates renewed', { workers: renewed.acked });
      await this.#publisher!.publishSecrets(secrets);
      this.#secrets = secrets;
    }
  }

  /** False when more has to be done than to change endpoints of what is in force. */
  async #applyEndpoints(changes: readonly ProviderEndpoints[]): Promise<boolean> {
    const patches = this.#isNewest ? compileEndpointPatches(this.result, changes) : null;
    if (patches === null) return false;
    this.#inForce = this.#inForce.map((config) => {
      const { endpoints } = this.#configs.get(config.provider) ?? config;
      return endpoints === config.endpoints || endpoints === undefined ? config : { ...config, endpoints };
    });
    const built = this.#builder.patch(patches);
    if (built === null) return true;
    const { endpointSets } = built.snapshot;
    this.#result = { ...this.result, sections: { ...this.result.sections, endpointSets } };
    await this.#publish(built.snapshot, built.delta!);
    return true;
  }

  #pinned(): HistoryEntry | null {
    const { history } = this.#options;
    return history.pinned === null ? null : history.get(history.pinned);
  }

  #tellHeldBack(before: CompileResult | null, after: CompileResult): void {
    const { pin } = this;
    if (pin === null || before === null) return;
    if (isSame(differencesBetween(before.sections, after.sections))) return;
    this.#options.log.warn(`a change is held back: ${pin.text}`);
  }

  /** The newest configuration, or the snapshot that is pinned on the entry points, certificates and internal services of today. */
  #wanted(): SnapshotSections {
    const { sections } = this.#result!;
    const { internalServices } = this.#options;
    const pinned = this.#pinned();
    if (pinned === null) return sections;
    const middlewares: Record<string, MiddlewareSpec> = { ...pinned.middlewares };
    // What entry points of today put before routers of then.
    for (const name of Object.values(sections.entryPoints).flatMap((spec) => spec.middlewares)) {
      const spec = sections.middlewares[name];
      if (spec !== undefined) middlewares[name] ??= spec;
    }
    const services = { ...pinned.services, ...internalServices.services };
    const endpointSets = { ...pinned.endpointSets, ...internalServices.endpointSets };
    return { ...sections, ...pinnedPart(pinned), middlewares, services, endpointSets };
  }

  /** Nothing has been in force before: a pin that cannot be kept is released, and at worst nothing is routed. */
  #firstSections(): SnapshotSections {
    const { history, internalServices } = this.#options;
    const wanted = this.#wanted();
    if (this.#holdsTogether(wanted)) return wanted;
    if (history.pinned === null) return compile(this.#install, [], internalServices).sections;
    history.pin(null);
    return this.#firstSections();
  }

  /** What does not is not published: what was in force before stays. */
  #holdsTogether(sections: SnapshotSections): boolean {
    const dangling = danglingNames(sections);
    if (dangling.length === 0) return true;
    this.#options.log.error('a snapshot does not hold together, and is not put into force', {
      pinned: this.#options.history.pinned,
      dangling: dangling.slice(0, MAX_DANGLING),
      count: dangling.length,
    });
    return false;
  }

  async #publish(snapshot: Snapshot, delta: SnapshotDelta): Promise<void> {
    const { log, clock } = this.#options;
    const begin = clock.now();
    const result = await this.#publisher!.publish(snapshot, delta);
    this.reloads++;
    log.info('configuration changed', {
      version: snapshot.version,
      ...countChanges(delta),
      workers: result.acked,
      ms: Math.round(clock.now() - begin),
      ...(result.nacks.length > 0 ? { refused: result.nacks } : {}),
    });
    this.#noteSnapshot(snapshot, countChanges(delta));
  }

  #noteSnapshot(snapshot: Snapshot, changes: object = {}): void {
    const { clock, events, history } = this.#options;
    const { version, digest } = snapshot;
    this.lastSuccessWallMs = clock.wall();
    const pinned = this.#pinned();
    history.append(
      snapshot,
      this.lastSuccessWallMs,
      pinned === null ? writtenPlaces(this.result) : (pinned.written ?? {}),
      () => (pinned === null ? null : history.formsOf(pinned.version)) ?? this.#forms.of(this.#inForce),
    );
    this.#runs.report(version, this.result);
    events.emit('snapshot', { version, digest, pinned: history.pinned, ...changes });
  }

  /** Between rules that take long the main thread answers others. */
  async #parseRules(configs: readonly RoutingConfig[]): Promise<void> {
    const { clock } = this.#options;
    let since = clock.now();
    for (const _ of parseRulesAhead(configs, this.#memory)) {
      if (clock.now() - since < SLICE_MS) continue;
      await new Promise((resolve) => setImmediate(resolve));
      since = clock.now();
    }
  }

  /** Whatever a configuration makes the compiler do, the program goes on with what it had. */
  #compile(): CompileResult {
    let compiled: CompileResult;
    try {
      compiled = this.#compileKeeping([...this.#configs.values()]);
      this.#isNewest = true;
    } catch (error) {
      this.#options.log.error('the configuration cannot be compiled', { error: describeError(error) });
      this.#isNewest = false;
      const before = this.#result ?? compile(this.#install, [], this.#options.internalServices);
      const said = before.diagnostics.filter(({ code }) => code !== 'compile-failed');
      compiled = { ...before, diagnostics: [...said, compileFailed(error, this.#install.source)] };
    }
    const result = { ...compiled, diagnostics: [...this.#installDiagnostics, ...compiled.diagnostics] };
    this.#result = result;
    this.#options.onDiagnostics(result.diagnostics);
    this.#disabled.note(result);
    this.#options.onCompiled?.(result);
    return result;
  }

  #compileKeeping(configs: readonly RoutingConfig[]): CompileResult {
    const { internalServices, lastGoodForms } = this.#options;
    const compileAll = (all: readonly RoutingConfig[]): CompileResult =>
      compile(this.#install, all, internalServices, this.#memory);
    const first = compileAll(configs);
    const restored = this.#install.keepLastGood ? this.#lastGood.restore(configs, first) : null;
    let result = first;
    if (restored !== null) {
      const { diagnostics, ...rest } = compileAll(restored.configs);
      result = { ...rest, diagnostics: [...restored.diagnostics, ...diagnostics] };
    }
    this.#inForce = restored?.configs ?? configs;
    this.#lastGood.note(this.#inForce, result);
    if (lastGoodForms != null && this.#lastGood.revision !== this.#savedRevision) {
      this.#savedRevision = this.#lastGood.revision;
      lastGoodForms.save?.(this.#lastGood.forms());
    }
    return result;
  }

  /** Of an earlier process. */
  #remember(form: StoredForm): void {
    for (const config of decodeForms([form], this.#install)) {
      for (const section of OBJECT_SECTIONS) {
        for (const object of config[section].values()) this.#lastGood.remember(form, { ...object, name: form.name });
      }
    }
  }

  /** Of an earlier process. What cannot be used any more is disabled, as in a configuration of today. */
  #compileForms({ version, forms }: WrittenSnapshot): (HistorySections & { readonly written: WrittenPlaces }) | null {
    const { log, internalServices } = this.#options;
    try {
      const result = compile(this.#install, decodeForms(forms, this.#install), internalServices);
      for (const { severity, code, message, source, path } of result.diagnostics) {
        if (severity !== 'error') continue;
        log.warn('an object of an earlier snapshot has an error', { version, code, message, source, path });
      }
      const { certificates: _, ...sections } = result.sections;
      return { ...sections, written: writtenPlaces(result) };
    } catch (error) {
      log.error('an earlier snapshot cannot be compiled', { version, error: describeError(error) });
      return null;
    }
  }
}

function providersOf({ install, log, clock }: PipelineOptions): readonly Provider[] {
  const { providers, routing, readRoutingAgain, keepLastGood, substitutions, plugins } = install;
  const own = routing === null ? [] : [new InstallProvider(routing, readRoutingAgain, log)];
  return [...own, ...createProviders(providers, { log, clock, keepLastGood, substitutions, plugins: plugins.known })];
}

function compileFailed(error: unknown, source: string): Diagnostic {
  const what = messageOf(error);
  return {
    severity: 'error',
    code: 'compile-failed',
    message: `this configuration makes the compiler fail (${what}); what was in force before stays`,
    source,
    path: '',
    line: 0,
    column: 0,
  };
}

function countChanges(delta: SnapshotDelta): { changed: number; removed: number } {
  // Endpoints are part of the services that name their set.
  const { endpointSets: _, ...changed } = delta.changed;
  const { endpointSets: __, ...removed } = delta.removed;
  const count = (sections: object): number =>
    Object.values(sections).reduce((sum: number, section: object) => sum + Object.keys(section).length, 0);
  const specs: readonly object[] = [changed.services, changed.tcpServices, changed.udpServices].flatMap((section) =>
    Object.values(section ?? {}),
  );
  const counted = new Set(specs.map((spec) => ('endpointSet' in spec ? spec.endpointSet : '')));
  const byEndpoints = Object.keys(delta.endpoints ?? {}).filter((set) => !counted.has(set));
  return { changed: count(changed) + byEndpoints.length, removed: count(removed) };
}
