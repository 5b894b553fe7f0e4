// The option `sticky` of services, and the cookie that it means.

import { createHash } from 'node:crypto';
import type { StickyCookieSpec } from '../../../model/service.ts';
import { optional, own, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { boolean, integer, oneOf, secret, string } from '../../../schema/scalar.ts';
import type { Infer } from '../../../schema/schema.ts';

const flag = (fallback: boolean, doc: string) => withDefault(boolean(), fallback, doc);

/** What may stand in an attribute of Set-Cookie (RFC 6265 §4.1.1). */
const cookieAttribute = string({
  pattern: /^[\x20-\x3a\x3c-\x7e]*$/,
  expected: 'text without ";" and control characters',
});

const cookie = checked(
  object({
    name: optional(
      string({ pattern: /./, expected: 'a name' }),
      'Name of the cookie; one made of the service’s name when left out. Characters that no cookie’s name may have become `_`.',
    ),
    secure: flag(false, 'The browser sends it over TLS only.'),
    httpOnly: flag(false, 'Scripts of the page cannot read it.'),
    sameSite: optional(oneOf('none', 'lax', 'strict'), 'Whether the browser sends it with requests from other sites.'),
    maxAge: withDefault(
      integer({ min: -1, max: 2_147_483_647, clamp: 'both' }),
      0,
      'Seconds the browser keeps it; 0: until it is closed. -1 deletes it.',
    ),
    path: withDefault(cookieAttribute, '/', 'Paths it is sent with.'),
    domain: optional(cookieAttribute, 'Hosts it is sent to; the one that answered when left out.'),
    secret: own(
      optional(
        secret(),
        'Key of the values. Give the same to every router in front of these servers; without it the process has one of its own, which outlives a restart only with `state`.',
      ),
    ),
  }),
  ({ sameSite, secure }, context) => {
    if (sameSite !== 'none' || secure) return;
    context.at('sameSite', () =>
      context.report(
        'warning',
        'option-without-effect',
        'browsers drop a cookie with sameSite none that is not secure; add "secure: true"',
      ),
    );
  },
);

export const sticky = checked(
  object({ cookie: optional(cookie, 'The cookie; an empty section has all defaults.') }),
  (value, context) => {
    if (value.cookie !== undefined) return;
    context.report(
      'warning',
      'option-without-effect',
      'no client is kept anywhere without a cookie; write "cookie: {}" below',
    );
  },
);
type StickyOptions = Infer<typeof sticky>;

/** Null for no cookie. */
export function stickyCookie(service: string, options: StickyOptions | undefined): StickyCookieSpec | null {
  const given = options?.cookie;
  if (given === undefined) return null;
  return {
    // RFC 6265 §4.1.1: a name is a token.
    name: given.name?.replaceAll(/[^!#$%&'*+\-.^_`|~0-9A-Za-z]/g, '_') ?? defaultCookieName(service),
    secure: given.secure,
    httpOnly: given.httpOnly,
    sameSite: given.sameSite ?? null,
    maxAgeSeconds: given.maxAge,
    path: given.path,
    domain: given.domain ?? '',
    secret: given.secret ?? '',
  };
}

/** Traefik's: an underscore and the first five digits of a hash of the service's name. */
function defaultCookieName(service: string): string {
  return `_${createHash('sha1').update(`_TRAEFIK_BACKEND_${service}`).digest('hex').slice(0, 5)}`;
}
