// Addresses of server names, kept fresh off the request path. A name is looked up when its first endpoint appears and
// again every few seconds while one exists. A request waits only for the very first answer.
//
// Name servers fail more often than servers move: an answer that does not come leaves the last addresses as they are,
// and the name is asked for less and less often. A server that says that the name is gone is believed after a while,
// and so is one that no longer names an address: what is connected there is told, so that it can leave.

import { isIP } from 'node:net';
import type { Clock } from '../../../core/clock.ts';
import { SystemClock } from '../../../core/clock.ts';
import { internalSocket } from '../../../model/service.ts';
import type { Address } from './address.ts';
import { createHostLookup, NoSuchName } from './host-lookup.ts';
import { messageOf } from '../../../core/errors.ts';

/** All A and AAAA addresses of a name. Rejects with `NoSuchName` only when there surely are none. */
export type LookUp = (host: string) => Promise<readonly Address[]>;

/** Who wants to know that addresses of a name are gone. */
export interface AddressFollower {
  /** The name has had none of these for a while. */
  addressesGone(isGone: (host: string) => boolean): void;
}

export interface ResolverOptions {
  readonly lookUp?: LookUp;
  /** Holds the sockets of internal services. */
  readonly socketDirectory?: string;
  readonly clock?: Clock;
}

const TICK_MS = 1_000;
const REFRESH_MS = 5_000;
const MAX_REFRESH_MS = 60_000;
/** For so long a name, or an address of it, may be missing from answers: rolling restarts and answers in part. */
const GRACE_MS = 15_000;
/** Answers of a name that takes turns with very many addresses must not fill memory. */
const MAX_REMEMBERED = 256;

class Name {
  addresses: readonly Address[] = [];
  users = 0;
  readonly followers = new Set<AddressFollower>();
  /** When each address was last in an answer. */
  readonly seenMs = new Map<string, number>();
  /** Settles with the first answer; null afterwards. */
  first: Promise<void> | null = null;
  /** Why the last look-up found nothing; null when it did. */
  error: string | null = null;
  isBusy = false;
  dueMs = 0;
  failures = 0;
  /** Since when the name is said not to exist; -1 while it does. */
  absentMs = -1;
}

export class Resolver {
  readonly #lookUp: LookUp;
  readonly #socketDirectory: string;
  readonly #clock: Clock;
  readonly #names = new Map<string, Name>();
  #timer: NodeJS.Timeout | null = null;

  constructor({ lookUp, socketDirectory = '', clock = new SystemClock() }: ResolverOptions = {}) {
    this.#lookUp = lookUp ?? createHostLookup();
    this.#socketDirectory = socketDirectory;
    this.#clock = clock;
  }

  /** Keeps the name fresh until `release`. */
  retain(host: string, follower: AddressFollower | null = null): void {
    if (isIP(host) !== 0 || host.startsWith('@')) return;
    let name = this.#names.get(host);
    if (name === undefined) {
      name = new Name();
      this.#names.set(host, name);
      const fresh = name;
      fresh.first = this.#refresh(host, fresh).then(() => {
        fresh.first = null;
      });
    }
    name.users++;
    if (follower !== null) name.followers.add(follower);
    this.#timer ??= setInterval(() => this.tick(), TICK_MS).unref();
  }

  release(host: string, follower: AddressFollower | null = null): void {
    const name = this.#names.get(host);
    if (name === undefined) return;
    if (follower !== null) name.followers.delete(follower);
    if (--name.users > 0) return;
    this.#names.delete(host);
    if (this.#names.size === 0) this.stop();
  }

  /** Known addresses at once, or a promise while the first look-up runs. Empty when there are none. */
  addresses(host: string): readonly Address[] | Promise<readonly Address[]> {
    if (host.startsWith('@')) return [{ host: internalSocket(this.#socketDirectory, host.slice(1)), family: 4 }];
    const family = isIP(host);
    if (family !== 0) return [{ host, family: family === 6 ? 6 : 4 }];
    const name = this.#names.get(host);
    if (name === undefined) return [];
    if (name.first !== null && name.addresses.length === 0) return name.first.then(() => name.addresses);
    return name.addresses;
  }

  /** What was wrong at the last look-up, in words. */
  problem(host: string): string {
    return this.#names.get(host)?.error ?? `the name "${host}" has no address`;
  }

  /** Asks anew for every name that is due. The interval calls it; tests with a manual clock call it themselves. */
  tick(): void {
    const nowMs = this.#clock.now();
    for (const [host, name] of this.#names) if (nowMs >= name.dueMs) void this.#refresh(host, name);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #refresh(host: string, name: Name): Promise<void> {
    if (name.isBusy) return;
    name.isBusy = true;
    try {
      const found = await this.#lookUp(host);
      if (found.length === 0) throw new NoSuchName(host);
      this.#found(name, found);
    } catch (error) {
      this.#failed(name, error);
    } finally {
      name.isBusy = false;
    }
  }

  #found(name: Name, found: readonly Address[]): void {
    const nowMs = this.#clock.now();
    name.error = null;
    name.failures = 0;
    name.absentMs = -1;
    name.dueMs = nowMs + REFRESH_MS;
    name.addresses = found;
    for (const { host } of found) {
      // Anew, so that the order of the map is that of time.
      name.seenMs.delete(host);
      name.seenMs.set(host, nowMs);
    }
    const before = name.seenMs.size;
    for (const [address, seenMs] of name.seenMs) {
      if (nowMs - seenMs < GRACE_MS && name.seenMs.size <= MAX_REMEMBERED) break;
      name.seenMs.delete(address);
    }
    if (name.seenMs.size < before) this.#tell(name);
  }

  #failed(name: Name, error: unknown): void {
    const nowMs = this.#clock.now();
    name.error = messageOf(error);
    name.failures++;
    // Names that fail are asked for rarely: most of them will go on failing.
    const patience = name.addresses.length > 0 ? REFRESH_MS : REFRESH_MS * 2 ** Math.min(name.failures - 1, 8);
    name.dueMs = nowMs + Math.min(MAX_REFRESH_MS, patience);
    if (!(error instanceof NoSuchName)) {
      name.absentMs = -1;
      return;
    }
    if (name.absentMs < 0) name.absentMs = nowMs;
    if (nowMs - name.absentMs < GRACE_MS || name.addresses.length === 0) return;
    name.addresses = [];
    name.seenMs.clear();
    this.#tell(name);
  }

  #tell(name: Name): void {
    for (const follower of name.followers) follower.addressesGone((host) => !name.seenMs.has(host));
  }
}
