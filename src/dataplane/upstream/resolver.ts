// Addresses of server names, kept fresh off the request path. A name is looked up when its first endpoint appears and
// again every few seconds while one exists; when a lookup fails the last addresses stay. A request waits only for the
// very first answer.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { internalSocket } from '../../model/service.ts';

export interface Address {
  readonly host: string;
  readonly family: 4 | 6;
}

/** All A and AAAA addresses of a name, in resolver order. */
export type LookUp = (host: string) => Promise<readonly Address[]>;

const REFRESH_MS = 5_000;

export async function lookUpAll(host: string): Promise<readonly Address[]> {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address, family }) => ({ host: address, family: family === 6 ? 6 : 4 }));
}

class Name {
  addresses: readonly Address[] = [];
  users = 0;
  /** Settles with the first answer; null afterwards. */
  first: Promise<void> | null = null;
  error: string | null = null;
  isBusy = false;
}

export class Resolver {
  readonly #lookUp: LookUp;
  readonly #socketDirectory: string;
  readonly #names = new Map<string, Name>();
  #timer: NodeJS.Timeout | null = null;

  /** `socketDirectory` holds the sockets of internal services. */
  constructor(lookUp: LookUp = lookUpAll, socketDirectory = '') {
    this.#lookUp = lookUp;
    this.#socketDirectory = socketDirectory;
  }

  /** Keeps the name fresh until `release`. */
  retain(host: string): void {
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
    this.#timer ??= setInterval(() => this.refreshAll(), REFRESH_MS).unref();
  }

  release(host: string): void {
    const name = this.#names.get(host);
    if (name === undefined || --name.users > 0) return;
    this.#names.delete(host);
    if (this.#names.size === 0) this.stop();
  }

  /** Known addresses at once, or a promise while the first lookup runs. Empty when the name has never resolved. */
  addresses(host: string): readonly Address[] | Promise<readonly Address[]> {
    if (host.startsWith('@')) return [{ host: internalSocket(this.#socketDirectory, host.slice(1)), family: 4 }];
    const family = isIP(host);
    if (family !== 0) return [{ host, family: family === 6 ? 6 : 4 }];
    const name = this.#names.get(host);
    if (name === undefined) return [];
    if (name.first !== null && name.addresses.length === 0) return name.first.then(() => name.addresses);
    return name.addresses;
  }

  /** Asks for every name anew; the interval calls it. */
  refreshAll(): void {
    for (const [host, name] of this.#names) void this.#refresh(host, name);
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
      if (found.length > 0) name.addresses = found;
      name.error = null;
    } catch (error) {
      // Not a reason to drop what worked: name servers fail more often than servers move.
      name.error = error instanceof Error ? error.message : String(error);
    } finally {
      name.isBusy = false;
    }
  }
}
