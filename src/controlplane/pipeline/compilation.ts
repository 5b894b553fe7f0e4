// Compiles what the providers have, again and again: what one compilation leaves to the next, the last good forms in
// the place of what cannot be read, and the last result where the compiler fails. Whatever a configuration makes the
// compiler do, there is a result, and the program goes on.

import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { describeError, messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { WrittenSnapshot } from '../../model/history.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import type { StoredForm } from '../../model/stored-form.ts';
import type { LocalCertificateSource } from '../compile/secret/local-names.ts';
import { compile, type CompileResult } from '../compile/compile.ts';
import { CompileMemory } from '../compile/compile-memory.ts';
import type { InternalServices } from '../compile/internal-services.ts';
import { parseRulesAhead } from '../compile/router/rules-ahead.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import { OBJECT_SECTIONS } from '../config/routing/object-kinds.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';
import { DisabledLog } from './disabled-log.ts';
import type { CompileForms } from './snapshot-history.ts';
import { LastGood } from './last-good.ts';
import { writtenPlaces } from './pin.ts';
import { decodeForms, WrittenForms } from './written-forms.ts';

/** The main thread is not held up for longer at a time. */
const SLICE_MS = 10;

export interface CompilationOptions {
  readonly install: InstallConfig;
  readonly log: Log;
  readonly clock: Clock;
  /** The process's, which names of secrets are made with; one of its own when left out. */
  readonly secret?: Uint8Array;
  /** By qualified name; see internal-services.ts. */
  readonly internalServices: InternalServices;
  /** Certificates for names of this machine; none when left out. */
  readonly localCertificates?: LocalCertificateSource;
  /** Last good forms over restarts; null where no state is kept. */
  readonly lastGoodForms?: LastGoodForms | null;
  /** Called with every new result, before it is in force. */
  onCompiled?(result: CompileResult): void;
  /** Called with all diagnostics of every new result, unchanged ones included. */
  onDiagnostics(diagnostics: readonly Diagnostic[]): void;
}

/** Where last good forms outlive the process. */
export interface LastGoodForms {
  readonly saved: readonly StoredForm[];
  /** Later calls count; failures are the store's to report. */
  save?(forms: readonly StoredForm[]): void;
}

export class Compilation {
  readonly #options: CompilationOptions;
  #install: InstallConfig;
  /** Of the install configuration in force. */
  #installDiagnostics: readonly Diagnostic[] = [];
  readonly #secret: Uint8Array;
  readonly #memory: CompileMemory;
  #result: CompileResult | null = null;
  #hasFailed = false;
  readonly #lastGood = new LastGood();
  #savedRevision = 0;
  /** With last good forms in the place of what cannot be read. */
  #inForce: readonly RoutingConfig[] = [];
  readonly #forms = new WrittenForms();
  readonly #disabled: DisabledLog;

  constructor(options: CompilationOptions) {
    this.#options = options;
    this.#install = options.install;
    this.#secret = options.secret ?? randomBytes(32);
    this.#memory = new CompileMemory(this.#secret);
    this.#disabled = new DisabledLog(options.log);
    for (const form of options.lastGoodForms?.saved ?? []) this.#remember(form);
  }

  get install(): InstallConfig {
    return this.#install;
  }

  /** Counts from the next compilation on. `diagnostics` are shown with all others. */
  replaceInstall(install: InstallConfig, diagnostics: readonly Diagnostic[]): void {
    this.#install = install;
    this.#installDiagnostics = diagnostics;
  }

  /** Of the newest compilation; null before the first. */
  get result(): CompileResult | null {
    return this.#result;
  }

  /** The compiler has failed at what is newest: the result is of what was before. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** For a successor, or a later process. */
  get lastGoodForms(): readonly StoredForm[] {
    return this.#lastGood.forms();
  }

  /** What was compiled, as it was written. */
  writtenForms(): readonly StoredForm[] {
    return this.#forms.of(this.#inForce);
  }

  /** Between rules that take long the main thread answers others. */
  async parseRules(configs: readonly RoutingConfig[]): Promise<void> {
    const { clock } = this.#options;
    let since = clock.now();
    for (const _ of parseRulesAhead(configs, this.#memory)) {
      if (clock.now() - since < SLICE_MS) continue;
      await new Promise((resolve) => setImmediate(resolve));
      since = clock.now();
    }
  }

  /** Keeps nothing, says nothing, and has no certificate made. */
  tryOut(configs: readonly RoutingConfig[]): CompileResult {
    return compile(this.#install, configs, this.#options.internalServices, this.#memory);
  }

  /** Of no configuration. */
  empty(): CompileResult {
    return compile(this.#install, [], this.#options.internalServices);
  }

  compile(configs: readonly RoutingConfig[]): CompileResult {
    let compiled: CompileResult;
    try {
      compiled = this.#compileKeeping(configs);
      this.#hasFailed = false;
    } catch (error) {
      this.#options.log.error('the configuration cannot be compiled', { error: describeError(error) });
      this.#hasFailed = true;
      const before = this.#result ?? this.empty();
      const said = before.diagnostics.filter(({ code }) => code !== 'compile-failed');
      compiled = { ...before, diagnostics: [...said, compileFailed(error, this.#install.source)] };
    }
    const result = { ...compiled, diagnostics: [...this.#installDiagnostics, ...compiled.diagnostics] };
    this.#result = result;
    this.#options.onDiagnostics(result.diagnostics);
    this.#disabled.note(result);
    this.#options.onCompiled?.(result);
    return result;
  }

  #compileAll(configs: readonly RoutingConfig[]): CompileResult {
    const { internalServices, localCertificates } = this.#options;
    return compile(this.#install, configs, internalServices, this.#memory, localCertificates);
  }

  #compileKeeping(configs: readonly RoutingConfig[]): CompileResult {
    const { lastGoodForms } = this.#options;
    const first = this.#compileAll(configs);
    const restored = this.#install.keepLastGood ? this.#lastGood.restore(configs, first) : null;
    let result = first;
    if (restored !== null) {
      const { diagnostics, ...rest } = this.#compileAll(restored.configs);
      result = { ...rest, diagnostics: [...restored.diagnostics, ...diagnostics] };
    }
    this.#inForce = restored?.configs ?? configs;
    this.#lastGood.note(this.#inForce, result);
    if (lastGoodForms != null && this.#lastGood.revision !== this.#savedRevision) {
      this.#savedRevision = this.#lastGood.revision;
      lastGoodForms.save?.(this.#lastGood.forms());
    }
    return result;
  }

  /** Endpoints alone have changed, and were compiled alone: what was written has those of the newest configurations. */
  takeEndpoints(newest: ReadonlyMap<string, RoutingConfig>): void {
    this.#inForce = this.#inForce.map((config) => {
      const { endpoints } = newest.get(config.provider) ?? config;
      return endpoints === config.endpoints || endpoints === undefined ? config : { ...config, endpoints };
    });
  }

  /** What came of them is part of the result. */
  takeEndpointSets(endpointSets: SnapshotSections['endpointSets']): void {
    const result = this.#result!;
    this.#result = { ...result, sections: { ...result.sections, endpointSets } };
  }

  /** Of an earlier process. */
  #remember(form: StoredForm): void {
    for (const config of decodeForms([form], this.#install)) {
      for (const section of OBJECT_SECTIONS) {
        for (const object of config[section].values()) this.#lastGood.remember(form, { ...object, name: form.name });
      }
    }
  }

  /** Of an earlier process. What cannot be used any more is disabled, as in a configuration of today. */
  compileForms({ version, forms }: WrittenSnapshot): ReturnType<CompileForms> {
    const { log, internalServices } = this.#options;
    try {
      const memory = new CompileMemory(this.#secret);
      const result = compile(this.#install, decodeForms(forms, this.#install), internalServices, memory);
      for (const { severity, code, message, source, path } of result.diagnostics) {
        if (severity !== 'error') continue;
        log.warn('an object of an earlier snapshot has an error', { version, code, message, source, path });
      }
      const { certificates: _, ...sections } = result.sections;
      return { content: { ...sections, written: writtenPlaces(result) }, secrets: result.secrets };
    } catch (error) {
      log.error('an earlier snapshot cannot be compiled', { version, error: describeError(error) });
      return null;
    }
  }
}

function compileFailed(error: unknown, source: string): Diagnostic {
  const what = messageOf(error);
  return {
    severity: 'error',
    code: 'compile-failed',
    message: `this configuration makes the compiler fail (${what}); what was in force before stays`,
    source,
    path: '',
    line: 0,
    column: 0,
  };
}
