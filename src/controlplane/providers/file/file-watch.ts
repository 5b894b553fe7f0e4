// Notices that watched files may have changed: editors that write in place or rename over, directories that appear, and
// mounts that swap a symbolic link. It only says "look again"; what has changed is found by reading.

import { watch, type FSWatcher } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../../../core/log.ts';

/** A save is several events, and a reader between them sees half a file. */
const QUIET_MS = 50;

export class FileWatch {
  readonly #changed: () => void;
  readonly #log: Log;
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly identity: string }>();
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(changed: () => void, log: Log) {
    this.#changed = changed;
    this.#log = log;
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
    if (this.#isStopped) return;
    for (const [directory, { watcher, identity }] of this.#watchers) {
      // A directory made anew under the old name is another one to the kernel.
      if (identities.get(directory) === identity) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const [directory, identity] of identities) {
      if (this.#watchers.has(directory)) continue;
      this.#open(directory, identity);
      // What changed between the reading and the watching has not been seen.
      this.#schedule();
    }
  }

  /** As if something had changed. */
  lookAgain(): void {
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #open(directory: string, identity: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#schedule());
      watcher.on('error', (error) => {
        this.#log.warn('a configuration directory can no longer be watched', { directory, error: error.message });
        watcher.close();
        this.#watchers.delete(directory);
        this.#schedule();
      });
      this.#watchers.set(directory, { watcher, identity });
    } catch (error) {
      this.#log.warn('a configuration directory cannot be watched; send SIGHUP after changes', {
        directory,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #schedule(): void {
    // Not put off by further events: a file that changes all the time is still read.
    if (this.#isStopped || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#changed();
    }, QUIET_MS);
  }
}
