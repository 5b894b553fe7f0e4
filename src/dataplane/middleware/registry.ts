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

/** Kinds of the reference that later work brings: known, so that they are not taken for a misspelling. */
export const LATER_MIDDLEWARES: readonly string[] = [
  'circuitBreaker',
  'forwardAuth', 'inFlightReq', 'passTLSClientCert', 'rateLimit',
  'retry',
]; // prettier-ignore

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
