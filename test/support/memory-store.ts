// A state store that lives as long as its test, and what survives it: the same documents for the next one.

import type { Lease, StateStore, StoredEntry, StoreEvent } from '../../src/controlplane/store/define.ts';
import { checkKey } from '../../src/controlplane/store/define.ts';
import { documentLease } from '../../src/controlplane/store/document-lease.ts';
import { RevisionLog } from '../../src/controlplane/store/revision-log.ts';

export interface Kept {
  readonly documents: Map<string, StoredEntry>;
  revision: number;
}

export class MemoryStore implements StateStore {
  readonly #kept: Kept;
  readonly #now: () => number;
  readonly #log: RevisionLog;

  constructor(kept: Kept, now: () => number, events: number) {
    this.#kept = kept;
    this.#now = now;
    this.#log = new RevisionLog(events);
  }

  start(): Promise<void> {
    this.#log.begin(this.#kept.revision);
    return Promise.resolve();
  }

  get revision(): number {
    return this.#log.revision;
  }

  async get(key: string): Promise<unknown> {
    return (await this.read(key))?.value ?? null;
  }

  read(key: string): Promise<StoredEntry | null> {
    checkKey(key);
    return Promise.resolve(structuredClone(this.#kept.documents.get(key) ?? null));
  }

  async put(key: string, value: unknown): Promise<number> {
    checkKey(key);
    const revision = this.#next();
    this.#kept.documents.set(key, { value: structuredClone(value), revision });
    this.#log.happened({ kind: 'put', key, revision });
    return Promise.resolve(revision);
  }

  async putIf(key: string, value: unknown, revision: number): Promise<number | null> {
    return (this.#kept.documents.get(key)?.revision ?? 0) === revision ? this.put(key, value) : null;
  }

  delete(key: string): Promise<void> {
    checkKey(key);
    if (this.#kept.documents.delete(key)) this.#log.happened({ kind: 'delete', key, revision: this.#next() });
    return Promise.resolve();
  }

  list(prefix: string): Promise<readonly string[]> {
    return Promise.resolve([...this.#kept.documents.keys()].filter((key) => key.startsWith(prefix)).toSorted());
  }

  watch(prefix: string, since: number, told: (event: StoreEvent) => void): () => void {
    return this.#log.watch(prefix, since, told);
  }

  lease(name: string, owner: string, forMs: number): Promise<Lease | null> {
    return documentLease(this, { name, owner, forMs }, this.#now);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  #next(): number {
    this.#kept.revision = this.#log.next();
    return this.#kept.revision;
  }
}
