// The middlewares of a generation by name: made when their specification changes, and told when they are not needed any more, so
// that what they have begun beside requests ends: timers, connections of their own.

import type { MiddlewareSpec } from '../../model/route.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { Middleware, MiddlewareContext } from '../middleware/define.ts';
import { createMiddleware } from '../middleware/registry.ts';

/** How often a build may be interrupted: this many are well under a slice. */
const OBJECTS_PER_STEP = 20;

/** What all middlewares of a worker get. */
export type SharedContext = Omit<MiddlewareContext, 'name' | 'onDispose'>;

interface Live {
  readonly middleware: Middleware;
  readonly disposals: readonly (() => void)[];
}

export class LiveMiddlewares {
  readonly #context: SharedContext;
  readonly #create: typeof createMiddleware;
  readonly #live = new Map<string, Live>();
  /** Replaced by the build that is not in effect yet. */
  #replaced: Live[] = [];

  constructor(context: SharedContext, create = createMiddleware) {
    this.#context = context;
    this.#create = create;
  }

  /** Throws for one that is not there: the delta does not fit. */
  get(name: string): Middleware {
    const live = this.#live.get(name);
    if (live === undefined) throw new Error(`middleware ${name} is not in the snapshot`);
    return live.middleware;
  }

  /** Makes those that the delta changes, in steps; returns their names. Old ones go with `commit`. */
  *build(delta: SnapshotDelta): Generator<void, ReadonlySet<string>> {
    const fresh = new Set<string>();
    for (const spec of Object.values<MiddlewareSpec>(delta.changed.middlewares ?? {})) {
      const before = this.#live.get(spec.name);
      if (before !== undefined) this.#replaced.push(before);
      const disposals: (() => void)[] = [];
      const onDispose = (dispose: () => void): void => void disposals.push(dispose);
      const middleware = this.#create(spec, { ...this.#context, onDispose });
      this.#live.set(spec.name, { middleware, disposals });
      fresh.add(spec.name);
      if (fresh.size % OBJECTS_PER_STEP === 0) yield;
    }
    return fresh;
  }

  /** The routes of before are gone. */
  commit(delta: SnapshotDelta): void {
    for (const one of this.#replaced.splice(0)) this.#dispose(one);
    for (const name of delta.removed.middlewares ?? []) {
      const live = this.#live.get(name);
      this.#live.delete(name);
      if (live !== undefined) this.#dispose(live);
    }
  }

  #dispose({ disposals }: Live): void {
    for (const dispose of disposals) dispose();
  }
}
