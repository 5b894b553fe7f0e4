// The kinds of objects that people write, one row each. Decoding, merging, last good forms, differences, the API, the
// generated schemas and types follow the table; what a new kind means for the data plane is its compile step.
// The keys are in what is stored over restarts, and the order is that in which changes and problems are told.

import type { Infer, Schema } from '../../../schema/schema.ts';
import { middlewareOptions, routerOptions } from './routing-options.ts';
import { serviceOptions, tcpServiceOptions, udpServiceOptions } from '../service/registry.ts';
import { tcpMiddlewareOptions, tcpRouterOptions, tcpTransportOptions } from './tcp-options.ts';
import { certificateOptions, storeOptions, tlsOptions } from './tls-options.ts';
import { namedTransportOptions } from './transport-options.ts';
import { udpRouterOptions } from './udp-options.ts';

/** The parts of a document that hold routing configuration, in the order of documents. */
export const ROUTING_PARTS = ['http', 'tcp', 'udp', 'tls'] as const;
export type RoutingPart = (typeof ROUTING_PARTS)[number];

export interface ObjectKindRow<T> {
  /** As messages and the API name one. */
  readonly kind: string;
  /** Where a document has them: the part, and the section in it. */
  readonly at: readonly [RoutingPart, string];
  readonly options: Schema<T>;
  /** Each is of exactly one of the kinds that its options name; this is one that a message may suggest. */
  readonly example?: string;
  /** A list, whose objects have no names of their own. */
  readonly isList?: true;
  /** The API has a list of them, and knows those of a pinned snapshot. */
  readonly isListed?: true;
  /** Changes of them are not told. */
  readonly isUncompared?: true;
}

const ROWS = {
  routers: { kind: 'router', at: ['http', 'routers'], options: routerOptions, isListed: true },
  middlewares: {
    kind: 'middleware',
    at: ['http', 'middlewares'],
    options: middlewareOptions,
    example: 'addPrefix',
    isListed: true,
  },
  services: {
    kind: 'service',
    at: ['http', 'services'],
    options: serviceOptions,
    example: 'loadBalancer',
    isListed: true,
  },
  serversTransports: { kind: 'serversTransport', at: ['http', 'serversTransports'], options: namedTransportOptions },
  certificates: {
    kind: 'certificate',
    at: ['tls', 'certificates'],
    options: certificateOptions,
    isList: true,
    isUncompared: true,
  },
  tlsOptions: { kind: 'tlsOptions', at: ['tls', 'options'], options: tlsOptions },
  tlsStores: { kind: 'tlsStore', at: ['tls', 'stores'], options: storeOptions, isUncompared: true },
  tcpRouters: { kind: 'tcpRouter', at: ['tcp', 'routers'], options: tcpRouterOptions, isListed: true },
  tcpMiddlewares: {
    kind: 'tcpMiddleware',
    at: ['tcp', 'middlewares'],
    options: tcpMiddlewareOptions,
    example: 'ipAllowList',
    isListed: true,
  },
  tcpServices: {
    kind: 'tcpService',
    at: ['tcp', 'services'],
    options: tcpServiceOptions,
    example: 'loadBalancer',
    isListed: true,
  },
  tcpServersTransports: {
    kind: 'tcpServersTransport',
    at: ['tcp', 'serversTransports'],
    options: tcpTransportOptions,
  },
  udpRouters: { kind: 'udpRouter', at: ['udp', 'routers'], options: udpRouterOptions, isListed: true },
  udpServices: {
    kind: 'udpService',
    at: ['udp', 'services'],
    options: udpServiceOptions,
    example: 'loadBalancer',
    isListed: true,
  },
} as const satisfies Readonly<Record<string, ObjectKindRow<unknown>>>;

type Rows = typeof ROWS;
export type ObjectSection = keyof Rows;
export type ObjectKind = Rows[ObjectSection]['kind'];
/** Sections whose objects the API lists. */
export type ListedSection = { [S in ObjectSection]: Rows[S] extends { isListed: true } ? S : never }[ObjectSection];
/** Decoded options of an object, by section. */
export type ObjectOptions = { readonly [S in ObjectSection]: Infer<Rows[S]['options']> };

export const OBJECT_KINDS: {
  readonly [S in ObjectSection]: ObjectKindRow<ObjectOptions[S]> & { readonly kind: ObjectKind };
} = ROWS;

export const OBJECT_SECTIONS = Object.keys(OBJECT_KINDS) as readonly ObjectSection[]; // Those of the table above.
export const COMPARED_SECTIONS = OBJECT_SECTIONS.filter((section) => OBJECT_KINDS[section].isUncompared !== true);
export const LISTED_SECTIONS = OBJECT_SECTIONS.filter(
  (section): section is ListedSection => OBJECT_KINDS[section].isListed === true,
);

/** One value for each section. */
export function bySection<T>(make: (section: ObjectSection) => T): Record<ObjectSection, T> {
  const entries = OBJECT_SECTIONS.map((section) => [section, make(section)]);
  return Object.fromEntries(entries) as Record<ObjectSection, T>; // Every one, under its own name.
}

/** The sections of a part by their names in it, in the order of documents. */
export function sectionsOf(part: RoutingPart): readonly (readonly [name: string, section: ObjectSection])[] {
  return SECTIONS_OF_PARTS[part];
}

/** Those of them that the API lists. */
export function listedOf(part: RoutingPart): readonly (readonly [name: string, section: ListedSection])[] {
  return inPart(part, LISTED_SECTIONS);
}

function inPart<S extends ObjectSection>(part: RoutingPart, sections: readonly S[]): readonly (readonly [string, S])[] {
  // Documents have routers first, and then where they lead.
  const rank = (name: string): number => (name === 'routers' ? 0 : name === 'services' ? 1 : 2);
  return sections
    .filter((section) => OBJECT_KINDS[section].at[0] === part)
    .map((section) => [OBJECT_KINDS[section].at[1], section] as const)
    .toSorted(([a], [b]) => rank(a) - rank(b));
}

const SECTIONS_OF_PARTS = Object.fromEntries(ROUTING_PARTS.map((part) => [part, inPart(part, OBJECT_SECTIONS)])) as {
  readonly [P in RoutingPart]: ReturnType<typeof sectionsOf>; // Each part, by the list of them.
};

/** The parts of which the API has lists. */
export type ListedPart = Rows[ListedSection]['at'][0];
export const LISTED_PARTS = ROUTING_PARTS.filter((part): part is ListedPart => listedOf(part).length > 0);
