// Runs the providers and turns what they publish into snapshots: the newest configuration of each is merged, compiled and
// handed to the data plane, one change at a time.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { Publisher } from '../../model/publisher.ts';
import type { Snapshot, SnapshotDelta } from '../../model/snapshot.ts';
import type { RuleError } from '../../dataplane/match/rule-error.ts';
import { compile, type CompileResult } from '../compile/compile.ts';
import { SnapshotBuilder } from '../compile/snapshot-builder.ts';
import type { InstallConfig } from '../config/install-config.ts';
import type { RoutingConfig } from '../config/routing-config.ts';
import type { Provider } from '../providers/define.ts';
import { createProviders } from '../providers/registry.ts';

/** Rules kept parsed beyond those in use before the cache is dropped. */
const MAX_RULES = 200_000;

export interface PipelineOptions {
  readonly install: InstallConfig;
  readonly log: Log;
  readonly clock: Clock;
  /** Instead of those the install configuration names. */
  readonly providers?: readonly Provider[];
  /** Called with all diagnostics of every new result, unchanged ones included. */
  onDiagnostics(diagnostics: readonly Diagnostic[]): void;
}

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #providers: readonly Provider[];
  readonly #configs = new Map<string, RoutingConfig>();
  readonly #builder = new SnapshotBuilder();
  /** When a change of the provider was last applied. */
  readonly #applied = new Map<string, number>();
  /** Providers with a change that has not been applied. */
  readonly #received = new Set<string>();
  #ruleErrors = new Map<string, readonly RuleError[]>();
  #result: CompileResult | null = null;
  #publisher: Publisher | null = null;
  #isStarted = false;
  /** A change may be applied now. */
  #isDue = false;
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Configurations that reached the data plane after the first. */
  reloads = 0;
  lastSuccessWallMs = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#providers = options.providers ?? createProviders(options.install, options.log, options.clock);
    if (options.install.routing !== null) this.#configs.set(options.install.routing.provider, options.install.routing);
  }

  /** The first snapshot, of everything the providers have at start. */
  async start(): Promise<Snapshot> {
    for (const provider of this.#providers) await provider.start((config) => this.#receive(config));
    const built = this.#builder.build(this.#compile().sections)!;
    this.#isStarted = true;
    this.#received.clear();
    this.lastSuccessWallMs = this.#options.clock.wall();
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

  get result(): CompileResult {
    return this.#result!;
  }

  /** Reads all sources anew and settles when what they hold is in force. */
  async reload(): Promise<void> {
    await Promise.all(this.#providers.map((provider) => provider.reload()));
    if (this.#publisher !== null) this.#apply();
    await this.#running;
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all(this.#providers.map((provider) => provider.stop()));
    await this.#running;
  }

  #receive(config: RoutingConfig): void {
    this.#configs.set(config.provider, config);
    this.#received.add(config.provider);
    if (!this.#isStarted || this.#publisher === null) return;
    const since = this.#options.clock.now() - (this.#applied.get(config.provider) ?? Number.NEGATIVE_INFINITY);
    // The first change at once, then one per period: the newest.
    this.#schedule(this.#options.install.providersThrottleMs - since);
  }

  #schedule(delayMs: number): void {
    if (delayMs <= 0) this.#apply();
    else this.#timer ??= setTimeout(() => this.#apply(), delayMs);
  }

  /** Everything received so far, without further delay. */
  #apply(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#isDue = this.#received.size > 0;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Lets `#running` be assigned before the first early return.
    await Promise.resolve();
    while (this.#isDue) {
      this.#isDue = false;
      const now = this.#options.clock.now();
      for (const provider of this.#received) this.#applied.set(provider, now);
      this.#received.clear();
      const built = this.#builder.build(this.#compile().sections);
      if (built?.delta != null) await this.#publish(built.snapshot, built.delta);
    }
    this.#running = null;
  }

  async #publish(snapshot: Snapshot, delta: SnapshotDelta): Promise<void> {
    const { log, clock } = this.#options;
    const begin = clock.now();
    const result = await this.#publisher!.publish(snapshot, delta);
    this.reloads++;
    this.lastSuccessWallMs = clock.wall();
    log.info('configuration changed', {
      version: snapshot.version,
      ...countChanges(delta),
      workers: result.acked,
      ms: Math.round(clock.now() - begin),
      ...(result.nacks.length > 0 ? { refused: result.nacks } : {}),
    });
  }

  #compile(): CompileResult {
    if (this.#ruleErrors.size > MAX_RULES) this.#ruleErrors = new Map();
    const result = compile(this.#options.install, [...this.#configs.values()], this.#ruleErrors);
    this.#result = result;
    this.#options.onDiagnostics(result.diagnostics);
    return result;
  }
}

function countChanges(delta: SnapshotDelta): { changed: number; removed: number } {
  const count = (sections: object): number =>
    Object.values(sections).reduce((sum: number, section: object) => sum + Object.keys(section).length, 0);
  return { changed: count(delta.changed), removed: count(delta.removed) };
}
