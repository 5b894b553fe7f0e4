// What of the control plane must survive its process: JSON documents under keys. Small enough for a directory as for a
// consensus store; one process at a time writes.

export interface StateStore {
  /** Rejects with ERR_STATE_LOCKED or ERR_STATE_UNUSABLE; nothing else is called before it settles. */
  start(): Promise<void>;
  /** The document last put there, the one before when that cannot be read, or null when there is none. */
  get(key: string): Promise<unknown>;
  /** Settles when the document would survive a loss of power. Writes of one key take effect in the order of the calls. */
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** Keys that begin with the prefix, in order. */
  list(prefix: string): Promise<readonly string[]>;
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
