// Keys of TLS session tickets, for all data planes of a control plane. They are replaced from time to time: whoever
// gets hold of one can read the sessions of its time, and no more. That costs each client one full handshake.

import { randomBytes } from 'node:crypto';
import type { LatestValue } from '../core/latest-value.ts';

/** Name, HMAC key and cipher key, as OpenSSL wants them. */
const TICKET_KEY_BYTES = 48;

/** Those of the process before, in Base64, if they are any. */
export function firstTicketKeys(inherited: string | null): Uint8Array {
  const keys = inherited === null ? null : Buffer.from(inherited, 'base64');
  return keys?.length === TICKET_KEY_BYTES ? keys : randomBytes(TICKET_KEY_BYTES);
}

export class TicketKeyRotation {
  readonly #keys: LatestValue<Uint8Array>;
  readonly #lifeMs: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(keys: LatestValue<Uint8Array>, lifeMs: number) {
    this.#keys = keys;
    this.#lifeMs = lifeMs;
  }

  start(): void {
    this.#timer = setInterval(() => this.#keys.set(randomBytes(TICKET_KEY_BYTES)), this.#lifeMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
