// The JSON Schemas of the package: editors complete and check configuration files with them.

import { installOptions } from '../src/controlplane/config/install/install-options.ts';
import {
  OBJECT_KINDS,
  ROUTING_PARTS,
  sectionsOf,
  type ObjectSection,
  type RoutingPart,
} from '../src/controlplane/config/routing/object-kinds.ts';
import { jsonSchemaOf } from '../src/schema/json-schema.ts';
import type { JsonSchema } from '../src/schema/schema.ts';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

const PARTS: Readonly<Record<RoutingPart, string>> = {
  http: 'Routers, services, middlewares and transports by name.',
  tcp: 'TCP routers, services, middlewares and transports by name.',
  udp: 'UDP routers and services by name.',
  tls: 'Certificates, and options and stores by name.',
};

function sectionSchema(section: ObjectSection): JsonSchema {
  const { options, isList } = OBJECT_KINDS[section];
  const schema = jsonSchemaOf(options);
  return isList === true
    ? { type: ['array', 'null'], items: schema }
    : { type: ['object', 'null'], additionalProperties: schema };
}

function partSchema(part: RoutingPart): JsonSchema {
  const sections = sectionsOf(part).map(([name, section]) => [name, sectionSchema(section)] as const);
  return {
    description: PARTS[part],
    type: ['object', 'null'],
    additionalProperties: false,
    properties: Object.fromEntries(sections),
  };
}

/** Sections that hold what anchors name. */
const EXTENSIONS = { '^[xX]-': {} };

/** Text by file name below `schema/`. */
export function renderJsonSchemas(): Readonly<Record<string, string>> {
  const install = jsonSchemaOf(installOptions);
  const routing = Object.fromEntries(ROUTING_PARTS.map((part) => [part, partSchema(part)]));
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
