// What labels may say: the schemas of all kinds of objects that have names, and for services the section `server`,
// which is the workload itself. It follows the table of object kinds and the registries of services.

import { record } from '../../../schema/collection.ts';
import { optional } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { integer, oneOf } from '../../../schema/scalar.ts';
import type { Field, Fields, Schema } from '../../../schema/schema.ts';
import { OBJECT_KINDS, ROUTING_PARTS, sectionsOf, type ObjectSection } from '../../config/routing/object-kinds.ts';
import type { ServiceSection } from '../../config/routing/provided-endpoints.ts';
import type { ServiceDefinition, ServiceProtocol } from '../../config/service/define.ts';
import { HTTP_SERVICES, TCP_SERVICES, UDP_SERVICES } from '../../config/service/registry.ts';

/** The part of certificates and handshakes is the operator's. */
export const REFUSED_PART = 'tls';

export const SERVICES: Readonly<Record<ServiceSection, readonly ServiceDefinition<ServiceProtocol>[]>> = {
  services: HTTP_SERVICES as unknown as readonly ServiceDefinition<ServiceProtocol>[], // Read as schemas alone.
  tcpServices: TCP_SERVICES as unknown as readonly ServiceDefinition<ServiceProtocol>[],
  udpServices: UDP_SERVICES as unknown as readonly ServiceDefinition<ServiceProtocol>[],
};

const port = optional(integer({ min: 1, max: 65_535 }), 'Port of the workload; its only or lowest one when left out.');
const scheme = optional(oneOf('http', 'https', 'h2c'), 'How it is spoken to; `http` when left out.');

export interface ServiceKindRow {
  /** As options name it. */
  readonly kind: string;
  /** The option of a server that has its address. */
  readonly address: string;
  readonly schema: Schema<unknown>;
}

/** What a service with servers can say of the workload, by kind. */
export const SERVER_SECTIONS = {
  services: serverRows('services', { port, scheme }),
  tcpServices: serverRows('tcpServices', { port }),
  udpServices: serverRows('udpServices', { port }),
} as const satisfies Readonly<Record<ServiceSection, readonly ServiceKindRow[]>>;

function serverRows(section: ServiceSection, own: Fields): readonly ServiceKindRow[] {
  return SERVICES[section].flatMap(({ kind, servers }) => {
    if (servers === undefined) return [];
    const { [servers.option]: address, ...rest } = servers.schema.fields ?? {};
    const fields: Fields = { ...own, [servers.option]: { ...address!, isRequired: false }, ...rest };
    return [{ kind, address: servers.option, schema: object(fields) }];
  });
}

export function isServiceSection(section: ObjectSection): section is ServiceSection {
  return section in SERVICES;
}

/** Names lead to options by it. */
export const LABEL_SCHEMA: Schema<unknown> = object(
  Object.fromEntries(
    ROUTING_PARTS.filter((part) => part !== REFUSED_PART).map((part) => {
      const sections = sectionsOf(part).map(([name, section]) => [name, optional(record(labelOptions(section)), '')]);
      return [part, optional(object(Object.fromEntries(sections) as Fields), '')];
    }),
  ),
);

function labelOptions(section: ObjectSection): Schema<unknown> {
  const { options } = OBJECT_KINDS[section];
  if (!isServiceSection(section)) return options as Schema<unknown>;
  const fields: Record<string, Field<unknown>> = { ...options.fields };
  for (const { kind, schema } of SERVER_SECTIONS[section]) {
    fields[kind] = optional(object({ ...fields[kind]!.schema.fields, server: optional(schema, '') }), '');
  }
  return object(fields);
}
