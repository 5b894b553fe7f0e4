// Reads the install configuration again on SIGHUP and when its file changes, and says what is wrong with it. A
// configuration with errors changes nothing.

import { readNamedFile, unreadableReason } from '../core/named-file.ts';
import type { Log } from '../core/log.ts';
import { SerialRunner } from '../core/serial.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { MAX_FILE_BYTES, type ConfigDocument } from '../controlplane/config/document/document.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { loadInstallConfig, type InstallRequest } from '../controlplane/config/install/load-install.ts';
import { FileWatch } from '../controlplane/providers/file/file-watch.ts';
import { waitingForRestart } from './install-changes.ts';

/** Where a running process has its install configuration from. */
export interface InstallSource {
  readonly request: InstallRequest;
  /** As it was at start. */
  readonly document: ConfigDocument;
}

export interface InstallWatchOptions extends InstallSource {
  readonly install: InstallConfig;
  readonly log: Log;
  /** Puts it into force; `diagnostics` are to be shown with whatever else is found. */
  changed(install: InstallConfig, diagnostics: readonly Diagnostic[]): Promise<void>;
  /** It has errors, and what is in force stays. */
  refused(diagnostics: readonly Diagnostic[]): void;
}

/** Between two readings that must be equal: a file that is written in several steps is not taken by halves. */
const SETTLE_MS = 100;

export class InstallWatch {
  readonly #options: InstallWatchOptions;
  readonly #watch: FileWatch;
  #text: string | null = null;
  /** Why the file could not be read the last time. */
  #unreadable = '';
  readonly #serial: SerialRunner;
  #isStopped = false;
  applied = 0;
  refused = 0;

  constructor(options: InstallWatchOptions) {
    this.#options = options;
    this.#serial = new SerialRunner(options.log, 'the install configuration cannot be read again');
    this.#watch = new FileWatch(() => void this.#inOrder(() => this.#look()), options.log);
  }

  async start(): Promise<void> {
    const { path } = this.#options.request;
    if (path === null) return;
    this.#text = await this.#textOf(path);
    await this.#watch.follow([], [path]);
  }

  /** Whatever has changed or not. */
  reload(): Promise<void> {
    return this.#inOrder(() => this.#load());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watch.stop();
    await this.#serial.settled;
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    return this.#serial.run(async () => {
      if (!this.#isStopped) await work();
    });
  }

  async #look(): Promise<void> {
    const path = this.#options.request.path!; // Only a file is watched.
    const text = await this.#textOf(path);
    if (text === null || text === this.#text) return;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    if ((await this.#textOf(path)) !== text) {
      this.#watch.lookAgain();
      return;
    }
    await this.#load();
    await this.#watch.follow([], [path]);
  }

  /** Null while there is none to read, which is told once; what is in force stays. */
  async #textOf(path: string): Promise<string | null> {
    try {
      const { text } = await readNamedFile(path, MAX_FILE_BYTES);
      if (this.#unreadable !== '') this.#options.log.info('the install configuration can be read again', { path });
      this.#unreadable = '';
      this.#watch.succeeded();
      return text;
    } catch (error) {
      const reason = unreadableReason(error);
      if (this.#unreadable !== reason) {
        const fields = { path, error: reason };
        this.#options.log.error('the install configuration cannot be read; what is in force stays', fields);
      }
      this.#unreadable = reason;
      this.#watch.retry();
      return null;
    }
  }

  async #load(): Promise<void> {
    const { request, document, install } = this.#options;
    if (request.path !== null) this.#text = await this.#textOf(request.path);
    // Plugins are loaded once: what the file says of them now is compared and reported below.
    const loaded = await loadInstallConfig({ ...request, plugins: install.plugins });
    const ofRouting = new Set(loaded.value?.routing?.diagnostics);
    const own = loaded.diagnostics.filter((one) => !ofRouting.has(one));
    if (loaded.value === null || loaded.document === null) {
      this.refused++;
      this.#options.refused(own);
      if (own.some(({ code, source }) => code === 'file-unreadable' && source === request.path)) {
        // Its text has been read, but not by whom it was for.
        this.#text = null;
        this.#watch.retry();
      }
      return;
    }
    if (Object.keys(loaded.value.entryPoints).length === 0) {
      this.refused++;
      this.#options.refused([...own, noEntryPoint(loaded.value.source)]);
      return;
    }
    await this.#options.changed(loaded.value, [...own, ...waitingForRestart(document, loaded.document)]);
    this.applied++;
  }
}

function noEntryPoint(source: string): Diagnostic {
  return {
    severity: 'error',
    code: 'no-entry-point',
    message: 'the configuration names no entry point any more; those in force stay',
    source,
    path: 'entryPoints',
    line: 0,
    column: 0,
  };
}
