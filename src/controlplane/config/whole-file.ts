// The options of a file that holds everything: install configuration with the routing sections beside it. For those who walk over
// what was written; each section has a decoder of its own.

import { list, object, optional, record, type Field, type Schema } from '../../schema/schema.ts';
import { installOptions } from './install-options.ts';
import { middlewareOptions, routerOptions } from './routing-options.ts';
import { serviceOptions } from './service-options.ts';
import { tcpMiddlewareOptions, tcpRouterOptions, tcpServiceOptions, tcpTransportOptions } from './tcp-options.ts';
import { certificateOptions, storeOptions, tlsOptions } from './tls-options.ts';
import { namedTransportOptions } from './transport-options.ts';
import { udpRouterOptions, udpServiceOptions } from './udp-options.ts';

const mapOf = (item: Schema<unknown>): Schema<unknown> => record(item);
const sections = (schemas: Readonly<Record<string, Schema<unknown>>>): Field<unknown> =>
  optional(
    object(Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, optional(schema, '')]))),
    '',
  );

export const WHOLE_FILE: Schema<unknown> = {
  ...installOptions,
  fields: {
    ...installOptions.fields,
    http: sections({
      routers: mapOf(routerOptions),
      services: mapOf(serviceOptions),
      middlewares: mapOf(middlewareOptions),
      serversTransports: mapOf(namedTransportOptions),
    }),
    tcp: sections({
      routers: mapOf(tcpRouterOptions),
      services: mapOf(tcpServiceOptions),
      middlewares: mapOf(tcpMiddlewareOptions),
      serversTransports: mapOf(tcpTransportOptions),
    }),
    udp: sections({ routers: mapOf(udpRouterOptions), services: mapOf(udpServiceOptions) }),
    tls: sections({ certificates: list(certificateOptions), options: mapOf(tlsOptions), stores: mapOf(storeOptions) }),
  },
};
