// headers: adds, replaces and removes fields of requests and responses, sets the usual security fields, answers CORS
// preflights and refuses hosts that are not listed.

import type { Exchange, ResponseHook } from '../../http/exchange.ts';
import { H_FORWARDED, headerName } from '../../http/message/header-names.ts';
import { canonicalHost, portOf } from '../../http/message/host.ts';
import { respond } from '../../http/respond.ts';
import { createCors } from './cors.ts';
import { defineMiddleware } from '../define.ts';
import { headersOptions, type HeadersOptions } from './headers-options.ts';
import { clientScheme } from '../path/redirect-scheme.ts';
import { askedTarget, redirectWith, refuseWithoutHost } from '../path/redirect.ts';

interface FieldChange {
  readonly lower: string;
  /** Finished line; '' removes the field. */
  readonly line: string;
}

function change(name: string, value: string): FieldChange {
  return { lower: name.toLowerCase(), line: value === '' ? '' : `${name}: ${value}\r\n` };
}

function securityFields(given: HeadersOptions): FieldChange[] {
  const fields: (readonly [string, string | undefined])[] = [
    ['X-Frame-Options', given.customFrameOptionsValue || (given.frameDeny ? 'DENY' : undefined)],
    ['X-Content-Type-Options', given.contentTypeNosniff ? 'nosniff' : undefined],
    ['X-XSS-Protection', given.customBrowserXSSValue || (given.browserXssFilter ? '1; mode=block' : undefined)],
    ['Content-Security-Policy', given.contentSecurityPolicy],
    ['Content-Security-Policy-Report-Only', given.contentSecurityPolicyReportOnly],
    ['Referrer-Policy', given.referrerPolicy],
    ['Feature-Policy', given.featurePolicy],
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

/** Host with its port, from the first of the named fields that has one, or Host itself. */
function askedAuthority(exchange: Exchange, proxyHeaders: readonly string[]): string {
  for (let index = 0; index < proxyHeaders.length; index++) {
    const value = exchange.requestHeaders.get(proxyHeaders[index]!);
    if (value !== undefined && value !== '') return value;
  }
  return exchange.authority;
}

interface AllowedHost {
  readonly host: string;
  /** '' allows every port. */
  readonly port: string;
}

function isAllowed(authority: string, allowed: readonly AllowedHost[]): boolean {
  const host = canonicalHost(authority);
  if (host === null) return false;
  const port = portOf(authority);
  for (let index = 0; index < allowed.length; index++) {
    const entry = allowed[index]!;
    if (entry.host === host && (entry.port === '' || entry.port === port)) return true;
  }
  return false;
}

/** Name and value of fields that mark a request as having come over TLS. */
type TlsMarks = readonly (readonly [string, string])[];

function cameOverTls(exchange: Exchange, marks: TlsMarks): boolean {
  if (clientScheme(exchange) === 'https') return true;
  for (let index = 0; index < marks.length; index++) {
    const [name, value] = marks[index]!;
    if (exchange.requestHeaders.get(name) === value) return true;
  }
  return false;
}

export const headers = defineMiddleware({
  kind: 'headers',
  summary: 'Sets or removes fields of requests and responses, and answers CORS preflights.',
  description:
    'Custom fields are set after those of the security options, and those about origins last. Connection-level fields such as `Content-Length` or `Transfer-Encoding` are the proxy’s own and cannot be set. A preflight - `OPTIONS` with `Origin` and `Access-Control-Request-Method` - is answered 200 without asking the service when any option about origins is given; origins that may not are told so by the lack of `Access-Control-Allow-Origin`.',
  options: headersOptions,
  create: (given) => {
    const requestEntries = Object.entries(given.customRequestHeaders);
    const host = requestEntries.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? '';
    const request = requestEntries
      .filter(([name]) => name.toLowerCase() !== 'host')
      .map(([name, value]) => change(name, value));
    const setsForwarded = request.some(({ lower }) => headerName(lower)?.id === H_FORWARDED);
    const response = [
      ...securityFields(given),
      ...Object.entries(given.customResponseHeaders).map(([name, value]) => change(name, value)),
    ];
    const sts = stsField(given);
    // RFC 7469 §2.2.2: over a connection that anybody can change, it says nothing.
    const pins =
      given.publicKey === undefined || given.publicKey === '' ? null : change('Public-Key-Pins', given.publicKey);
    // How a server is kept from its clients' addresses.
    const hidesClient = request.some(({ lower, line }) => lower === 'x-forwarded-for' && line === '');
    const tlsMarks: TlsMarks = Object.entries(given.sslProxyHeaders).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]);
    const proxyHeaders = given.hostsProxyHeaders.map((name) => name.toLowerCase());
    const allowedHosts = given.allowedHosts.map((entry) => ({
      host: canonicalHost(entry) ?? '',
      port: portOf(entry),
    }));
    const checksHost = allowedHosts.length > 0 && !given.isDevelopment;
    const redirectsToTls = given.sslRedirect && !given.isDevelopment;
    const forcedHost = given.sslForceHost ? (given.sslHost?.toLowerCase() ?? '') : '';
    const redirectStatus = given.sslTemporaryRedirect ? 307 : 301;
    const cors = createCors(given);

    const setResponseFields: ResponseHook = (exchange) => {
      if (sts !== null && (given.forceSTSHeader || cameOverTls(exchange, tlsMarks))) {
        exchange.responseHeaders.setLine(sts.lower, sts.line);
      }
      if (pins !== null && cameOverTls(exchange, tlsMarks)) exchange.responseHeaders.setLine(pins.lower, pins.line);
      apply(exchange.responseHeaders, response);
      cors?.setResponseFields(exchange);
    };
    const hasResponse = response.length > 0 || sts !== null || pins !== null || cors !== null;

    /** True when the request was answered. */
    const redirectToTls = (exchange: Exchange): boolean => {
      const authority = askedAuthority(exchange, proxyHeaders);
      const isForced = forcedHost !== '' && forcedHost !== authority.toLowerCase();
      if (!isForced && !(redirectsToTls && !cameOverTls(exchange, tlsMarks))) return false;
      const asked = canonicalHost(authority) === null ? '' : authority.replace(/:80$/, '');
      const target = given.sslHost ?? asked;
      if (target === '') refuseWithoutHost(exchange);
      else redirectWith(exchange, redirectStatus, `https://${target}${askedTarget(exchange)}`);
      return true;
    };
    const mayRedirect = redirectsToTls || forcedHost !== '';

    return (next) =>
      function headersStage(exchange) {
        if (checksHost && !isAllowed(askedAuthority(exchange, proxyHeaders), allowedHosts)) {
          respond(exchange, 400, 'Bad Host\n');
          return;
        }
        if (cors !== null && cors.answerPreflight(exchange)) return;
        if (mayRedirect && redirectToTls(exchange)) return;
        if (host !== '') exchange.authority = host;
        if (request.length > 0) {
          apply(exchange.requestHeaders, request);
          if (setsForwarded) exchange.hasForwarded = true;
          if (hidesClient) exchange.appendForwardedFor = false;
        }
        if (hasResponse) exchange.onResponse(setResponseFields);
        return next(exchange);
      };
  },
});
