// Options of services as people write them.

import { hideUser } from '../../../core/hide-secrets.ts';
import { fieldNameError, fieldValue } from '../../../dataplane/middleware/option-types.ts';
import {
  boolean,
  checked,
  defaultsOf,
  duration,
  integer,
  later,
  list,
  needless,
  object,
  oneOf,
  optional,
  own,
  required,
  secret,
  string,
  withDefault,
  type Infer,
  type Schema,
} from '../../../schema/schema.ts';
import { forgivingList, forgivingRecord } from '../../../schema/forgiving.ts';
import { scheduleFields } from '../check-options.ts';
import { checkPath } from '../check-path.ts';
import { statusRange } from '../../../schema/status-range.ts';

const flag = (fallback: boolean, doc: string) => withDefault(boolean(), fallback, doc);
const weight = integer({ min: 0, max: 1_000_000, clamp: 'above' });

/** A user in it has no effect, and must not be seen. */
const serverUrl: Schema<string> = {
  ...string(),
  shown: (value) => (typeof value === 'string' ? hideUser(value) : value),
};

const server = object({
  url: required(
    serverUrl,
    '`http://host:port`, `https://`, or `h2c://` for HTTP/2 in clear text; the path counts with preservePath only.',
  ),
  weight: withDefault(weight, 1, 'Share of the requests; 0 gets none but those of sticky clients.'),
  preservePath: flag(false, 'Put the path of the URL before the path of the request.'),
});

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

const sticky = checked(
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

/** Fields of a check, of which `Host` has an option of its own. */
const checkFields = checked(forgivingRecord(fieldValue, fieldNameError), (fields, context) => {
  for (const name of Object.keys(fields)) {
    if (name.toLowerCase() !== 'host') continue;
    context.at(name, () =>
      context.report('warning', 'option-without-effect', 'the host of a check is the option "hostname"'),
    );
  }
});

const FORWARDED_AT_ONCE = 'Answers are always passed on as they arrive.';

const healthCheck = checked(
  object({
    path: optional(checkPath, 'Path that is asked, with a query if need be; `/` when left out.'),
    mode: withDefault(oneOf('http', 'grpc'), 'http', '`grpc` asks the gRPC health service, over HTTP/2.'),
    scheme: optional(oneOf('http', 'https'), 'Scheme of the check; that of the server when left out.'),
    hostname: optional(fieldValue, 'Sent as Host; the server’s address when left out.'),
    port: optional(
      integer({ min: 1, max: 65_535, isZeroAbsent: true }),
      'Port of the check; the server’s when left out.',
    ),
    method: withDefault(
      string({ pattern: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, expected: 'a method' }),
      'GET',
      'Method of the request.',
    ),
    ...scheduleFields('requests'),
    headers: withDefault(checkFields, {}, 'Fields of the request.'),
    followRedirects: flag(
      true,
      'Ask the target of a redirect, up to ten in a row; otherwise the redirect is the answer.',
    ),
    status: optional(statusRange(), 'Status of a server that is up, one or a range; 200-399 when left out.'),
  }),
  (value, context) => {
    if (value.path !== undefined || value.mode !== 'http') return;
    context.at('path', () => context.report('warning', 'missing-option', 'no path is given; "/" is asked for'));
  },
);

const passiveHealthCheck = object({
  failureWindow: withDefault(
    duration({ negative: 'default', minMs: 100 }),
    10_000,
    'Time in which failures are counted, and for which the server is then left alone.',
  ),
  maxFailedAttempts: withDefault(
    integer({ min: 1, max: 1_000_000, clamp: 'above', isZeroAbsent: true }),
    1,
    'Failures within the window that eject it.',
  ),
});

const loadBalancer = object({
  servers: withDefault(forgivingList(server), [], 'Servers to balance over.'),
  passHostHeader: flag(true, 'Send the client’s Host; otherwise the server’s address.'),
  strategy: withDefault(
    oneOf('wrr', 'p2c', 'hrw', 'leasttime'),
    'wrr',
    'How a server is chosen: in turn by weight; the less busy of two taken at random; by the client’s address; the one that answers soonest.',
  ),
  sticky: optional(sticky, 'Keeps a client at the server it was sent to first, by a cookie.'),
  healthCheck: optional(healthCheck, 'Asks every server regularly; those that fail get no requests.'),
  passiveHealthCheck: optional(
    passiveHealthCheck,
    'Ejects servers that fail requests: no connection, no answer, or a status from 500 on. An empty section switches it on.',
  ),
  slowStart: own(
    withDefault(
      duration(),
      0,
      'Time in which a server that is added or recovers comes to its full share; 0 gives it at once.',
    ),
  ),
  serversTransport: optional(
    string(),
    'Transport under `http.serversTransports`; that of the install file when left out.',
  ),
  middlewares: withDefault(
    list(string()),
    [],
    'Stages that requests of all routers pass on their way to this service, in order.',
  ),
  responseForwarding: needless(
    object({ flushInterval: needless(duration({ negative: 'kept' }), FORWARDED_AT_ONCE) }),
    FORWARDED_AT_ONCE,
  ),
});

export type LoadBalancerOptions = Infer<typeof loadBalancer>;
export type StickyOptions = Infer<typeof sticky>;

const child = object({
  name: required(string(), 'The service; `name` or `name@provider`.'),
  weight: withDefault(weight, 1, 'Its share; 0 gets nothing but sticky clients.'),
});
const followHealth = object({});

const weighted = object({
  services: required(list(child), 'Services to divide requests between.'),
  sticky: optional(sticky, 'Keeps a client at the service it was sent to first.'),
  healthCheck: optional(
    followHealth,
    'An empty section: children that are down get nothing, and with all of them down it is down itself. Each needs a health check.',
  ),
});

const highestRandomWeight = object({
  services: required(list(child), 'Services to divide clients between.'),
  healthCheck: optional(followHealth, 'As of `weighted`.'),
});

export const serviceOptions = object({
  loadBalancer: optional(loadBalancer, 'Balances over servers.'),
  weighted: optional(weighted, 'Divides requests between services by weight.'),
  highestRandomWeight: optional(highestRandomWeight, 'Divides clients between services by their address.'),
  mirroring: later('Copies requests.', 'refused'),
  failover: later('Second service when the first is down.', 'refused'),
});
export type ServiceOptions = Infer<typeof serviceOptions>;

/** What an empty `cookie:` stands for. */
export const cookieDefaults = defaultsOf(cookie);
