// The services of one protocol by name, and what a delta does to them: new ones are made beside those that are there, known
// ones change, and ones that are gone end, when the delta is put into effect.

import { OBJECTS_PER_STEP } from '../live/slices.ts';

/** A stable object per name, whose specification changes under it. */
export interface LiveServiceOf<Spec> {
  /** `rows` are its servers' in the endpoint table. */
  update(spec: Spec, rows: readonly number[]): void;
  retire(): void;
}

/** What a delta says of them. */
export interface ServiceChanges<Spec> {
  readonly changed: Readonly<Record<string, Spec>> | undefined;
  readonly removed: readonly string[] | undefined;
  readonly rowsOf: (name: string) => readonly number[];
}

export class LiveServices<Spec extends { readonly name: string }, Service extends LiveServiceOf<Spec>> {
  readonly #create: (name: string) => Service;
  readonly #live = new Map<string, Service>();
  /** Those of the build under way. */
  #fresh: ReadonlyMap<string, Service> = new Map();

  constructor(create: (name: string) => Service) {
    this.#create = create;
  }

  /** One that is in effect. */
  get(name: string): Service | undefined {
    return this.#live.get(name);
  }

  /** For what is being built: also one that is not in effect yet. */
  find(name: string): Service | undefined {
    return this.#live.get(name) ?? this.#fresh.get(name);
  }

  values(): Iterable<Service> {
    return this.#live.values();
  }

  /** As of LivePart. */
  *build({ changed = {}, removed = [], rowsOf }: ServiceChanges<Spec>): Generator<void, () => void> {
    const known: [Service, Spec][] = [];
    const unknown: [Service, Spec][] = [];
    for (const spec of Object.values<Spec>(changed)) {
      const service = this.#live.get(spec.name);
      if (service === undefined) unknown.push([this.#create(spec.name), spec]);
      else known.push([service, spec]);
    }
    // All of them exist before one looks for another.
    this.#fresh = new Map(unknown.map(([service, { name }]) => [name, service]));
    let built = 0;
    for (const [service, spec] of unknown) {
      service.update(spec, rowsOf(spec.name));
      if (++built % OBJECTS_PER_STEP === 0) yield;
    }
    return () => {
      for (const [name, service] of this.#fresh) this.#live.set(name, service);
      this.#fresh = new Map();
      for (const [service, spec] of known) service.update(spec, rowsOf(spec.name));
      for (const name of removed) {
        this.#live.get(name)?.retire();
        this.#live.delete(name);
      }
    };
  }
}
