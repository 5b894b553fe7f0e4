// A request that waits for a connection, either of those within the limit or the one being opened; its client may leave
// meanwhile.

import { Deadline } from '../../core/timer-wheel.ts';
import type { BodySource } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';

/** What a request waits for; a dial. */
export interface WaiterQueue {
  /** A client has left: what only it has waited for is given up. */
  forget(waiter: Waiter): void;
}

export interface WaiterOwner {
  /** Its client has left. */
  dropWaiter(waiter: Waiter): void;
  /** It has waited for as long as a request may. */
  waitedTooLong(waiter: Waiter): void;
}

export class Waiter implements BodySource {
  readonly exchange: Exchange;
  /** What it waits for; null for any connection. */
  readonly dial: WaiterQueue | null;
  /** Armed by the owner where the dial has none. */
  readonly deadline: Deadline;
  private readonly owner: WaiterOwner;

  constructor(owner: WaiterOwner, exchange: Exchange, dial: WaiterQueue | null) {
    this.owner = owner;
    this.exchange = exchange;
    this.dial = dial;
    this.deadline = new Deadline(() => owner.waitedTooLong(this));
  }

  resume(): void {}
  cancel(): void {
    this.owner.dropWaiter(this);
  }
}
