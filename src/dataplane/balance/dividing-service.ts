// A service that hands requests on to other services: `weighted` by turns, `highestRandomWeight` by the client's
// address. When it follows health, children that are down get nothing.

import type { HighestRandomWeightSpec, WeightedSpec } from '../../model/service.ts';
import type { ClientBonds } from '../http/client-bonds.ts';
import type { Exchange } from '../http/exchange.ts';
import { disabledFailure, FAILURES } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { ServiceCount } from './count/service-count.ts';
import { shareKey, type ServiceTable } from './count/service-table.ts';
import type { Candidate, Picker } from './define.ts';
import { createHrw } from './hrw.ts';
import type { ChildService } from './service-kind.ts';
import { StickyCookie } from './sticky-cookie.ts';
import { createWrr } from './wrr.ts';

interface Child {
  readonly service: ChildService;
  readonly weight: number;
}

export interface DividingSurroundings {
  readonly service: (name: string) => ChildService | undefined;
  /** Key of sticky cookies without one of their own. */
  readonly secret: Uint8Array;
  readonly counts: ServiceTable;
}

export class DividingService {
  readonly #surroundings: DividingSurroundings;
  /** Of each child, by its name. */
  #counts: ReadonlyMap<string, ServiceCount> = new Map();
  readonly #healthChanged: () => void;
  #spec: WeightedSpec | HighestRandomWeightSpec | null = null;
  #children: readonly Child[] = [];
  #stopWatching: readonly (() => void)[] = [];
  #picker: Picker<ChildService> | null = null;
  #sticky: StickyCookie<ChildService> | null = null;
  isUp = true;

  constructor(surroundings: DividingSurroundings, healthChanged: () => void) {
    this.#surroundings = surroundings;
    this.#healthChanged = healthChanged;
  }

  update(spec: WeightedSpec | HighestRandomWeightSpec): void {
    this.#stop();
    this.#spec = spec;
    this.#count(spec);
    this.#children = spec.children.map(({ service: name, weight, disabledStatus = 0 }) => {
      if (disabledStatus > 0) return { service: disabledChild(name, disabledStatus), weight };
      const service = this.#surroundings.service(name);
      if (service === undefined) throw new Error(`service ${spec.name}: ${name} is not in the snapshot`);
      return { service, weight };
    });
    if (spec.followsHealth) {
      this.#stopWatching = this.#children.map(({ service }) =>
        service.watch(() => {
          this.refresh();
          this.#healthChanged();
        }),
      );
    }
    const sticky = spec.kind === 'weighted' ? spec.sticky : null;
    this.#sticky =
      sticky === null
        ? null
        : new StickyCookie(
            sticky,
            this.#surroundings.secret,
            spec.name,
            this.#children.map(({ service }) => ({
              target: service,
              key: service.name,
              plainKey: service.name.slice(0, service.name.lastIndexOf('@')),
            })),
          );
    this.refresh();
  }

  refresh(): void {
    const spec = this.#spec;
    if (spec === null) return;
    const isUsable = (child: Child): boolean => !spec.followsHealth || child.service.isUp;
    const candidates: Candidate<ChildService>[] = this.#children
      .filter((child) => child.weight > 0 && isUsable(child))
      .map(({ service, weight }) => ({ target: service, weight, key: service.name }));
    this.#picker = spec.kind === 'weighted' ? createWrr(candidates, this.#picker) : createHrw(candidates);
    this.isUp = candidates.length > 0;
  }

  handle(exchange: Exchange): void | Promise<void> {
    const { bonds } = exchange.client;
    if (bonds !== null) {
      const bound = this.#children.find(({ service }) => service.isBound(bonds));
      if (bound !== undefined) return this.#handOver(exchange, bound.service);
    }
    const sticky = this.#sticky;
    if (sticky !== null) {
      const known = sticky.find(exchange);
      if (known !== null && (known.isUp || !this.#spec!.followsHealth)) return this.#handOver(exchange, known);
    }
    const child = this.#picker?.pick(exchange) ?? null;
    if (child === null) {
      respondFailure(
        exchange,
        this.#children.some(({ weight }) => weight > 0) ? FAILURES.noHealthyServer : FAILURES.noServer,
      );
      return undefined;
    }
    sticky?.assign(exchange, child);
    return this.#handOver(exchange, child);
  }

  #handOver(exchange: Exchange, child: ChildService): void | Promise<void> {
    this.#counts.get(child.name)!.enter(exchange); // Each child has one.
    return child.handle(exchange);
  }

  /** Children that stay go on being counted where they were. */
  #count(spec: WeightedSpec | HighestRandomWeightSpec): void {
    const before = this.#counts;
    const counts = new Map<string, ServiceCount>();
    for (const { service } of spec.children) {
      const key = shareKey(spec.name, service);
      counts.set(service, before.get(service) ?? new ServiceCount(this.#surroundings.counts, key));
    }
    this.#counts = counts;
    for (const [name, count] of before) if (!counts.has(name)) count.retire();
  }

  isBound(bonds: ClientBonds): boolean {
    return this.#children.some(({ service }) => service.isBound(bonds));
  }

  retire(): void {
    this.#stop();
    for (const count of this.#counts.values()) count.retire();
    this.#counts = new Map();
  }

  #stop(): void {
    for (const stop of this.#stopWatching) stop();
    this.#stopWatching = [];
  }
}

/** A share that cannot be served. Where health is followed it is down, and gets nothing. */
function disabledChild(name: string, status: number): ChildService {
  const failure = disabledFailure(status);
  return {
    name,
    isUp: false,
    handle: (exchange) => respondFailure(exchange, failure),
    watch: () => () => {},
    isBound: () => false,
  };
}
