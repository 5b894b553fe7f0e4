// What every step of compiling works on: the objects of all providers by qualified name, each with what is wrong with
// it and who uses it.

import { bySection, type ObjectOptions, type ObjectSection } from '../config/routing/object-kinds.ts';
import type { RoutingConfig, RoutingObject } from '../config/routing/routing-config.ts';

/** One object on its way through the steps. */
export interface Compiled<T> {
  /** `name@provider`. */
  readonly name: string;
  readonly provider: string;
  readonly object: RoutingObject<T>;
  /** Reasons it is disabled; empty while it is in force. */
  readonly errors: string[];
  readonly warnings: string[];
  readonly usedBy: Set<string>;
}

/** The objects of every kind by qualified name. */
export type CompiledObjects = {
  readonly [S in ObjectSection]: ReadonlyMap<string, Compiled<ObjectOptions[S]>>;
};

/** Providers in the order of their names, so that the result does not depend on who published first. */
export function collect(configs: readonly RoutingConfig[]): CompiledObjects {
  const inOrder = configs.toSorted((a, b) => (a.provider < b.provider ? -1 : 1));
  return bySection((section) => collectKind(inOrder, section)) as CompiledObjects; // Of each section, its own objects.
}

function collectKind(
  configs: readonly RoutingConfig[],
  section: ObjectSection,
): ReadonlyMap<string, Compiled<unknown>> {
  const all = new Map<string, Compiled<unknown>>();
  for (const config of configs) {
    for (const [name, object] of config[section]) {
      const qualified = `${name}@${config.provider}`;
      all.set(qualified, {
        name: qualified,
        provider: config.provider,
        object,
        errors: [...object.errors],
        warnings: [...(object.kept ?? [])],
        usedBy: new Set(),
      });
    }
  }
  return all;
}

/** A reference without `@` means the same provider. */
export function qualify(reference: string, provider: string): string {
  return reference.includes('@') ? reference : `${reference}@${provider}`;
}
