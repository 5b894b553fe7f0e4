// The section `tcp` as people write it: routers, services, middlewares and transports of connections that are carried
// without a look at what is in them.

import type { TcpTransportSpec } from '../../../model/tcp.ts';
import { HIDDEN } from '../../../core/hide-secrets.ts';
import { network } from '../../../dataplane/middleware/option-types.ts';
import {
  boolean,
  checked,
  defaultsOf,
  duration,
  integer,
  later,
  list,
  object,
  oneOf,
  optional,
  required,
  string,
  withDefault,
  type Infer,
  type Schema,
} from '../../../schema/schema.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import type { DecodeContext } from '../../../schema/decode-context.ts';
import { priority, scheduleFields } from '../check-options.ts';
import { tcpRouterTls } from './tls-options.ts';
import { identityFields, tlsSpec, trustFields } from './transport-options.ts';

const flag = (fallback: boolean, doc: string) => withDefault(boolean(), fallback, doc);
/** Servers that want a password get it here, as in `AUTH …` of Redis. */
const sentText: Schema<string> = {
  ...string(),
  shown: (value) => (typeof value === 'string' && /\b(?:auth|pass|login)/i.test(value) ? HIDDEN : value),
};
const weight = integer({ min: 0, max: 1_000_000, clamp: 'above' });

export const tcpRouterOptions = checked(
  object({
    rule: required(
      string(),
      'Which connections this router takes: TCP matchers joined by `&&`, `||`, `!` and parentheses.',
    ),
    service: required(string(), 'TCP service that gets them; `name` or `name@provider`.'),
    entryPoints: optional(forgivingList(string()), 'Entry points it listens on; all default ones when left out.'),
    middlewares: withDefault(list(string()), [], 'TCP middlewares a connection passes on its way, in order.'),
    priority: withDefault(
      priority,
      0,
      'Higher is asked first; 0 stands for the length of the rule in bytes, and for -1 where the rule is HostSNI(`*`) alone.',
    ),
    tls: optional(tcpRouterTls, 'Take connections over TLS, and no others.'),
    ruleSyntax: optional(oneOf('v2', 'v3'), 'Syntax of the rule; `core.defaultRuleSyntax` when left out.'),
  }),
  ({ tls }, context) => {
    if (tls === undefined || tls === false || !tls.passthrough) return;
    const idle = (['options', 'certResolver', 'domains'] as const).filter((name) => (tls[name]?.length ?? 0) > 0);
    for (const name of idle) {
      inTls(context, name, () =>
        context.report(
          'warning',
          'option-without-effect',
          `with passthrough the server ends TLS: its options and certificates count, "${name}" has no effect`,
        ),
      );
    }
  },
);
export type TcpRouterOptions = Infer<typeof tcpRouterOptions>;

function inTls(context: DecodeContext, name: string, report: () => void): void {
  context.at('tls', () => context.at(name, report));
}

const server = object({
  address: required(string(), '`host:port`.'),
  tls: flag(false, 'Speak TLS to it, as the transport says.'),
});

/** Traefik's word for the header that it sends. */
const proxyProtocol = object({
  version: withDefault(
    integer({ min: 1, max: 2, isZeroAbsent: true }),
    2,
    'Version of the header: 1 is a line of text, 2 is binary.',
  ),
});

const MAX_EXPECT_BYTES = 16 * 1024;

const healthCheck = checked(
  object({
    port: optional(
      integer({ min: 1, max: 65_535, isZeroAbsent: true }),
      'Port of the check; the server’s when left out.',
    ),
    send: withDefault(sentText, '', 'Sent once the connection is there.'),
    expect: withDefault(
      string(),
      '',
      'What the answer has to begin with. When left out, a connection (with TLS, a handshake) is enough.',
    ),
    ...scheduleFields('connections'),
  }),
  (value, context) => {
    if (Buffer.byteLength(value.expect) > MAX_EXPECT_BYTES) {
      context.at('expect', () =>
        context.invalid('the answer that is expected is too long', `at most ${MAX_EXPECT_BYTES} bytes`, 'more'),
      );
    }
  },
);
const loadBalancer = checked(
  object({
    servers: withDefault(forgivingList(server), [], 'Servers that get connections in turn.'),
    serversTransport: optional(
      string(),
      'Transport under `tcp.serversTransports`; that of the install file when left out.',
    ),
    healthCheck: optional(healthCheck, 'Asks every server regularly; those that fail get no new connections.'),
    proxyProtocol: optional(proxyProtocol, 'Deprecated: belongs to the transport.'),
    terminationDelay: optional(integer(), 'Deprecated: belongs to the transport. Milliseconds.'),
  }),
  (value, context) => {
    for (const name of ['proxyProtocol', 'terminationDelay'] as const) {
      if (value[name] === undefined) continue;
      context.at(name, () =>
        context.report('warning', 'deprecated-option', `"${name}" is deprecated here; set it in a serversTransport`),
      );
    }
  },
);
export type TcpLoadBalancerOptions = Infer<typeof loadBalancer>;

const child = object({
  name: required(string(), 'The service; `name` or `name@provider`.'),
  weight: withDefault(weight, 1, 'Its share; 0 gets nothing.'),
});

const weighted = object({
  services: required(list(child), 'TCP services to divide connections between.'),
  healthCheck: optional(
    object({}),
    'An empty section: children that are down get nothing, and with all of them down it is down itself. Each needs a health check.',
  ),
});

export const tcpServiceOptions = object({
  loadBalancer: optional(loadBalancer, 'Balances over servers.'),
  weighted: optional(weighted, 'Divides connections between services by weight.'),
});
export type TcpServiceOptions = Infer<typeof tcpServiceOptions>;

const ipAllowList = object({
  sourceRange: required(
    forgivingList(network, { min: 1 }),
    'Addresses and networks that may connect; others are closed.',
  ),
});

export const tcpMiddlewareOptions = object({
  ipAllowList: optional(ipAllowList, 'Lets only clients with certain addresses through.'),
  ipWhiteList: optional(
    checked(ipAllowList, (_, context) => {
      context.report('warning', 'deprecated-option', 'ipWhiteList is deprecated; its new name is ipAllowList');
    }),
    'The old name of ipAllowList.',
  ),
  inFlightConn: optional(
    object({
      amount: required(
        integer({ min: 1, max: 2_000_000_000, clamp: 'above' }),
        'Connections one address may have open at a time, over all workers; further ones are closed.',
      ),
    }),
    'Limits how many connections an address has open.',
  ),
});
export type TcpMiddlewareOptions = Infer<typeof tcpMiddlewareOptions>;

const transportTls = object({
  ...trustFields,
  ...identityFields,
  spiffe: later('SPIFFE.'),
});

const sharedTransport = {
  dialTimeout: withDefault(duration(), 30_000, 'Connecting to one server, all its addresses together. 0 is no limit.'),
  dialKeepAlive: withDefault(
    duration(),
    15_000,
    'Time after which a silent connection to a server is probed; 0 switches probes off.',
  ),
  terminationDelay: {
    ...optional(
      duration({ negative: 'kept' }),
      'Once one side has ended its direction: the time the other side may be silent before the connection is closed; negative for as long as it likes. When left out, 100ms after the server has ended, and no limit after the client has.',
    ),
    differs:
      'The time begins anew with every byte of the other side, and when it is left out a client that has ended its direction still gets the whole answer.',
  },
};

const installTransportTls = object({ ...trustFields, spiffe: later('SPIFFE.') });

export const installTcpTransportOptions = object({
  ...sharedTransport,
  tls: withDefault(installTransportTls, defaultsOf(installTransportTls), 'For servers with `tls: true`.'),
});

export const tcpTransportOptions = object({
  ...sharedTransport,
  proxyProtocol: optional(
    proxyProtocol,
    'Tell servers who the client is, in a PROXY protocol header before everything else. An empty section sends version 2.',
  ),
  tls: withDefault(transportTls, defaultsOf(transportTls), 'For servers with `tls: true`.'),
});
export type TcpTransportOptions = Infer<typeof tcpTransportOptions>;

/** The decoded section in the data plane's terms; `name` is qualified. */
export function tcpTransportSpec(
  name: string,
  options: Infer<typeof installTcpTransportOptions> & Partial<Pick<TcpTransportOptions, 'proxyProtocol'>>,
): TcpTransportSpec {
  return {
    dialTimeoutMs: options.dialTimeout,
    dialKeepAliveMs: options.dialKeepAlive,
    ...terminationDelays(options.terminationDelay),
    proxyProtocol: (options.proxyProtocol?.version ?? 0) as TcpTransportSpec['proxyProtocol'], // 1 or 2, by its schema.
    tls: tlsSpec(tcpCertificateOwner(name), options.tls),
  };
}

export function terminationDelays(
  delayMs: number | undefined,
): Pick<TcpTransportSpec, 'clientEndDelayMs' | 'serverEndDelayMs'> {
  return { clientEndDelayMs: delayMs ?? -1, serverEndDelayMs: delayMs ?? 100 };
}

/** What the certificates of a TCP transport are filed under: its name may be an HTTP transport's as well. */
export function tcpCertificateOwner(transport: string): string {
  return `tcp:${transport}`;
}
