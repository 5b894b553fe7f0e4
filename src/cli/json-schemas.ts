// The JSON Schemas of the package: editors complete and check configuration files with them.

import { installOptions } from '../controlplane/config/install-options.ts';
import { middlewareOptions, routerOptions } from '../controlplane/config/routing-options.ts';
import { serviceOptions } from '../controlplane/config/service-options.ts';
import {
  tcpMiddlewareOptions,
  tcpRouterOptions,
  tcpServiceOptions,
  tcpTransportOptions,
} from '../controlplane/config/tcp-options.ts';
import { certificateOptions, storeOptions, tlsOptions } from '../controlplane/config/tls-options.ts';
import { udpRouterOptions, udpServiceOptions } from '../controlplane/config/udp-options.ts';
import { namedTransportOptions } from '../controlplane/config/transport-options.ts';
import { jsonSchemaOf } from '../schema/json-schema.ts';
import type { JsonSchema } from '../schema/schema.ts';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

function mapOf(schema: JsonSchema): JsonSchema {
  return { type: ['object', 'null'], additionalProperties: schema };
}

function routingProperties(): Readonly<Record<string, JsonSchema>> {
  return {
    http: {
      description: 'Routers, services, middlewares and transports by name.',
      type: ['object', 'null'],
      additionalProperties: false,
      properties: {
        routers: mapOf(jsonSchemaOf(routerOptions)),
        services: mapOf(jsonSchemaOf(serviceOptions)),
        middlewares: mapOf(jsonSchemaOf(middlewareOptions)),
        serversTransports: mapOf(jsonSchemaOf(namedTransportOptions)),
      },
    },
    tcp: {
      description: 'TCP routers, services, middlewares and transports by name.',
      type: ['object', 'null'],
      additionalProperties: false,
      properties: {
        routers: mapOf(jsonSchemaOf(tcpRouterOptions)),
        services: mapOf(jsonSchemaOf(tcpServiceOptions)),
        middlewares: mapOf(jsonSchemaOf(tcpMiddlewareOptions)),
        serversTransports: mapOf(jsonSchemaOf(tcpTransportOptions)),
      },
    },
    udp: {
      description: 'UDP routers and services by name.',
      type: ['object', 'null'],
      additionalProperties: false,
      properties: {
        routers: mapOf(jsonSchemaOf(udpRouterOptions)),
        services: mapOf(jsonSchemaOf(udpServiceOptions)),
      },
    },
    tls: {
      description: 'Certificates, and options and stores by name.',
      type: ['object', 'null'],
      additionalProperties: false,
      properties: {
        certificates: { type: ['array', 'null'], items: jsonSchemaOf(certificateOptions) },
        options: mapOf(jsonSchemaOf(tlsOptions)),
        stores: mapOf(jsonSchemaOf(storeOptions)),
      },
    },
  };
}

/** Sections that hold what anchors name. */
const EXTENSIONS = { '^[xX]-': {} };

/** Text by file name below `schema/`. */
export function renderJsonSchemas(): Readonly<Record<string, string>> {
  const install = jsonSchemaOf(installOptions);
  const routing = routingProperties();
  const render = (schema: object): string => `${JSON.stringify(schema, null, 2)}\n`;
  return {
    'install.json': render({
      $schema: DIALECT,
      title: 'Signalbox install configuration',
      ...install,
      patternProperties: EXTENSIONS,
      properties: { ...(install['properties'] as object), ...routing },
    }),
    'routing.json': render({
      $schema: DIALECT,
      title: 'Signalbox routing configuration',
      type: ['object', 'null'],
      additionalProperties: false,
      patternProperties: EXTENSIONS,
      properties: routing,
    }),
  };
}
