// The providers at work: side by side, each for as long as the process. The first snapshot waits for what each of them
// publishes first, but not for ever: one that hears nothing from its source must not keep the routes of others from
// being served. One that fails is logged, and ends alone; what it published last stays in force.

import { describeError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { CompiledObjects } from '../compile/compiled.ts';
import { OBJECT_KINDS, OBJECT_SECTIONS } from '../config/routing/object-kinds.ts';
import { isWhole, type RoutingPatch } from '../config/routing/patch-routing.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';
import type { Discovered, Provider } from '../providers/define.ts';
import type { SourceState, SourceStates } from './source-states.ts';

/** `waiting` until the first configuration, `failed` when it has ended before the process. */
export type ProviderState = 'waiting' | 'ready' | 'failed';

export interface ProviderStatus {
  readonly name: string;
  readonly state: ProviderState;
  /** Undefined for one that has told nothing of a source, as those have whose source is this process. */
  readonly source: SourceState | undefined;
}

interface Run {
  readonly provider: Provider;
  state: ProviderState;
  /** Nobody waits for its first configuration any longer. */
  isLate: boolean;
  /** Ends the wait for it. */
  goOn: () => void;
}

export interface ProviderRunsOptions {
  readonly log: Log;
  readonly sources: SourceStates;
  /** How long the start waits for each; null for as long as it takes. */
  readonly patienceMs: number | null;
  /** Everything of a provider, or a patch of what it has published. */
  received(provider: string, change: RoutingConfig | RoutingPatch): void;
}

export class ProviderRuns {
  readonly #options: ProviderRunsOptions;
  readonly #runs: Run[] = [];
  readonly #ending = new AbortController();
  readonly #ends: Promise<void>[] = [];

  constructor(options: ProviderRunsOptions) {
    this.#options = options;
  }

  /** Settles when it has published or failed, or is waited for no longer; never rejects. */
  async begin(provider: Provider): Promise<void> {
    const { log, patienceMs } = this.#options;
    const run: Run = { provider, state: 'waiting', isLate: false, goOn: () => {} };
    this.#runs.push(run);
    const waited = new Promise<void>((resolve) => {
      run.goOn = resolve;
    });
    const late = (): void => {
      run.isLate = true;
      log.warn('a provider has published nothing yet and is waited for no longer; its configuration follows', {
        provider: provider.name,
        seconds: Math.round((patienceMs ?? 0) / 1000),
      });
      run.goOn();
    };
    const timer = patienceMs === null ? null : setTimeout(late, patienceMs);
    this.#ends.push(this.#run(run));
    await waited;
    if (timer !== null) clearTimeout(timer);
  }

  /** The process ends while it starts: whoever waits in `begin` goes on at once. */
  waitNoLonger(): void {
    for (const { goOn } of this.#runs) goOn();
  }

  get states(): readonly ProviderStatus[] {
    const { sources } = this.#options;
    return this.#runs.map(({ provider: { name }, state }) => ({ name, state, source: sources.get(name) }));
  }

  /** What each sees, of those that look for something. */
  discovered(): readonly (Discovered & { readonly provider: string })[] {
    return this.#runs.flatMap(({ provider }) =>
      (provider.discovered?.() ?? []).map((one) => ({ ...one, provider: provider.name })),
    );
  }

  /** Settles when all of them have read their sources again; one that cannot is logged. */
  async readAgain(): Promise<void> {
    const readings = this.#runs.map(async ({ provider }) => {
      try {
        await provider.readAgain?.();
      } catch (error) {
        const fields = { provider: provider.name, error: describeError(error) };
        this.#options.log.error('a provider cannot read its source again', fields);
      }
    });
    await Promise.all(readings);
  }

  /** Tells those that want to know what has become of their objects. */
  report(version: number, objects: CompiledObjects): void {
    for (const { provider } of this.#runs) {
      if (provider.report === undefined) continue;
      const disabled = new Map<string, readonly string[]>();
      for (const section of OBJECT_SECTIONS) {
        for (const { provider: from, object, errors } of objects[section].values()) {
          if (from !== provider.name || errors.length === 0) continue;
          disabled.set(`${OBJECT_KINDS[section].kind} ${object.name}`, errors);
        }
      }
      provider.report({ version, disabled });
    }
  }

  /** Settles when all have ended. What they publish from now on is left out. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.waitNoLonger();
    await Promise.all(this.#ends);
  }

  async #run(run: Run): Promise<void> {
    const { signal } = this.#ending;
    const { log } = this.#options;
    const { provider } = run;
    try {
      await provider.run((change) => this.#publish(run, change), signal);
      if (signal.aborted) return;
      log.error('a provider has ended; what it published last stays in force', { provider: provider.name });
    } catch (error) {
      const fields = { provider: provider.name, error: describeError(error) };
      log.error('a provider has failed; what it published last stays in force', fields);
    }
    run.state = 'failed';
    run.goOn();
  }

  #publish(run: Run, change: RoutingConfig | RoutingPatch): void {
    if (this.#ending.signal.aborted) return;
    if (run.state === 'waiting' && !isWhole(change))
      throw new Error('a patch of nothing: there is no configuration yet');
    if (run.isLate) {
      run.isLate = false;
      this.#options.log.info('a provider that was late has published', { provider: run.provider.name });
    }
    run.state = 'ready';
    this.#options.received(run.provider.name, change);
    run.goOn();
  }
}
