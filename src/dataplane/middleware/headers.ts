// headers: adds, replaces and removes fields of requests and responses, and sets the usual security fields.

import {
  boolean,
  integer,
  later,
  list,
  object,
  optional,
  record,
  string,
  withDefault,
  type Infer,
} from '../../schema/schema.ts';
import type { Exchange, ResponseHook } from '../http/exchange.ts';
import { respond } from '../http/respond.ts';
import { canonicalHost, portOf } from '../http/host.ts';
import { defineMiddleware } from './define.ts';
import { fieldNameError, fieldValue } from './option-types.ts';

const CORS = 'Cross-origin resource sharing.';

const options = object({
  customRequestHeaders: withDefault(
    record(fieldValue, fieldNameError),
    {},
    'Fields to set on the request; an empty value removes the field. `Host` changes the host.',
  ),
  customResponseHeaders: withDefault(
    record(fieldValue, fieldNameError),
    {},
    'Fields to set on the response; an empty value removes the field.',
  ),
  allowedHosts: withDefault(
    list(string()),
    [],
    'Hosts that may be asked for; others are answered 400. A host without port allows every port.',
  ),
  hostsProxyHeaders: withDefault(
    list(string()),
    [],
    'Fields that may hold the host asked for, tried in order before Host.',
  ),
  sslProxyHeaders: withDefault(
    record(string()),
    {},
    'Fields and values that mark a request as having come over TLS, such as `X-Forwarded-Proto: https`.',
  ),
  stsSeconds: withDefault(integer({ min: 0 }), 0, '`max-age` of Strict-Transport-Security; 0 sends none.'),
  stsIncludeSubdomains: withDefault(boolean(), false, 'Adds `includeSubDomains`.'),
  stsPreload: withDefault(boolean(), false, 'Adds `preload`.'),
  forceSTSHeader: withDefault(boolean(), false, 'Sends Strict-Transport-Security over plain HTTP too.'),
  frameDeny: withDefault(boolean(), false, 'Sends `X-Frame-Options: DENY`.'),
  customFrameOptionsValue: optional(fieldValue, 'Value of X-Frame-Options; overrides frameDeny.'),
  contentTypeNosniff: withDefault(boolean(), false, 'Sends `X-Content-Type-Options: nosniff`.'),
  browserXssFilter: withDefault(boolean(), false, 'Sends `X-XSS-Protection: 1; mode=block`.'),
  customBrowserXSSValue: optional(fieldValue, 'Value of X-XSS-Protection; overrides browserXssFilter.'),
  contentSecurityPolicy: optional(fieldValue, 'Value of Content-Security-Policy.'),
  contentSecurityPolicyReportOnly: optional(fieldValue, 'Value of Content-Security-Policy-Report-Only.'),
  publicKey: optional(fieldValue, 'Value of Public-Key-Pins.'),
  referrerPolicy: optional(fieldValue, 'Value of Referrer-Policy.'),
  permissionsPolicy: optional(fieldValue, 'Value of Permissions-Policy.'),
  isDevelopment: withDefault(boolean(), false, 'Leaves out allowed hosts and Strict-Transport-Security.'),
  accessControlAllowCredentials: later(CORS),
  accessControlAllowHeaders: later(CORS),
  accessControlAllowMethods: later(CORS),
  accessControlAllowOriginList: later(CORS),
  accessControlAllowOriginListRegex: later(CORS),
  accessControlExposeHeaders: later(CORS),
  accessControlMaxAge: later(CORS),
  addVaryHeader: later(CORS),
  featurePolicy: later('Deprecated in the reference; use permissionsPolicy.'),
  sslRedirect: later('Deprecated in the reference; use redirectScheme.', 'refused'),
  sslTemporaryRedirect: later('Deprecated in the reference; use redirectScheme.'),
  sslHost: later('Deprecated in the reference; use redirectRegex.'),
  sslForceHost: later('Deprecated in the reference; use redirectRegex.'),
});

type HeadersOptions = Infer<typeof options>;

interface FieldChange {
  readonly lower: string;
  /** Finished line; '' removes the field. */
  readonly line: string;
}

function change(name: string, value: string): FieldChange {
  return { lower: name.toLowerCase(), line: value === '' ? '' : `${name}: ${value}\r\n` };
}

function securityFields(given: HeadersOptions): FieldChange[] {
  const frame = given.customFrameOptionsValue ?? (given.frameDeny ? 'DENY' : undefined);
  const xss = given.customBrowserXSSValue ?? (given.browserXssFilter ? '1; mode=block' : undefined);
  const fields: (readonly [string, string | undefined])[] = [
    ['X-Frame-Options', frame],
    ['X-Content-Type-Options', given.contentTypeNosniff ? 'nosniff' : undefined],
    ['X-XSS-Protection', xss],
    ['Content-Security-Policy', given.contentSecurityPolicy],
    ['Content-Security-Policy-Report-Only', given.contentSecurityPolicyReportOnly],
    ['Public-Key-Pins', given.publicKey],
    ['Referrer-Policy', given.referrerPolicy],
    ['Permissions-Policy', given.permissionsPolicy],
  ];
  return fields.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [change(name, value)]));
}

function stsField(given: HeadersOptions): FieldChange | null {
  if (given.stsSeconds === 0 || given.isDevelopment) return null;
  const subdomains = given.stsIncludeSubdomains ? '; includeSubDomains' : '';
  return change(
    'Strict-Transport-Security',
    `max-age=${given.stsSeconds}${subdomains}${given.stsPreload ? '; preload' : ''}`,
  );
}

function apply(headers: Exchange['requestHeaders'], changes: readonly FieldChange[]): void {
  for (let index = 0; index < changes.length; index++) {
    const { lower, line } = changes[index]!;
    if (line === '') headers.delete(lower);
    else headers.setLine(lower, line);
  }
}

/** Whether the host asked for is on the list; ports count only where the list names one. */
function isHostAllowed(exchange: Exchange, allowed: readonly string[], proxyHeaders: readonly string[]): boolean {
  let asked = exchange.authority;
  for (const name of proxyHeaders) {
    const value = exchange.requestHeaders.get(name.toLowerCase());
    if (value !== undefined && value !== '') {
      asked = value;
      break;
    }
  }
  const host = canonicalHost(asked);
  return allowed.some((entry) => {
    if (canonicalHost(entry) !== host) return false;
    const port = portOf(entry);
    return port === '' || port === portOf(asked);
  });
}

export const headers = defineMiddleware({
  kind: 'headers',
  summary: 'Sets or removes fields of requests and responses.',
  description:
    'Custom fields are set last, so they win over the security options. Connection-level fields such as `Content-Length` or `Transfer-Encoding` are the proxy’s own and cannot be set.',
  options,
  create: (given) => {
    const host = Object.entries(given.customRequestHeaders).find(([name]) => name.toLowerCase() === 'host')?.[1];
    const request = Object.entries(given.customRequestHeaders)
      .filter(([name]) => name.toLowerCase() !== 'host')
      .map(([name, value]) => change(name, value));
    const response = [
      ...securityFields(given),
      ...Object.entries(given.customResponseHeaders).map(([name, value]) => change(name, value)),
    ];
    const sts = stsField(given);
    const tlsMarks = Object.entries(given.sslProxyHeaders).map(([name, value]) => [name.toLowerCase(), value] as const);
    const checksHost = given.allowedHosts.length > 0 && !given.isDevelopment;

    const setResponseFields: ResponseHook = (exchange) => {
      if (sts !== null) {
        const isTls =
          exchange.scheme === 'https' || tlsMarks.some(([name, value]) => exchange.requestHeaders.get(name) === value);
        if (isTls || given.forceSTSHeader) exchange.responseHeaders.setLine(sts.lower, sts.line);
      }
      apply(exchange.responseHeaders, response);
    };
    const hasResponse = response.length > 0 || sts !== null;

    return (next) =>
      function headersStage(exchange) {
        if (checksHost && !isHostAllowed(exchange, given.allowedHosts, given.hostsProxyHeaders)) {
          respond(exchange, 400, 'Bad Host\n');
          return;
        }
        if (host !== undefined) exchange.authority = host;
        if (request.length > 0) apply(exchange.requestHeaders, request);
        if (hasResponse) exchange.onResponse(setResponseFields);
        return next(exchange);
      };
  },
});
