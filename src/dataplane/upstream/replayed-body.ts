// The begin of a request body that went to a server which has surely not acted on it: kept, while it is short, so that the
// request can go to another connection. Most calls of gRPC are that short.

import type { Exchange } from '../http/exchange.ts';
import type { HeaderList } from '../http/header-list.ts';

/** What is kept of a body; a longer one is lost with its server. */
export const MAX_REPLAYED_BYTES = 8 * 1024;

export class ReplayedBody {
  /** Latin-1: a byte per character. */
  text: string;
  isComplete = false;
  trailers: HeaderList | null = null;

  constructor(text: string) {
    this.text = text;
  }
}

const parked = new WeakMap<Exchange, ReplayedBody>();

/** For the next connection the exchange is given to. */
export function parkBody(exchange: Exchange, body: ReplayedBody): void {
  parked.set(exchange, body);
}

/** What the connection has to send before it reads the rest; null for nothing. */
export function takeParkedBody(exchange: Exchange): ReplayedBody | null {
  const body = parked.get(exchange) ?? null;
  if (body !== null) parked.delete(exchange);
  return body;
}
