// All middlewares. Adding one is a file, a line here and a test; configuration, reference page and decoding follow.

import type { MiddlewareSpec } from '../../model/route.ts';
import { addPrefix } from './path/add-prefix.ts';
import { basicAuth } from './auth/basic-auth.ts';
import { bodyLimit } from './body/body-limit.ts';
import { buffering } from './body/buffering.ts';
import { chain } from './chain.ts';
import { compress } from './body/compress.ts';
import { contentType } from './body/content-type.ts';
import type { Middleware, MiddlewareContext, MiddlewareDefinition } from './define.ts';
import { digestAuth } from './auth/digest-auth.ts';
import { encodedCharacters } from './path/encoded-characters.ts';
import { errors } from './body/errors.ts';
import { grpcWeb } from './body/grpc-web.ts';
import { headers } from './head/headers.ts';
import { ipAllowList, ipWhiteList } from './auth/ip-allow-list.ts';
import { maintenance } from './head/maintenance.ts';
import { plugin } from './plugin/plugin.ts';
import { redirectRegex } from './path/redirect-regex.ts';
import { redirectScheme } from './path/redirect-scheme.ts';
import { replacePathRegex } from './path/replace-path-regex.ts';
import { replacePath } from './path/replace-path.ts';
import { requestId } from './head/request-id.ts';
import { stripPrefixRegex } from './path/strip-prefix-regex.ts';
import { stripPrefix } from './path/strip-prefix.ts';

export const MIDDLEWARES: readonly MiddlewareDefinition[] = [
  addPrefix,
  basicAuth,
  bodyLimit,
  buffering,
  chain,
  compress,
  contentType,
  digestAuth,
  encodedCharacters,
  errors,
  grpcWeb,
  headers,
  ipAllowList,
  ipWhiteList,
  maintenance,
  plugin,
  redirectRegex,
  redirectScheme,
  replacePath,
  replacePathRegex,
  requestId,
  stripPrefix,
  stripPrefixRegex,
];

/** Kinds of the reference that later work brings, each with what there is in its place until then. */
export const LATER_MIDDLEWARES: Readonly<Record<string, string>> = {
  circuitBreaker: 'until then passiveHealthCheck of the service leaves out a server that fails',
  forwardAuth: 'until then there are basicAuth and digestAuth, or a plugin that asks your service (docs/plugins.md)',
  inFlightReq:
    'until then transport.limits.maxConnectionsPerIP of the entry point bounds what one address does at once',
  passTLSClientCert: 'until then a TCP router with tls.passthrough lets the service see the certificate itself',
  rateLimit: 'until then the service itself has to limit',
  retry: 'until then only a request that no server can have seen is sent again, by itself (docs/failures.md)',
};

const BY_KIND = new Map(MIDDLEWARES.map((definition) => [definition.kind, definition]));

/** Options that name services, by kind. */
export const SERVICE_OPTIONS: ReadonlyMap<string, readonly string[]> = new Map(
  MIDDLEWARES.filter(({ serviceOptions = [] }) => serviceOptions.length > 0).map(({ kind, serviceOptions }) => [
    kind,
    serviceOptions!,
  ]),
);

/** The live stage of a specification, whose options have passed the kind's schema. */
export function createMiddleware(spec: MiddlewareSpec, context: Omit<MiddlewareContext, 'name'>): Middleware {
  const definition = BY_KIND.get(spec.kind);
  if (definition === undefined) throw new Error(`middleware ${spec.name}: unknown kind ${spec.kind}`);
  return definition.create(spec.options, { ...context, name: spec.name });
}
