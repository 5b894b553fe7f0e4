// What every step gets: the objects of all providers, what has been found wrong with them, the resolver of their
// references, and what earlier compilations have left. Steps are pure but for these: the same input gives the same
// result.

import type { Diagnostic } from '../../model/diagnostic.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';
import { providedKey, type ProvidedEndpoint, type ServiceSection } from '../config/routing/provided-endpoints.ts';
import { collect, type Compiled, type CompiledObjects } from './compiled.ts';
import type { CompileMemory } from './compile-memory.ts';
import { Findings } from './findings.ts';
import { References } from './reference/references.ts';
import { ShownForms } from './secret/shown-forms.ts';

export class Compilation {
  readonly install: InstallConfig;
  readonly objects: CompiledObjects;
  readonly findings = new Findings();
  readonly references: References;
  readonly memory: CompileMemory;
  /** Of objects in which something is to be hidden. */
  readonly shownForms: ShownForms;
  readonly #configs: readonly RoutingConfig[];

  constructor(install: InstallConfig, published: readonly RoutingConfig[], memory: CompileMemory) {
    this.install = install;
    this.memory = memory;
    this.shownForms = new ShownForms(memory);
    this.#configs = [...published, install.internalRouting];
    this.objects = collect(this.#configs);
    this.references = new References(this.objects, this.#configs, this.findings);
  }

  /** Those of decoding, then those of the steps. */
  get diagnostics(): readonly Diagnostic[] {
    return [
      ...this.#configs.flatMap(({ diagnostics, notes = [] }) => [...diagnostics, ...notes]),
      ...this.findings.diagnostics,
    ];
  }

  /** Endpoints that the provider of a service gives it. */
  providedTo({ provider, object }: Compiled<unknown>, section: ServiceSection): readonly ProvidedEndpoint[] {
    const config = this.#configs.find((one) => one.provider === provider && one.endpoints !== undefined);
    return config?.endpoints?.get(providedKey(section, object.name))?.endpoints ?? [];
  }

  /** The place of a provider in the order of precedence. */
  rankOf(provider: string): number {
    const { precedence } = this.install;
    const rank = precedence.indexOf(provider);
    return rank < 0 ? precedence.length : rank;
  }
}
