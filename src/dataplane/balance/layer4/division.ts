// A TCP or UDP service that divides connections or sessions between other services by their weights. When it follows
// health, children that are down get nothing.

import type { ChildSpec } from '../../../model/service.ts';
import { ServiceRow } from '../count/service-row.ts';
import { shareKey } from '../count/service-table.ts';
import type { Visits } from '../count/visits.ts';
import { createWrr, type TurnPicker } from '../wrr.ts';
import type { AskedService, Layer4Surroundings } from './service-kind.ts';

/** What the kinds of both transports say. */
export interface DivisionSpec {
  readonly name: string;
  readonly children: readonly ChildSpec[];
  /** Left out where there is no health to follow. */
  readonly followsHealth?: boolean;
}

interface Child<Endpoint> {
  /** Null for one that cannot be served: its share goes nowhere. */
  readonly service: AskedService<Endpoint> | null;
  readonly row: ServiceRow;
}

export class Division<Endpoint> {
  readonly #surroundings: Layer4Surroundings<Endpoint>;
  readonly #healthChanged: () => void;
  #spec: DivisionSpec = { name: '', children: [] };
  /** By name. */
  #children: ReadonlyMap<string, Child<Endpoint>> = new Map();
  #stops: readonly (() => void)[] = [];
  #picker: TurnPicker<Child<Endpoint>> | null = null;

  constructor(surroundings: Layer4Surroundings<Endpoint>, healthChanged: () => void) {
    this.#surroundings = surroundings;
    this.#healthChanged = healthChanged;
  }

  update(spec: DivisionSpec): void {
    this.#stopWatching();
    this.#spec = spec;
    this.#setChildren(spec);
    this.#stops = [...this.#children.values()].flatMap(({ service }) => {
      const stop = service?.watch(() => {
        this.refresh();
        this.#healthChanged();
      });
      return stop === undefined ? [] : [stop];
    });
    this.refresh();
  }

  /** Those that stay go on being counted where they were. */
  #setChildren({ name, children }: DivisionSpec): void {
    const { service: find, counts, keyOf } = this.#surroundings;
    const before = this.#children;
    const now = new Map<string, Child<Endpoint>>();
    for (const { service: child, disabledStatus = 0 } of children) {
      const service = disabledStatus > 0 ? null : find(child);
      if (service === undefined) continue;
      const row = before.get(child)?.row ?? new ServiceRow(counts, shareKey(keyOf(name), child));
      now.set(child, { service, row });
    }
    this.#children = now;
    for (const [child, { row }] of before) if (!now.has(child)) row.retire();
  }

  get isUp(): boolean {
    return this.#spec.followsHealth !== true || this.#some((service) => service.isUp);
  }

  get hasServers(): boolean {
    return this.#some((service) => service.hasServers);
  }

  #some(holds: (service: AskedService<Endpoint>) => boolean): boolean {
    for (const { service } of this.#children.values()) if (service !== null && holds(service)) return true;
    return false;
  }

  pick(visits: Visits | null): Endpoint | null {
    const depth = visits?.depth ?? 0;
    const endpoint = this.#ask(visits);
    if (endpoint !== null || this.#spec.followsHealth !== true) return endpoint;
    // The one whose turn it was has just turned out to be down.
    this.refresh();
    visits?.backTo(depth);
    return this.#ask(visits);
  }

  #ask(visits: Visits | null): Endpoint | null {
    const child = this.#picker?.pick() ?? null;
    if (child === null) return null;
    visits?.through(child.row);
    return child.service?.pick(visits) ?? null;
  }

  refresh(): void {
    const { children, followsHealth = false } = this.#spec;
    const candidates = children.flatMap(({ service: name, weight }) => {
      const target = weight > 0 ? this.#children.get(name) : undefined;
      if (target === undefined || (followsHealth && target.service?.isUp !== true)) return [];
      return [{ target, weight, key: name }];
    });
    this.#picker = createWrr(candidates, this.#picker);
  }

  retire(): void {
    this.#stopWatching();
    for (const { row } of this.#children.values()) row.retire();
    this.#children = new Map();
    this.#picker = null;
  }

  #stopWatching(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }
}
