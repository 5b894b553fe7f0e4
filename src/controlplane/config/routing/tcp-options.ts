// The section `tcp` as people write it, but for its services: routers, middlewares and transports of connections that
// are carried without a look at what is in them.

import type { TcpTransportSpec } from '../../../model/tcp.ts';
import { network } from '../../../dataplane/middleware/option-types.ts';
import { list } from '../../../schema/collection.ts';
import { later, optional, required, withDefault } from '../../../schema/field.ts';
import { checked, defaultsOf, object } from '../../../schema/object.ts';
import { duration, integer, oneOf, string } from '../../../schema/scalar.ts';
import type { Infer } from '../../../schema/schema.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import type { DecodeContext } from '../../../schema/decode-context.ts';
import { priority } from '../check-options.ts';
import { tcpRouterTls } from './tls-options.ts';
import { identityFields, tlsSpec, trustFields } from './transport-options.ts';

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

/** Traefik's word for the header that it sends. */
export const proxyProtocol = object({
  version: withDefault(
    integer({ min: 1, max: 2, isZeroAbsent: true }),
    2,
    'Version of the header: 1 is a line of text, 2 is binary.',
  ),
});

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
