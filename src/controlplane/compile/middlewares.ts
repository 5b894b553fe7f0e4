// Middlewares: their kinds and options, with chains replaced by their members and the services they ask qualified.

import { SERVICE_OPTIONS } from '../../dataplane/middleware/registry.ts';
import type { MiddlewareSpec } from '../../model/route.ts';
import type { MiddlewareOptions } from '../config/routing/routing-options.ts';
import type { Compilation } from './compilation.ts';
import { qualify, type Compiled } from './compiled.ts';
import { MAX_DEPTH, walkGraph } from './reference/graph.ts';
import { asWritten } from './reference/references.ts';

/** Stages one chain may unfold to: chains of chains double with every level. */
const MAX_STAGES = 1_000;

export class CompiledMiddlewares {
  readonly specs = new Map<string, MiddlewareSpec>();
  readonly #chains = new Map<string, readonly string[]>();
  readonly #middlewares: ReadonlyMap<string, Compiled<MiddlewareOptions>>;
  readonly #compilation: Compilation;
  readonly #resolved = new Map<string, readonly string[] | null>();
  readonly #tooLong = new Set<string>();

  constructor(compilation: Compilation) {
    const { middlewares } = compilation.objects;
    this.#middlewares = middlewares;
    this.#compilation = compilation;
    for (const middleware of middlewares.values()) {
      if (middleware.object.value === null) continue;
      const [kind, options] = Object.entries(middleware.object.value).find(([, value]) => value !== undefined)!;
      if (kind === 'chain') {
        const { middlewares: members } = options as { middlewares: readonly string[] }; // The schema of `chain`.
        this.#chains.set(
          middleware.name,
          members.map((member) => qualify(member, middleware.provider)),
        );
      } else {
        const spec = specOf(middleware, kind, options as MiddlewareSpec['options']);
        if (this.#asksRefused(middleware, spec)) continue;
        this.specs.set(middleware.name, compilation.memory.middlewares.keep(middleware.object.value, spec));
        this.#noteShown(middleware, spec);
      }
    }
    this.#checkMembers();
    this.#checkChains();
  }

  #asksRefused(middleware: Compiled<MiddlewareOptions>, { kind, options }: MiddlewareSpec): boolean {
    for (const option of SERVICE_OPTIONS.get(kind) ?? []) {
      const service = options[option];
      if (typeof service === 'string') this.#compilation.references.refuseInternal(service, middleware, [kind, option]);
    }
    return middleware.errors.length > 0;
  }

  #noteShown({ object }: Compiled<MiddlewareOptions>, { name, kind, options }: MiddlewareSpec): void {
    const { shownForms } = this.#compilation;
    const shown = shownForms.optionsOf('middlewares', object)?.[kind] as MiddlewareSpec['options'] | undefined; // Of the same kind.
    if (shown === undefined || shown === options) return;
    // What it asks is followed by its name.
    const services = (SERVICE_OPTIONS.get(kind) ?? []).map((option) => [option, options[option]]);
    shownForms.set('middlewares', name, {
      name,
      kind,
      options: { ...shown, ...(Object.fromEntries(services) as object) },
    });
  }

  /** Names of the stages a name stands for; null when it cannot be used. */
  resolve(name: string): readonly string[] | null {
    const known = this.#resolved.get(name);
    if (known !== undefined) return known;
    const middleware = this.#middlewares.get(name);
    let stages: string[] | null = null;
    if (middleware !== undefined && middleware.errors.length === 0) {
      stages = [];
      for (const member of this.#chains.get(name) ?? []) {
        const inner = this.resolve(member);
        const length: number = (stages?.length ?? 0) + (inner?.length ?? 0);
        if (length > MAX_STAGES) this.#tooLong.add(name);
        stages = inner === null || stages === null || length > MAX_STAGES ? null : [...stages, ...inner];
      }
      if (!this.#chains.has(name)) stages = [name];
    }
    this.#resolved.set(name, stages);
    return stages;
  }

  /** Disables what asks a service that cannot be used; false when there was nothing to do. */
  dropWithout(isUsable: (service: string) => boolean): boolean {
    const { findings } = this.#compilation;
    let hasDropped = false;
    for (const [name, spec] of this.specs) {
      for (const option of SERVICE_OPTIONS.get(spec.kind) ?? []) {
        const service = spec.options[option];
        if (typeof service !== 'string' || isUsable(service)) continue;
        const message = `the service "${service}" that it asks is not there or disabled`;
        findings.report(this.#middlewares.get(name)!, 'error', 'unusable-reference', message, [spec.kind, option]);
        this.specs.delete(name);
        hasDropped = true;
      }
    }
    if (hasDropped) {
      this.#resolved.clear();
      this.#checkChains();
    }
    return hasDropped;
  }

  /** Dangling members and chains that contain themselves. */
  #checkMembers(): void {
    const { findings, references } = this.#compilation;
    const graph = walkGraph(this.#chains);
    for (const [name, members] of this.#chains) {
      const chain = this.#middlewares.get(name)!;
      for (const [index, member] of members.entries()) {
        const written = asWritten(member, chain.provider);
        // Whether it is in force is found out once all of them are known.
        references.follow('middlewares', written, chain, ['chain', 'middlewares', index], (one) =>
          this.#middlewares.has(one),
        );
      }
      const cycle = graph.cycleOf(name);
      if (graph.isTooDeep(name)) {
        const message = `chains are nested more than ${MAX_DEPTH} deep`;
        findings.report(chain, 'error', 'invalid-value', message, ['chain', 'middlewares']);
      }
      if (cycle !== null) {
        const message = `the chain contains itself: ${cycle.join(' → ')}`;
        findings.report(chain, 'error', 'reference-cycle', message, ['chain', 'middlewares']);
      }
    }
  }

  /** Chains that are too long, or have a member that cannot be used. */
  #checkChains(): void {
    const { findings } = this.#compilation;
    for (const [name, members] of this.#chains) {
      const chain = this.#middlewares.get(name)!;
      this.resolve(name);
      if (this.#tooLong.delete(name)) {
        const message = `the chain stands for more than ${MAX_STAGES} middlewares`;
        findings.report(chain, 'error', 'invalid-value', message, ['chain', 'middlewares']);
      }
      const broken = members.find((member) => this.#middlewares.has(member) && this.resolve(member) === null);
      if (broken !== undefined && chain.errors.length === 0) {
        const message = `the member "${broken}" is disabled`;
        findings.report(chain, 'error', 'unusable-reference', message, ['chain', 'middlewares']);
        this.#resolved.set(name, null);
      }
    }
  }
}

function specOf(
  middleware: Compiled<MiddlewareOptions>,
  kind: string,
  options: MiddlewareSpec['options'],
): MiddlewareSpec {
  const services = SERVICE_OPTIONS.get(kind);
  if (services === undefined) return { name: middleware.name, kind, options };
  const qualified: Record<string, unknown> = { ...options };
  for (const option of services) {
    const given = options[option];
    if (typeof given === 'string') qualified[option] = qualify(given, middleware.provider);
  }
  return { name: middleware.name, kind, options: qualified };
}
