// The start of a request on a connection that has rested. The server may have closed it, and the end may be waiting in
// the kernel behind the request: for a request that cannot be repeated that is looked at first.

import type { BodySource } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';

/** A connection that has served a moment ago is not about to be closed. */
export const RESTED_MS = 1_000;

/** A connection that takes one request at a time. */
interface Startable {
  readonly isOpen: boolean;
  start(exchange: Exchange): void;
}

/** The pool as it sees it. */
export interface LateStartOwner<Connection> {
  /** The request has not been sent: its connection is free, unless it is gone. */
  notStarted(connection: Connection): void;
  /** Anew, elsewhere. */
  send(exchange: Exchange): void;
}

export class LateStart<Connection extends Startable> implements BodySource {
  private readonly owner: LateStartOwner<Connection>;
  private readonly connection: Connection;
  private readonly exchange: Exchange;
  private isOver = false;

  constructor(owner: LateStartOwner<Connection>, connection: Connection, exchange: Exchange) {
    this.owner = owner;
    this.connection = connection;
    this.exchange = exchange;
    exchange.responseSource = this;
    // Twice: what is readable now may have been gathered before the request came; the second look is one that began
    // after it.
    setImmediate(() => setImmediate(() => this.start()));
  }

  private start(): void {
    if (this.isOver) return;
    this.isOver = true;
    const { exchange, connection } = this;
    exchange.responseSource = null;
    if (connection.isOpen) connection.start(exchange);
    else {
      this.owner.notStarted(connection);
      this.owner.send(exchange);
    }
  }

  resume(): void {}

  cancel(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.owner.notStarted(this.connection);
  }
}
