// The service `loadBalancer`: its options, and what the data plane runs of them.

import { hideSecrets, hideUser } from '../../../core/hide-secrets.ts';
import { fieldNameError, fieldValue } from '../../../dataplane/middleware/option-types.ts';
import type { HealthCheckSpec } from '../../../model/service.ts';
import { list } from '../../../schema/collection.ts';
import { needless, optional, own, required, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { boolean, duration, integer, oneOf, string } from '../../../schema/scalar.ts';
import type { Infer, Schema } from '../../../schema/schema.ts';
import { forgivingList, forgivingRecord } from '../../../schema/forgiving.ts';
import { statusRange } from '../../../schema/status-range.ts';
import { scheduleFields, scheduleSpec } from '../check-options.ts';
import { checkPath } from '../check-path.ts';
import { defineService, ofServer, weight, type HttpServices } from './define.ts';
import { parseServer } from './server-url.ts';
import { sticky, stickyCookie } from './sticky-options.ts';

const flag = (fallback: boolean, doc: string) => withDefault(boolean(), fallback, doc);

/** A user or query in it has no effect, and what is secret of them must not be seen. */
const serverUrl: Schema<string> = {
  ...string(),
  shown: (value) => (typeof value === 'string' ? hideSecrets(hideUser(value)) : value),
};

const server = object({
  url: required(
    serverUrl,
    '`http://host:port`, `https://`, or `h2c://` for HTTP/2 in clear text; the path counts with preservePath only.',
  ),
  weight: withDefault(weight, 1, 'Share of the requests; 0 gets none but those of sticky clients.'),
  preservePath: flag(false, 'Put the path of the URL before the path of the request.'),
});

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

const loadBalancer = object(
  {
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
  },
  {
    ...ofServer('the URL', 'port', 'scheme'),
    // Of Traefik 1 and 2.
    method: 'is called "strategy" today: wrr, p2c, hrw or leasttime',
    stickiness: 'is called "sticky" today: sticky: { cookie: {} }',
  },
);

export const loadBalancerService = defineService<HttpServices, Infer<typeof loadBalancer>, Infer<typeof server>>({
  kind: 'loadBalancer',
  doc: 'Balances over servers.',
  options: loadBalancer,
  servers: {
    option: 'url',
    schema: server,
    of: ({ servers }) => servers,
    read: parseServer,
    without: 'requests are answered 503',
  },
  compile: (options, { name, endpointSet, transport, qualify }) => ({
    kind: 'loadBalancer',
    name,
    strategy: options.strategy,
    endpointSet,
    passHostHeader: options.passHostHeader,
    transport: transport(options.serversTransport),
    sticky: stickyCookie(name, options.sticky),
    healthCheck: options.healthCheck === undefined ? null : healthCheckSpec(options.healthCheck),
    passiveHealthCheck:
      options.passiveHealthCheck === undefined
        ? null
        : {
            failureWindowMs: options.passiveHealthCheck.failureWindow,
            maxFailedAttempts: options.passiveHealthCheck.maxFailedAttempts,
          },
    slowStartMs: options.slowStart,
    middlewares: options.middlewares.map(qualify),
  }),
});

function healthCheckSpec(options: Infer<typeof healthCheck>): HealthCheckSpec {
  return {
    mode: options.mode,
    scheme: options.scheme ?? null,
    path: options.path ?? '/',
    method: options.method.toUpperCase(),
    hostname: options.hostname ?? '',
    port: options.port ?? 0,
    headers: options.headers,
    followRedirects: options.followRedirects,
    status: [options.status ?? [200, 399]],
    ...scheduleSpec(options),
  };
}
