// A worker's counts of one service, or of one child of a service that divides. A request enters where it is handed
// over, and is counted there when it is over; where it has entered several, they hang together, so that an exchange
// holds one of them.

import type { Exchange, ExchangeObserver } from '../../http/exchange.ts';
import { ServiceRow } from './service-row.ts';
import { bucketOf, kindOf, type ServiceTable } from './service-table.ts';

export class ServiceCount extends ServiceRow {
  /** For a request that has entered nothing else. */
  private readonly first: Entered;

  /** `key` is the service's name, or a `shareKey`. */
  constructor(table: ServiceTable, key: string) {
    super(table, key);
    this.first = new Entered(this, null);
  }

  /** One more request is in progress, which tells at its end. */
  enter(exchange: Exchange): void {
    this.open();
    const before = exchange.counted as Entered | null; // Nothing else is put there.
    exchange.counted = before === null ? this.first : this.first.after(before);
  }

  /** The request is over. */
  leave(exchange: Exchange): void {
    const { failure } = exchange;
    const kind = failure === null ? (exchange.originStatus >= 500 ? 0 : -1) : kindOf(failure.flag);
    if (exchange.originStartMs === 0) this.close(0, -1, kind);
    else {
      const ms = exchange.originDurationMs;
      this.close(ms, bucketOf(ms), kind);
    }
  }
}

/** Where a request has entered, and where before that. */
class Entered implements ExchangeObserver {
  private readonly count: ServiceCount;
  private readonly before: Entered | null;
  /** The one that requests came from last, which they will again: nothing is made for a request. */
  private lastBefore: Entered | null = null;
  private lastAfter: Entered | null = null;
  private readonly others = new WeakMap<Entered, Entered>();

  constructor(count: ServiceCount, before: Entered | null) {
    this.count = count;
    this.before = before;
  }

  after(before: Entered): Entered {
    if (this.lastBefore === before) return this.lastAfter!;
    let entered = this.others.get(before);
    if (entered === undefined) {
      entered = new Entered(this.count, before);
      this.others.set(before, entered);
    }
    this.lastBefore = before;
    this.lastAfter = entered;
    return entered;
  }

  finished(exchange: Exchange): void {
    this.count.leave(exchange);
    for (let one = this.before; one !== null; one = one.before) one.count.leave(exchange);
  }
}
