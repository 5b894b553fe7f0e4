// Services of HTTP, with those that the program brings along.

import { transportSpec } from '../../config/routing/transport-options.ts';
import type { HttpServices } from '../../config/service/define.ts';
import { DISABLED_STATUS } from '../../../model/route.ts';
import type { Compilation } from '../compilation.ts';
import type { CompiledMiddlewares } from '../middlewares.ts';
import type { InternalServices } from '../internal-services.ts';
import { ServiceGraph, type ResolvedServices } from './service-graph.ts';
import { SERVICE_SECTIONS } from './service-sections.ts';
import { compileServices, type ServiceFamily } from './services.ts';
import { resolveTransport } from './transports.ts';

/** Those that can be used. Middlewares that ask another one are disabled with it. */
export function compileHttpServices(
  compilation: Compilation,
  middlewares: CompiledMiddlewares,
  internal: InternalServices,
): ResolvedServices<HttpServices> {
  const family: ServiceFamily<HttpServices> = {
    ...SERVICE_SECTIONS.services,
    lostShare: `its share of the requests is answered ${DISABLED_STATUS}`,
    transport(service, reference, option) {
      const own = resolveTransport(compilation, 'serversTransports', service, reference, option);
      return own === null ? compilation.install.serversTransport : transportSpec(own.name, own.options);
    },
  };
  const nodes = compileServices(compilation, family);
  const graph = new ServiceGraph(compilation, family, nodes, { middlewares, given: internal.services });
  const { services, endpointSets } = graph.resolve();
  for (const [name, spec] of Object.entries(internal.services)) services.set(name, spec);
  return { services, endpointSets: { ...endpointSets, ...internal.endpointSets } };
}
