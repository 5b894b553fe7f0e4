// Options of the headers middleware, and what is wrong with combinations of them.

import type { DecodeContext } from '../../../schema/decode-context.ts';
import { optional, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { boolean, integer, string } from '../../../schema/scalar.ts';
import type { Infer, Schema } from '../../../schema/schema.ts';
import { forgivingList, forgivingRecord } from '../../../schema/forgiving.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { canonicalHost } from '../../http/message/host.ts';
import { fieldName, fieldNameError, fieldValue, regex } from '../option-types.ts';

const token = string({ pattern: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, expected: 'a name without spaces or commas' });

const host = checked(string(), (text, context) => {
  if (canonicalHost(text) === null) context.invalid(`"${text}" is no host`, 'a host, with or without port', text);
});

const ownFields = forgivingRecord(fieldValue, fieldNameError);

/** Values for `Host` are hosts: another text would make the request mean something else to every server. */
const requestFields: Schema<Readonly<Record<string, string>>> = {
  ...ownFields,
  decode(input, context) {
    const fields = ownFields.decode(input, context);
    if (fields === INVALID) return INVALID;
    const kept: Record<string, string> = {};
    for (const [name, value] of Object.entries(fields)) {
      if (name.toLowerCase() !== 'host' || value === '' || canonicalHost(value) !== null) kept[name] = value;
      else {
        context.at(name, () =>
          context.report('warning', 'invalid-value', `"${value}" is no host; this entry is left out`, {
            expected: 'a host, with or without port',
            received: value,
          }),
        );
      }
    }
    return kept;
  },
};

const fields = object({
  customRequestHeaders: withDefault(
    requestFields,
    {},
    'Fields to set on the request; an empty value removes the field. `Host` changes the host.',
  ),
  customResponseHeaders: withDefault(ownFields, {}, 'Fields to set on the response; an empty value removes the field.'),
  accessControlAllowOriginList: withDefault(
    forgivingList(fieldValue),
    [],
    'Origins that may read responses, such as `https://shop.example.com`; `*` stands for all.',
  ),
  accessControlAllowOriginListRegex: withDefault(
    forgivingList(regex),
    [],
    'RE2 patterns of such origins. Anchor them with `^` and `$`: what is found anywhere in an origin counts.',
  ),
  accessControlAllowMethods: withDefault(forgivingList(token), [], 'Methods that answers to preflights allow.'),
  accessControlAllowHeaders: withDefault(forgivingList(token), [], 'Request fields that answers to preflights allow.'),
  accessControlAllowCredentials: withDefault(boolean(), false, 'Allows cookies and authentication.'),
  accessControlExposeHeaders: withDefault(forgivingList(token), [], 'Response fields that scripts may read.'),
  accessControlMaxAge: optional(
    integer({ min: 0, clamp: 'both' }),
    'Seconds for which browsers may remember the answer to a preflight; nothing is said of it when left out.',
  ),
  addVaryHeader: withDefault(
    boolean(),
    false,
    'Adds `Origin` to Vary: needed where caches keep responses that depend on the origin.',
  ),
  allowedHosts: withDefault(
    forgivingList(host),
    [],
    'Hosts that may be asked for; others are answered 400. A host without port allows every port.',
  ),
  hostsProxyHeaders: withDefault(
    forgivingList(fieldName),
    [],
    'Fields that may hold the host asked for, tried in order before Host.',
  ),
  sslProxyHeaders: withDefault(
    forgivingRecord(string(), fieldNameError),
    {},
    'Fields and values that mark a request as having come over TLS, such as `X-Forwarded-Ssl: on`. `X-Forwarded-Proto` of a trusted proxy always does.',
  ),
  stsSeconds: withDefault(
    integer({ min: 0, clamp: 'both' }),
    0,
    '`max-age` of Strict-Transport-Security; 0 sends none.',
  ),
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
  isDevelopment: withDefault(boolean(), false, 'Leaves out allowed hosts, sslRedirect and Strict-Transport-Security.'),
  featurePolicy: optional(fieldValue, 'Deprecated: value of Feature-Policy. Use permissionsPolicy.'),
  sslRedirect: withDefault(
    boolean(),
    false,
    'Deprecated: redirects requests that did not come over TLS. Use redirectScheme.',
  ),
  sslTemporaryRedirect: withDefault(
    boolean(),
    false,
    'Deprecated: 307 instead of 301 for sslRedirect and sslForceHost.',
  ),
  sslHost: optional(host, 'Deprecated: host to redirect to. Use redirectRegex.'),
  sslForceHost: withDefault(boolean(), false, 'Deprecated: redirects requests for another host than sslHost.'),
});

export type HeadersOptions = Infer<typeof fields>;

export const headersOptions = checked(fields, (given, context) => {
  warnOfDeprecated(given, context);
  const useless = (name: keyof HeadersOptions, reason: string): void =>
    context.at(name, () => context.report('warning', 'option-without-effect', `"${name}" has no effect: ${reason}`));
  if (given.stsSeconds === 0) {
    for (const name of ['stsIncludeSubdomains', 'stsPreload', 'forceSTSHeader'] as const) {
      if (given[name]) useless(name, '"stsSeconds" is 0');
    }
  }
  if (given.sslForceHost && given.sslHost === undefined) useless('sslForceHost', '"sslHost" is missing');
  if (given.sslTemporaryRedirect && !given.sslRedirect && !given.sslForceHost) {
    useless('sslTemporaryRedirect', 'nothing is redirected');
  }
  if (given.accessControlAllowCredentials && given.accessControlAllowOriginList.includes('*')) {
    useless('accessControlAllowCredentials', 'browsers send no credentials where every origin (*) is allowed');
  }
  given.accessControlAllowOriginList.forEach((origin, index) => {
    if (origin === '*' || origin === 'null' || /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/\s?#]+$/.test(origin)) return;
    context.at('accessControlAllowOriginList', () =>
      context.at(index, () =>
        context.report(
          'warning',
          'option-without-effect',
          `no browser sends "${origin}" as its origin; write scheme and host, as in https://example.com`,
        ),
      ),
    );
  });
});

const DEPRECATED: readonly (readonly [keyof HeadersOptions, string])[] = [
  ['featurePolicy', 'permissionsPolicy'],
  ['sslRedirect', 'the middleware redirectScheme'],
  ['sslTemporaryRedirect', 'the middleware redirectScheme'],
  ['sslHost', 'the middleware redirectRegex'],
  ['sslForceHost', 'the middleware redirectRegex'],
];

function warnOfDeprecated(given: HeadersOptions, context: DecodeContext): void {
  for (const [name, successor] of DEPRECATED) {
    if (given[name] === undefined || given[name] === false) continue;
    context.at(name, () =>
      context.report('warning', 'deprecated-option', `"${name}" is deprecated; ${successor} takes its place`),
    );
  }
}
