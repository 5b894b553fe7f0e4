// One configuration of several files of a provider: of objects with the same name the first file's counts.

import { basename } from 'node:path';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { RoutingConfig, RoutingObject, RoutingSections } from './routing-config.ts';

/** Diagnostics are those of the parts, and those of what two of them define. */
export function mergeRouting(provider: string, parts: readonly RoutingConfig[]): RoutingConfig {
  const diagnostics: Diagnostic[] = [];
  const merge = <T>(
    select: (config: RoutingConfig) => ReadonlyMap<string, RoutingObject<T>>,
  ): Map<string, RoutingObject<T>> => {
    if (parts.length === 1) return new Map(select(parts[0]!));
    const merged = new Map<string, RoutingObject<T>>();
    for (const part of parts) {
      for (const [name, object] of select(part)) {
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
  const sections: RoutingSections = {
    routers: merge((config) => config.routers),
    middlewares: merge((config) => config.middlewares),
    services: merge((config) => config.services),
    serversTransports: merge((config) => config.serversTransports),
    certificates: merge((config) => config.certificates),
    tlsOptions: merge((config) => config.tlsOptions),
    tlsStores: merge((config) => config.tlsStores),
    tcpRouters: merge((config) => config.tcpRouters),
    tcpServices: merge((config) => config.tcpServices),
    tcpMiddlewares: merge((config) => config.tcpMiddlewares),
    tcpServersTransports: merge((config) => config.tcpServersTransports),
    udpRouters: merge((config) => config.udpRouters),
    udpServices: merge((config) => config.udpServices),
  };
  for (const part of parts) diagnostics.push(...part.diagnostics);
  const filesRead = new Set(parts.flatMap((part) => [...part.filesRead]));
  const unreadableSections = parts.flatMap((part) => part.unreadableSections);
  const words = parts.some((part) => part.words === 'tenant') ? 'tenant' : 'operator';
  return { provider, words, ...sections, diagnostics, filesRead, unreadableSections };
}
