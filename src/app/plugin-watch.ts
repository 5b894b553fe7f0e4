// Says that the file of a plugin has changed: modules are loaded once, so what was loaded at the start goes on.

import { fileURLToPath } from 'node:url';
import { readNamedFile } from '../core/named-file.ts';
import type { Log } from '../core/log.ts';
import { SerialRunner } from '../core/serial.ts';
import { FileWatch, type WatchSystem } from '../controlplane/providers/file/file-watch.ts';
import type { PluginModule } from '../model/plugin.ts';

/** Larger modules are not compared. */
const MAX_BYTES = 4 * 1024 * 1024;

interface WatchedPlugin {
  readonly name: string;
  readonly path: string;
  /** As it was loaded. */
  readonly loaded: string;
  /** As it was when somebody was told. */
  told: string;
}

export class PluginWatch {
  readonly #modules: readonly PluginModule[];
  readonly #log: Log;
  readonly #watch: FileWatch;
  readonly #looks: SerialRunner;
  readonly #watched: WatchedPlugin[] = [];

  constructor(modules: readonly PluginModule[], log: Log, system?: WatchSystem) {
    this.#modules = modules;
    this.#log = log;
    this.#looks = new SerialRunner(log, 'the files of plugins cannot be looked at');
    this.#watch = new FileWatch(() => void this.#looks.run(() => this.#look()), log, system);
  }

  async start(): Promise<void> {
    for (const { name, url } of this.#modules) {
      const path = fileURLToPath(url);
      const text = await textOf(path);
      if (text !== null) this.#watched.push({ name, path, loaded: text, told: text });
    }
    if (this.#watched.length === 0) return;
    await this.#watch.follow(
      [],
      this.#watched.map(({ path }) => path),
    );
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    await this.#looks.settled;
  }

  async #look(): Promise<void> {
    for (const plugin of this.#watched) {
      const text = await textOf(plugin.path);
      if (text === null || text === plugin.told) continue;
      plugin.told = text;
      // Back to what runs: nothing waits any more.
      if (text === plugin.loaded) continue;
      const { name, path } = plugin;
      this.#log.warn(
        'the file of a plugin has changed, and what was loaded at the start goes on; restart, or take over with "signalbox run --takeover"',
        { plugin: name, path },
      );
    }
  }
}

/** Null while there is none to read. */
async function textOf(path: string): Promise<string | null> {
  try {
    return (await readNamedFile(path, MAX_BYTES)).text;
  } catch {
    return null;
  }
}
