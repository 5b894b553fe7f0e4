// Notices that watched files may have changed: editors that write in place or rename over, directories that appear, and
// mounts that swap a symbolic link. It only says "look again"; what has changed is found by reading. The kernel tells
// of most changes at once. It does not of a file that is mounted or linked from elsewhere, of network file systems, or
// when it has no more watches to give: every few seconds the files themselves are asked.

import { watch, type FSWatcher } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../../../core/log.ts';

/** A save is several events, and a reader between them sees half a file. */
const QUIET_MS = 50;
const POLL_MS = 2_000;
/** Asking ten thousand files takes a while: at most this part of the time goes into it. */
const POLL_SHARE = 0.05;
/** What failed is tried again after this, then after twice as long, and so on. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

export interface WatchSystem {
  /** Calls back once after the time; does not keep the process alive. */
  after(ms: number, callback: () => void): { close(): void };
  now(): number;
  /** Throws, or tells later, when the kernel has no more watches. */
  watch(directory: string, changed: () => void): Pick<FSWatcher, 'close' | 'on'>;
}

const SYSTEM: WatchSystem = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return { close: () => clearTimeout(timer) };
  },
  now: () => performance.now(),
  watch: (directory, changed) => watch(directory, { persistent: false }, changed),
};

export class FileWatch {
  readonly #changed: () => void;
  readonly #log: Log;
  readonly #system: WatchSystem;
  /** Null for a directory that the kernel does not watch. */
  readonly #watchers = new Map<
    string,
    { readonly watcher: Pick<FSWatcher, 'close'> | null; readonly identity: string }
  >();
  /** What is asked, and what each said when it was last read. */
  #asked = new Map<string, string>();
  #timer: { close(): void } | null = null;
  #poll: { close(): void } | null = null;
  #retry: { close(): void } | null = null;
  #retryMs = RETRY_MS;
  #hasWarned = false;
  #isStopped = false;

  constructor(changed: () => void, log: Log, system: WatchSystem = SYSTEM) {
    this.#changed = changed;
    this.#log = log;
    this.#system = system;
  }

  /** Watches these directories and those that hold the files, also behind symbolic links; drops all others. */
  async follow(directories: readonly string[], files: readonly string[]): Promise<void> {
    const wanted = new Set(directories);
    for (const file of files) {
      wanted.add(dirname(file));
      const real = await realpath(file).catch(() => file);
      wanted.add(dirname(real));
    }
    const identities = new Map<string, string>();
    for (const directory of wanted) {
      const info = await stat(directory).catch(() => null);
      // Inode numbers are given out again at once.
      if (info !== null) identities.set(directory, `${info.dev} ${info.ino} ${info.birthtimeMs}`);
    }
    const asked = await statesOf([...wanted, ...files]);
    if (this.#isStopped) return;
    this.#keepAsked(asked);
    for (const [directory, { watcher, identity }] of this.#watchers) {
      // A directory made anew under the old name is another one to the kernel.
      if (identities.get(directory) === identity) continue;
      watcher?.close();
      this.#watchers.delete(directory);
    }
    for (const [directory, identity] of identities) {
      if (this.#watchers.has(directory)) continue;
      this.#open(directory, identity);
      // What changed between the reading and the watching has not been seen.
      this.#schedule();
    }
    this.#poll ??= this.#system.after(POLL_MS, () => void this.#ask());
  }

  /** As if something had changed. */
  lookAgain(): void {
    this.#schedule();
  }

  /** What could not be read will be read again, whether it changes or not. */
  retry(): void {
    if (this.#isStopped || this.#retry !== null) return;
    this.#retry = this.#system.after(this.#retryMs, () => {
      this.#retry = null;
      this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
      this.#changed();
    });
  }

  /** Everything could be read. */
  succeeded(): void {
    this.#retryMs = RETRY_MS;
    this.#retry?.close();
    this.#retry = null;
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of [this.#timer, this.#poll, this.#retry]) timer?.close();
    for (const { watcher } of this.#watchers.values()) watcher?.close();
    this.#watchers.clear();
  }

  /** What changed while it was being read is not forgotten: what was asked before the reading counts. */
  #keepAsked(asked: ReadonlyMap<string, string>): void {
    const kept = new Map<string, string>();
    for (const [path, state] of asked) kept.set(path, this.#asked.get(path) ?? state);
    this.#asked = kept;
  }

  async #ask(): Promise<void> {
    const begin = this.#system.now();
    const states = await statesOf([...this.#asked.keys()]);
    if (this.#isStopped) return;
    let isChanged = false;
    for (const [path, state] of states) {
      const before = this.#asked.get(path);
      if (before === undefined || before === state) continue;
      this.#asked.set(path, state);
      isChanged = true;
    }
    if (isChanged) this.#schedule();
    const took = this.#system.now() - begin;
    this.#poll = this.#system.after(Math.max(POLL_MS, took / POLL_SHARE), () => void this.#ask());
  }

  #open(directory: string, identity: string): void {
    try {
      const watcher = this.#system.watch(directory, () => this.#schedule());
      watcher.on('error', (error) => {
        watcher.close();
        if (this.#watchers.get(directory)?.watcher !== watcher) return;
        this.#watchers.set(directory, { watcher: null, identity });
        this.#warn(directory, error);
      });
      this.#watchers.set(directory, { watcher, identity });
    } catch (error) {
      this.#watchers.set(directory, { watcher: null, identity });
      this.#warn(directory, error);
    }
  }

  /** Once: there may be thousands of directories. */
  #warn(directory: string, error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    this.#log.warn('the kernel does not watch a configuration directory; its files are asked every few seconds', {
      directory,
      error: code,
      ...(code === 'ENOSPC' || code === 'EMFILE' ? { hint: 'raise fs.inotify.max_user_watches and _instances' } : {}),
    });
  }

  #schedule(): void {
    // Not put off by further events: a file that changes all the time is still read.
    if (this.#isStopped || this.#timer !== null) return;
    this.#timer = this.#system.after(QUIET_MS, () => {
      this.#timer = null;
      this.#changed();
    });
  }
}

/** By path: what tells a file from its next version, '' while it is not there. */
async function statesOf(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const states = new Map<string, string>();
  for (const path of paths) {
    const info = await stat(path).catch(() => null);
    states.set(path, info === null ? '' : `${info.dev} ${info.ino} ${info.size} ${info.mtimeMs} ${info.ctimeMs}`);
  }
  return states;
}
