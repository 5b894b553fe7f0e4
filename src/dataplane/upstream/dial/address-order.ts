// In which order the addresses of one server are tried: by turns, and last of all those that did not answer lately. An
// address that swallows packets would otherwise cost every second connection the delay before the next one is tried.

import type { Address } from '../name/address.ts';

/** For this long an address that failed stands behind the others. */
const SHUNNED_MS = 30_000;
/** A name whose addresses change all the time must not fill memory. */
const MAX_SHUNNED = 32;

export class AddressOrder {
  private turn = 0;
  /** When addresses failed last; only of such as the name has. */
  private failedAtMs: Map<string, number> | null = null;

  /** All of `addresses`, those first that are to be tried first. */
  next(addresses: readonly Address[], nowMs: number): readonly Address[] {
    if (addresses.length < 2) return addresses;
    const first = this.turn++ % addresses.length;
    const turned = [...addresses.slice(first), ...addresses.slice(0, first)];
    const failedAtMs = this.failedAtMs;
    if (failedAtMs === null) return turned;
    for (const [host, atMs] of failedAtMs) {
      if (nowMs - atMs >= SHUNNED_MS || !addresses.some((address) => address.host === host)) failedAtMs.delete(host);
    }
    if (failedAtMs.size === 0) this.failedAtMs = null;
    return [
      ...turned.filter(({ host }) => !failedAtMs.has(host)),
      ...turned.filter(({ host }) => failedAtMs.has(host)),
    ];
  }

  /** It refused, or another one answered while it was silent. */
  failed(address: Address, nowMs: number): void {
    if (this.failedAtMs === null || this.failedAtMs.size >= MAX_SHUNNED) this.failedAtMs = new Map();
    this.failedAtMs.set(address.host, nowMs);
  }

  worked(address: Address): void {
    this.failedAtMs?.delete(address.host);
  }
}
