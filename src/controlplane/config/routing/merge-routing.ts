// One configuration of several files of a provider: of objects with the same name the first file's counts.

import { basename } from 'node:path';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import { bySection, type ObjectSection } from './object-kinds.ts';
import type { RoutingConfig, RoutingObject, RoutingSections } from './routing-config.ts';

/** Diagnostics are those of the parts, and those of what two of them define. */
export function mergeRouting(provider: string, parts: readonly RoutingConfig[]): RoutingConfig {
  const diagnostics: Diagnostic[] = [];
  const merge = (section: ObjectSection): ReadonlyMap<string, RoutingObject<unknown>> => {
    if (parts.length === 1) return new Map<string, RoutingObject<unknown>>(parts[0]![section]);
    const merged = new Map<string, RoutingObject<unknown>>();
    for (const part of parts) {
      for (const [name, object] of part[section]) {
        const first = merged.get(name);
        if (first === undefined) {
          merged.set(name, object);
          continue;
        }
        const place = object.document.locate(object.path) ?? { line: 0, column: 0 };
        diagnostics.push({
          severity: 'warning',
          code: 'duplicate-object',
          message: `"${name}" is already defined in ${basename(first.document.source)}, which counts; this definition is left out`,
          source: object.document.source,
          path: object.path.join('.'),
          ...place,
        });
      }
    }
    return merged;
  };
  const sections = bySection(merge) as RoutingSections; // Of each section, its own objects.
  for (const part of parts) diagnostics.push(...part.diagnostics);
  const filesRead = new Set(parts.flatMap((part) => [...part.filesRead]));
  const unreadableSections = parts.flatMap((part) => part.unreadableSections);
  const words = parts.some((part) => part.words === 'tenant') ? 'tenant' : 'operator';
  const restricted = parts.find((part) => part.internalServices !== undefined);
  const internalServices = restricted === undefined ? {} : { internalServices: restricted.internalServices! };
  return { provider, words, ...sections, diagnostics, ...internalServices, filesRead, unreadableSections };
}
