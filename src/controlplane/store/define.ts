// What of the control plane must survive its process: JSON documents under keys. Small enough for a directory as for a
// consensus store. Each write has a revision, which counts up over the whole store and over restarts: by it one writer
// knows that another was there before, and a watcher where it left off.

/** A document as it was last put. */
export interface StoredEntry {
  readonly value: unknown;
  /** Of the store when it was put; never 0. */
  readonly revision: number;
}

/** Without the document, of which many may be kept in memory: whoever wants it reads it, and gets the newest. */
export interface StoreEvent {
  readonly kind: 'put' | 'delete';
  readonly key: string;
  readonly revision: number;
}

/** What was asked for is not kept any more: list again, and watch from the revision of before the list. */
export class CompactedError extends Error {}

/** The right to do what only one may do at a time, until it is released or its time is over. */
export interface Lease {
  /**
   * Greater than that of whoever had it before. Whoever acts on something with a lease says it; what has seen a greater
   * one refuses.
   */
  readonly fence: number;
  /** For as long again; false when it is another's by now, for good. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

export interface StateStore {
  /** Rejects with ERR_STATE_LOCKED or ERR_STATE_UNUSABLE; nothing else is called before it settles. */
  start(): Promise<void>;
  /** Of the last write. */
  readonly revision: number;
  /**
   * The document last put there, the one before when that cannot be read, or null when there is none. Rejects with
   * ERR_STATE_UNUSABLE when a newer program has written it.
   */
  get(key: string): Promise<unknown>;
  /** As `get`, with its revision. */
  read(key: string): Promise<StoredEntry | null>;
  /**
   * Settles with the revision when the document would survive a loss of power. Writes of one key take effect in the
   * order of the calls.
   */
  put(key: string, value: unknown): Promise<number>;
  /** Puts it if the document is of this revision, 0 for none; null when it is not, and nothing has changed. */
  putIf(key: string, value: unknown, revision: number): Promise<number | null>;
  delete(key: string): Promise<void>;
  /** Keys that begin with the prefix, in order. */
  list(prefix: string): Promise<readonly string[]>;
  /**
   * Tells of every write to keys with the prefix after the revision, in order, those of before the call first. Throws a
   * CompactedError when they are not all kept. Returns the way to stop.
   */
  watch(prefix: string, since: number, told: (event: StoreEvent) => void): () => void;
  /** Null while another has it. Times are the clock's of whoever asks: leases are for longer than clocks differ. */
  lease(name: string, owner: string, forMs: number): Promise<Lease | null>;
  stop(): Promise<void>;
}

/** Segments of letters, digits, `-`, `_` and `.`, separated by slashes. */
const KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const MAX_KEY_LENGTH = 200;
export const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/** Throws a TypeError: keys are the program's own. */
export function checkKey(key: string): void {
  if (key.length > MAX_KEY_LENGTH || !KEY.test(key)) throw new TypeError(`"${key}" is no key of the state store`);
}
