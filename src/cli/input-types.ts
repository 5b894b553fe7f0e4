// TypeScript types of configuration as people write it, rendered from the schemas: what `defineConfig` and `startRouter`
// take. Keys are in canonical spelling; text stands for any value, as it may hold a substitution.

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
import type { Field, Schema } from '../schema/schema.ts';

const INDENT = '  ';

export function renderInputTypes(): string {
  return `// Written by npm run generate from the schemas: configuration as people write it.

export interface InstallInput ${typeOf(installOptions, 0).replace(/\}$/, `  /** Routing configuration in the same file. */\n  readonly http?: RoutingInput['http'];\n  readonly tcp?: RoutingInput['tcp'];\n  readonly udp?: RoutingInput['udp'];\n  readonly tls?: RoutingInput['tls'];\n}`)}

export interface RoutingInput {
  readonly http?: {
    readonly routers?: Readonly<Record<string, RouterInput>>;
    readonly services?: Readonly<Record<string, ServiceInput>>;
    readonly middlewares?: Readonly<Record<string, MiddlewareInput>>;
    readonly serversTransports?: Readonly<Record<string, TransportInput>>;
  };
  readonly tcp?: {
    readonly routers?: Readonly<Record<string, TcpRouterInput>>;
    readonly services?: Readonly<Record<string, TcpServiceInput>>;
    readonly middlewares?: Readonly<Record<string, TcpMiddlewareInput>>;
    readonly serversTransports?: Readonly<Record<string, TcpTransportInput>>;
  };
  readonly udp?: {
    readonly routers?: Readonly<Record<string, UdpRouterInput>>;
    readonly services?: Readonly<Record<string, UdpServiceInput>>;
  };
  readonly tls?: {
    readonly certificates?: readonly CertificateInput[];
    readonly options?: Readonly<Record<string, TlsOptionsInput>>;
    readonly stores?: Readonly<Record<string, TlsStoreInput>>;
  };
}

export interface RouterInput ${typeOf(routerOptions, 0)}

/** Exactly one of the kinds. */
export interface ServiceInput ${typeOf(serviceOptions, 0)}

/** Exactly one of the kinds. */
export interface MiddlewareInput ${typeOf(middlewareOptions, 0)}

export interface TransportInput ${typeOf(namedTransportOptions, 0)}

export interface TcpRouterInput ${typeOf(tcpRouterOptions, 0)}

/** Exactly one of the kinds. */
export interface TcpServiceInput ${typeOf(tcpServiceOptions, 0)}

/** Exactly one of the kinds. */
export interface TcpMiddlewareInput ${typeOf(tcpMiddlewareOptions, 0)}

export interface TcpTransportInput ${typeOf(tcpTransportOptions, 0)}

export interface UdpRouterInput ${typeOf(udpRouterOptions, 0)}

/** Exactly one of the kinds. */
export interface UdpServiceInput ${typeOf(udpServiceOptions, 0)}

export interface CertificateInput ${typeOf(certificateOptions, 0)}

export interface TlsOptionsInput ${typeOf(tlsOptions, 0)}

export interface TlsStoreInput ${typeOf(storeOptions, 0)}
`;
}

function typeOf(schema: Schema<unknown>, depth: number): string {
  if (schema.fields !== null) {
    const inner = INDENT.repeat(depth + 1);
    const lines = Object.entries(schema.fields)
      .filter(([, field]) => field.later === null)
      .map(
        ([name, field]) =>
          `${inner}/** ${field.doc.replaceAll('*/', '*\\/')} */\n${inner}${property(name, field, depth + 1)}\n`,
      );
    return `{\n${lines.join('')}${INDENT.repeat(depth)}}`;
  }
  if (schema.item !== undefined) {
    const item = typeOf(schema.item, depth);
    return schema.itemSuffix === '[]' ? `ReadonlyArray<${item}> | string` : `Readonly<Record<string, ${item}>>`;
  }
  const { enum: values, type } = schema.json;
  if (Array.isArray(values)) {
    const known = (values as unknown[]).map((value) => JSON.stringify(value).replaceAll('"', "'"));
    return known.join(' | ');
  }
  if (Array.isArray(type) && type.includes('object')) return 'object';
  // Text that may be left unquoted: in TypeScript it is text.
  if (Array.isArray(type) && type.includes('boolean')) return 'string';
  const types = new Set((Array.isArray(type) ? (type as string[]) : [String(type)]).map(scalar));
  types.add('string');
  return [...types].toSorted().join(' | ');
}

function scalar(type: string): string {
  return type === 'integer' ? 'number' : type;
}

function property(name: string, field: Field<unknown>, depth: number): string {
  return `readonly ${name}${field.isRequired ? '' : '?'}: ${typeOf(field.schema, depth)};`;
}
