// What people are told of their configuration: each diagnostic once, on the standard error while the router starts and
// in the log from then on.

import type { Log } from '../core/log.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { EventBus } from '../observe/event-bus.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { logDiagnostics } from './diagnostic-log.ts';

export interface ShownDiagnosticsOptions {
  readonly install: InstallConfig;
  readonly log: Log;
  readonly events: EventBus;
  /** Called with diagnostics that are new since the last call; those of a running router are in the log as well. */
  show(diagnostics: readonly Diagnostic[], isRunning: boolean): void;
}

export class ShownDiagnostics {
  readonly #options: ShownDiagnosticsOptions;
  /** The log is what machines read, or not what people look at. */
  readonly #isLogged: boolean;
  #shown = new Set<string>();
  /** The start is over. */
  isRunning = false;

  constructor(options: ShownDiagnosticsOptions) {
    this.#options = options;
    const { format, filePath } = options.install.log;
    this.#isLogged = format === 'json' || filePath !== '';
  }

  /** Of the install configuration at start: people have been shown them already. */
  atStart(diagnostics: readonly Diagnostic[]): void {
    if (this.#isLogged) logDiagnostics(diagnostics, this.#options.log);
  }

  /** All that there are at present. */
  update(diagnostics: readonly Diagnostic[]): void {
    const key = (one: Diagnostic): string => `${one.source}:${one.line}:${one.column} ${one.path} ${one.message}`;
    const fresh = diagnostics.filter((one) => !this.#shown.has(key(one)));
    this.#shown = new Set(diagnostics.map(key));
    if (fresh.length === 0) return;
    this.#tell(fresh);
  }

  /** A changed install configuration has errors. */
  refused(diagnostics: readonly Diagnostic[]): void {
    this.#options.log.error('the changed install configuration has errors; what is in force stays');
    this.#tell(diagnostics);
  }

  /** At start, people read them on the standard error, unless machines do. */
  #tell(diagnostics: readonly Diagnostic[]): void {
    if (this.isRunning || this.#isLogged) logDiagnostics(diagnostics, this.#options.log);
    this.#options.show(diagnostics, this.isRunning);
    this.#options.events.emit('diagnostics', { diagnostics });
  }
}
