// The middlewares of a generation by name: made when their specification changes, and told when they are not needed any
// more, so that what they have begun beside requests ends: timers, connections of their own.

import type { MiddlewareSpec } from '../../model/route.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { OBJECTS_PER_STEP } from '../live/slices.ts';
import { StagedMap } from '../live/staged-map.ts';
import type { Middleware, MiddlewareContext } from '../middleware/define.ts';
import { createMiddleware } from '../middleware/registry.ts';

/** What all middlewares of a worker get. */
export type SharedContext = Omit<MiddlewareContext, 'name' | 'onDispose'>;

interface Live {
  readonly middleware: Middleware;
  readonly disposals: readonly (() => void)[];
}

/** What a delta makes of them. */
export interface MiddlewareBuild {
  /** Names of those that are new, or made anew. */
  readonly fresh: ReadonlySet<string>;
  /** The routes of before are gone. */
  readonly commit: () => void;
}

export class LiveMiddlewares {
  readonly #context: SharedContext;
  readonly #create: typeof createMiddleware;
  readonly #live = new Map<string, Live>();
  /** With those of the build under way. */
  #staged = new StagedMap(this.#live);
  /** Of a build that is not in effect, and may come to nothing. */
  #fresh: Live[] = [];

  constructor(context: SharedContext, create = createMiddleware) {
    this.#context = context;
    this.#create = create;
  }

  /** As what is being built has it. Throws for one that is not there: the delta does not fit. */
  get(name: string): Middleware {
    const live = this.#staged.get(name);
    if (live === undefined) throw new Error(`middleware ${name} is not in the snapshot`);
    return live.middleware;
  }

  /** Makes those that the delta changes, in steps. */
  *build(delta: SnapshotDelta): Generator<void, MiddlewareBuild> {
    this.#dispose(this.#fresh);
    const staged = new StagedMap(this.#live);
    this.#staged = staged;
    const made: Live[] = [];
    this.#fresh = made;
    const replaced: Live[] = [];
    const fresh = new Set<string>();
    for (const spec of Object.values<MiddlewareSpec>(delta.changed.middlewares ?? {})) {
      const before = this.#live.get(spec.name);
      if (before !== undefined) replaced.push(before);
      const disposals: (() => void)[] = [];
      const onDispose = (dispose: () => void): void => void disposals.push(dispose);
      const middleware = this.#create(spec, { ...this.#context, onDispose });
      const live = { middleware, disposals };
      made.push(live);
      staged.set(spec.name, live);
      fresh.add(spec.name);
      if (fresh.size % OBJECTS_PER_STEP === 0) yield;
    }
    for (const name of delta.removed.middlewares ?? []) {
      const live = this.#live.get(name);
      if (staged.delete(name) && live !== undefined) replaced.push(live);
    }
    return {
      fresh,
      commit: () => {
        staged.commit();
        this.#fresh = [];
        this.#dispose(replaced);
      },
    };
  }

  #dispose(gone: readonly Live[]): void {
    for (const { disposals } of gone) for (const dispose of disposals) dispose();
  }
}
