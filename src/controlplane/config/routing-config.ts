// Routing configuration of one provider, decoded object by object: a mistake costs the object it is in and nothing else.

import type { Diagnostic } from '../../model/diagnostic.ts';
import type { Words } from '../../model/stored-form.ts';
import { DecodeContext, type KnownPlugins, type PathSegment, type Substituted } from '../../schema/decode-context.ts';
import { INVALID, type Invalid } from '../../schema/invalid.ts';
import { isEmptyText, isMap, isSwitchedOff, isSwitchedOn, type Schema } from '../../schema/schema.ts';
import type { Substitutions } from '../../schema/substitution.ts';
import type { ConfigDocument } from './document.ts';
import { routingPartOf } from './document-kind.ts';
import { OBJECT_SECTIONS, SECTION_PATHS, type ObjectSection } from './object-sections.ts';
import { middlewareOptions, routerOptions, type MiddlewareOptions, type RouterOptions } from './routing-options.ts';
import { serviceOptions, type ServiceOptions } from './service-options.ts';
import {
  certificateOptions,
  storeOptions,
  tlsOptions,
  type CertificateOptions,
  type StoreOptions,
  type TlsOptions,
} from './tls-options.ts';
import {
  tcpMiddlewareOptions,
  tcpRouterOptions,
  tcpServiceOptions,
  tcpTransportOptions,
  type TcpMiddlewareOptions,
  type TcpRouterOptions,
  type TcpServiceOptions,
  type TcpTransportOptions,
} from './tcp-options.ts';
import { udpRouterOptions, udpServiceOptions, type UdpRouterOptions, type UdpServiceOptions } from './udp-options.ts';
import { namedTransportOptions, type TransportOptions } from './transport-options.ts';

export interface RoutingObject<T> {
  readonly name: string;
  /** Null when decoding found errors: the object is disabled. */
  readonly value: T | null;
  /** The input as text: an object whose text did not change keeps its decoded value. */
  readonly text: string;
  /** Decoding had nothing to say, and what it said depends on the text alone. */
  readonly isClean: boolean;
  readonly document: ConfigDocument;
  readonly path: readonly PathSegment[];
  readonly errors: readonly string[];
  /** Values that are shown as they were written. */
  readonly substituted: readonly Substituted[];
  /** What is wrong with the present text, of an object that goes on in its last good form; left out otherwise. */
  readonly kept?: readonly string[];
}

/** Objects of every kind by name. */
export interface RoutingSections {
  readonly routers: ReadonlyMap<string, RoutingObject<RouterOptions>>;
  readonly middlewares: ReadonlyMap<string, RoutingObject<MiddlewareOptions>>;
  readonly services: ReadonlyMap<string, RoutingObject<ServiceOptions>>;
  readonly serversTransports: ReadonlyMap<string, RoutingObject<TransportOptions>>;
  /** They have no names of their own; see `certificateName`. */
  readonly certificates: ReadonlyMap<string, RoutingObject<CertificateOptions>>;
  readonly tlsOptions: ReadonlyMap<string, RoutingObject<TlsOptions>>;
  readonly tlsStores: ReadonlyMap<string, RoutingObject<StoreOptions>>;
  readonly tcpRouters: ReadonlyMap<string, RoutingObject<TcpRouterOptions>>;
  readonly tcpServices: ReadonlyMap<string, RoutingObject<TcpServiceOptions>>;
  readonly tcpMiddlewares: ReadonlyMap<string, RoutingObject<TcpMiddlewareOptions>>;
  readonly tcpServersTransports: ReadonlyMap<string, RoutingObject<TcpTransportOptions>>;
  readonly udpRouters: ReadonlyMap<string, RoutingObject<UdpRouterOptions>>;
  readonly udpServices: ReadonlyMap<string, RoutingObject<UdpServiceOptions>>;
}

export interface RoutingConfig extends RoutingSections {
  readonly provider: string;
  readonly words: Words;
  readonly diagnostics: readonly Diagnostic[];
  /** Files of which nothing is known, since they cannot be read or do not parse. */
  readonly unread?: readonly string[];
  /** Files that options name and whose content is part of this: when they change, decode again. */
  readonly filesRead: ReadonlySet<string>;
  /** What could not be read as a whole, and where: nobody knows which objects were meant. */
  readonly unreadableSections: readonly UnreadableSection[];
}

export interface UnreadableSection {
  readonly section: ObjectSection;
  readonly source: string;
}

/** Sections of `http` that later work brings. */
const LATER_HTTP = ['models'];
const SECTIONS: Readonly<Record<string, { readonly expected: string; readonly decode: DecodeSection }>> = {
  http: { expected: 'a section with routers, services and middlewares', decode: decodeHttp },
  tcp: { expected: 'a section with routers, services and middlewares', decode: decodeTcp },
  udp: { expected: 'a section with routers and services', decode: decodeUdp },
  tls: { expected: 'a section with certificates', decode: decodeTls },
};
type DecodeSection = (section: Readonly<Record<string, unknown>>, decoder: Decoder) => void;

export interface DecodeRoutingOptions {
  /** Values are taken over where their text is the same. */
  readonly previous?: RoutingConfig | undefined;
  /** Only for sources that the operator writes: whoever may substitute may read. */
  readonly substitutions?: Substitutions;
  /** None when left out. */
  readonly plugins?: KnownPlugins;
}

/** Decodes a parsed document; never throws. */
export function decodeRouting(
  provider: string,
  document: ConfigDocument,
  { previous, substitutions, plugins }: DecodeRoutingOptions = {},
): RoutingConfig {
  const context = new DecodeContext(document.source, document.locate, substitutions, plugins);
  const decoder: Decoder = { context, document, into: emptySections(), previous, unreadable: new Set() };
  const given = document.value ?? {};
  if (document.value === undefined) noteUnreadable(decoder);
  if (!isMap(given)) {
    context.wrongType('the section "http"', given);
    noteUnreadable(decoder);
  } else {
    const part = routingPartOf(given, context);
    // A file whose first line was lost says nothing about its objects.
    if (context.errorCount > 0) noteUnreadable(decoder);
    for (const [key, section] of part) {
      context.at(key, () => {
        const name = key.toLowerCase();
        const known = Object.hasOwn(SECTIONS, name) ? SECTIONS[name] : undefined;
        if (known === undefined) context.unknownOption(key, Object.keys(SECTIONS));
        else if (!isSection(section)) {
          context.wrongType(known.expected, section);
          noteUnreadable(decoder, name);
        } else known.decode(isMap(section) ? section : {}, decoder);
      });
    }
  }
  return {
    provider,
    words: substitutions === undefined ? 'tenant' : 'operator',
    ...decoder.into,
    diagnostics: [...document.diagnostics, ...context.diagnostics],
    filesRead: context.filesRead,
    unreadableSections: [...decoder.unreadable].map((section) => ({ section, source: document.source })),
  };
}

/** Nothing below the path can be read. */
function noteUnreadable({ unreadable }: Decoder, ...path: readonly string[]): void {
  for (const section of OBJECT_SECTIONS) {
    const place = SECTION_PATHS[section];
    if (path.every((segment, index) => segment.toLowerCase() === place[index]!.toLowerCase())) unreadable.add(section);
  }
}

/** A section, or what stands for an empty one. */
function isSection(section: unknown): boolean {
  return section === null || isMap(section) || isSwitchedOn(section) || isSwitchedOff(section) || isEmptyText(section);
}

/** What all objects of a document are decoded with and into. */
interface Decoder {
  readonly context: DecodeContext;
  readonly document: ConfigDocument;
  readonly into: Sections;
  readonly previous: RoutingConfig | undefined;
  readonly unreadable: Set<ObjectSection>;
}

type Sections = {
  readonly [S in keyof RoutingSections]: RoutingSections[S] extends ReadonlyMap<string, infer O>
    ? Map<string, O>
    : never;
};

function emptySections(): Sections {
  return {
    routers: new Map(),
    middlewares: new Map(),
    services: new Map(),
    serversTransports: new Map(),
    certificates: new Map(),
    tlsOptions: new Map(),
    tlsStores: new Map(),
    tcpRouters: new Map(),
    tcpServices: new Map(),
    tcpMiddlewares: new Map(),
    tcpServersTransports: new Map(),
    udpRouters: new Map(),
    udpServices: new Map(),
  };
}

function decodeHttp(http: Readonly<Record<string, unknown>>, decoder: Decoder): void {
  const { context, into, previous } = decoder;
  for (const [key, section] of Object.entries(http)) {
    context.at(key, () => {
      switch (key.toLowerCase()) {
        case 'routers':
          decodeObjects(section, routerOptions, decoder, into.routers, previous?.routers);
          return;
        case 'services':
          decodeObjects(section, oneKind(serviceOptions, 'loadBalancer'), decoder, into.services, previous?.services);
          return;
        case 'serverstransports':
          decodeObjects(section, namedTransportOptions, decoder, into.serversTransports, previous?.serversTransports);
          return;
        case 'middlewares':
          decodeObjects(
            section,
            oneKind(middlewareOptions, 'addPrefix'),
            decoder,
            into.middlewares,
            previous?.middlewares,
          );
          return;
        default:
          if (LATER_HTTP.some((name) => name.toLowerCase() === key.toLowerCase())) context.notSupported(false);
          else context.unknownOption(key, ['routers', 'services', 'middlewares', 'serversTransports', ...LATER_HTTP]);
      }
    });
  }
}

function decodeTcp(tcp: Readonly<Record<string, unknown>>, decoder: Decoder): void {
  const { context, into, previous } = decoder;
  const services = oneKind(tcpServiceOptions, 'loadBalancer');
  const middlewares = oneKind(tcpMiddlewareOptions, 'ipAllowList');
  for (const [key, section] of Object.entries(tcp)) {
    context.at(key, () => {
      switch (key.toLowerCase()) {
        case 'routers':
          decodeObjects(section, tcpRouterOptions, decoder, into.tcpRouters, previous?.tcpRouters);
          return;
        case 'services':
          decodeObjects(section, services, decoder, into.tcpServices, previous?.tcpServices);
          return;
        case 'middlewares':
          decodeObjects(section, middlewares, decoder, into.tcpMiddlewares, previous?.tcpMiddlewares);
          return;
        case 'serverstransports':
          decodeObjects(
            section,
            tcpTransportOptions,
            decoder,
            into.tcpServersTransports,
            previous?.tcpServersTransports,
          );
          return;
        default:
          if (key.toLowerCase() === 'models') context.notSupported(false);
          else context.unknownOption(key, ['routers', 'services', 'middlewares', 'serversTransports']);
      }
    });
  }
}

function decodeUdp(udp: Readonly<Record<string, unknown>>, decoder: Decoder): void {
  const { context, into, previous } = decoder;
  for (const [key, section] of Object.entries(udp)) {
    context.at(key, () => {
      switch (key.toLowerCase()) {
        case 'routers':
          decodeObjects(section, udpRouterOptions, decoder, into.udpRouters, previous?.udpRouters);
          return;
        case 'services':
          decodeObjects(
            section,
            oneKind(udpServiceOptions, 'loadBalancer'),
            decoder,
            into.udpServices,
            previous?.udpServices,
          );
          return;
        default:
          context.unknownOption(key, ['routers', 'services']);
      }
    });
  }
}

function decodeTls(tls: Readonly<Record<string, unknown>>, decoder: Decoder): void {
  const { context, into, previous } = decoder;
  for (const [key, section] of Object.entries(tls)) {
    context.at(key, () => {
      switch (key.toLowerCase()) {
        case 'certificates':
          decodeCertificates(section, decoder);
          return;
        case 'options':
          decodeObjects(section, tlsOptions, decoder, into.tlsOptions, previous?.tlsOptions);
          return;
        case 'stores':
          decodeObjects(section, storeOptions, decoder, into.tlsStores, previous?.tlsStores);
          return;
        default:
          context.unknownOption(key, ['certificates', 'options', 'stores']);
      }
    });
  }
}

/** A list, whose objects are named by their place in the file. */
function decodeCertificates(section: unknown, decoder: Decoder): void {
  const { context, into, previous } = decoder;
  if (section === null || isEmptyText(section)) return;
  if (!Array.isArray(section) && !isMap(section)) {
    context.wrongType('a list of certificates', section);
    noteUnreadable(decoder, 'tls', 'certificates');
    return;
  }
  // One needs no list.
  const certificates: readonly unknown[] = Array.isArray(section) ? section : [section];
  certificates.forEach((given, index) => {
    context.at(index, () => {
      const name = certificateName(context.source, index);
      decodeObject(name, given, certificateOptions, decoder, into.certificates, previous?.certificates);
    });
  });
}

/** Certificates of several files of a provider must not hide each other. */
function certificateName(source: string, index: number): string {
  return `${source}#${index}`;
}

/** The section must name exactly one of its kinds. */
function oneKind<T extends object>(schema: Schema<T>, example: string): Schema<T> {
  return {
    ...schema,
    decode(input, context): T | Invalid {
      const errorsBefore = context.errorCount;
      const decoded = schema.decode(input, context);
      if (decoded === INVALID || context.errorCount > errorsBefore) return INVALID;
      const kinds = Object.entries(decoded)
        .filter(([, value]) => value !== undefined)
        .map(([kind]) => kind);
      if (kinds.length === 1) return decoded;
      return kinds.length === 0
        ? context.invalid(`name the kind, as in "${example}:"`, 'exactly one kind', 'none')
        : context.invalid(
            `one object is of one kind, found ${kinds.join(' and ')}; give each a name of its own`,
            'exactly one kind',
            kinds.join(', '),
          );
    },
  };
}

function decodeObjects<T>(
  section: unknown,
  schema: Schema<T>,
  decoder: Decoder,
  into: Map<string, RoutingObject<T>>,
  previous: ReadonlyMap<string, RoutingObject<T>> | undefined,
): void {
  const { context } = decoder;
  if (!isSection(section)) {
    context.wrongType('a map from names to objects', section);
    noteUnreadable(decoder, ...context.path.map(String));
    return;
  }
  if (!isMap(section)) return;
  for (const [name, given] of Object.entries(section)) {
    context.at(name, () => {
      if (context.refuseKey(name)) return;
      if (name.includes('@')) {
        context.invalid(
          `"@" cannot be part of a name; it separates name and provider in references`,
          'a name without @',
          name,
        );
        return;
      }
      decodeObject(name, given, schema, decoder, into, previous);
    });
  }
}

function decodeObject<T>(
  name: string,
  given: unknown,
  schema: Schema<T>,
  { context, document }: Decoder,
  into: Map<string, RoutingObject<T>>,
  previous: ReadonlyMap<string, RoutingObject<T>> | undefined,
): void {
  const mark = context.mark();
  const { diagnostics: before, errors: errorsBefore } = mark;
  const substitutedBefore = context.substituted.length;
  const text = JSON.stringify(given) ?? '';
  const old = previous?.get(name);
  if (old?.isClean === true && old.text === text) {
    into.set(name, { ...old, document });
    return;
  }
  const readsBefore = context.fileReads;
  context.mayKeepLast = false;
  const decoded = schema.decode(given, context);
  const dependsOnFiles = context.fileReads > readsBefore;
  const isValid = decoded !== INVALID && context.errorCount === errorsBefore;
  if (!isValid && context.mayKeepLast && old !== undefined && old.value !== null && old.text === text) {
    // What it says is the same: one of its files is wrong, or half written.
    context.downgrade(mark, 'what was read before stays in force');
    into.set(name, { ...old, document });
    return;
  }
  const errors = context.diagnostics
    .slice(before)
    .filter((diagnostic) => diagnostic.severity === 'error')
    .map((diagnostic) => diagnostic.message);
  const depth = context.path.length;
  const substituted = context.substituted
    .slice(substitutedBefore)
    .map((one) => ({ ...one, path: one.path.slice(depth) }));
  into.set(name, {
    name,
    value: isValid ? decoded : null,
    text,
    // What a substitution stands for may change while the text does not.
    isClean: isValid && !dependsOnFiles && context.diagnostics.length === before && substituted.length === 0,
    substituted,
    document,
    path: [...context.path],
    // Never empty for a disabled object, also when its own diagnostics were too many to keep: later stages tell by it.
    errors: isValid || errors.length > 0 ? errors : ['it has errors; those of other objects come first'],
  });
}
