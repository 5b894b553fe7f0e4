// A worker's counts of one service, or of one child of a service that divides. A request enters where it is handed
// over, and is counted there when it is over; where it has entered several, they hang together, so that an exchange
// holds one of them.

import type { Exchange, ExchangeObserver } from '../../http/exchange.ts';
import {
  bucketOf,
  FAILED,
  IN_FLIGHT,
  kindOf,
  MILLISECONDS,
  NO_ROW,
  REQUESTS,
  type ServiceTable,
} from './service-table.ts';

/** Nothing has been counted: it has no row yet. */
const UNCLAIMED = -2;

export class ServiceCount {
  private readonly table: ServiceTable;
  private readonly key: string;
  /** For a request that has entered nothing else. */
  private readonly first: Entered;
  private row = UNCLAIMED;
  /** First cell of this worker's part of it. */
  private at = 0;
  private inFlight = 0;
  private isRetired = false;

  /** `key` is the service's name, or a `shareKey`. */
  constructor(table: ServiceTable, key: string) {
    this.table = table;
    this.key = key;
    this.first = new Entered(this, null);
  }

  /** One more request is in progress, which tells at its end. */
  enter(exchange: Exchange): void {
    if (this.row === UNCLAIMED) {
      this.row = this.table.claim(this.key);
      this.at = this.row === NO_ROW ? 0 : this.table.at(this.row);
    }
    this.inFlight++;
    if (this.row !== NO_ROW) this.table.cells[this.at + IN_FLIGHT] = this.inFlight;
    const before = exchange.counted as Entered | null; // Nothing else is put there.
    exchange.counted = before === null ? this.first : this.first.after(before);
  }

  /** The request is over. */
  leave(exchange: Exchange): void {
    this.inFlight--;
    if (this.row === NO_ROW) return;
    const { cells } = this.table;
    const { at } = this;
    cells[at + IN_FLIGHT] = this.inFlight;
    cells[at + REQUESTS]! += 1;
    if (exchange.originStartMs !== 0) {
      const ms = exchange.originDurationMs;
      cells[at + MILLISECONDS]! += ms;
      cells[at + bucketOf(ms)]! += 1;
    }
    const kind = exchange.failure === null ? (exchange.originStatus >= 500 ? 0 : -1) : kindOf(exchange.failure);
    if (kind >= 0) cells[at + FAILED + kind]! += 1;
    if (this.isRetired) this.releaseIfIdle();
  }

  /** No request enters any more; the row is given back when those in progress are over. */
  retire(): void {
    if (this.isRetired) return;
    this.isRetired = true;
    this.releaseIfIdle();
  }

  private releaseIfIdle(): void {
    if (this.inFlight > 0 || this.row < 0) return;
    this.table.release(this.row);
    this.row = NO_ROW;
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
