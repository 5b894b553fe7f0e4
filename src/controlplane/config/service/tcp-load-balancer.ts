// The TCP service `loadBalancer`: its options, and what the data plane runs of them.

import { HIDDEN } from '../../../core/hide-secrets.ts';
import type { TcpHealthCheckSpec } from '../../../model/tcp.ts';
import { optional, required, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { boolean, integer, string } from '../../../schema/scalar.ts';
import type { Infer, Schema } from '../../../schema/schema.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { scheduleFields, scheduleSpec } from '../check-options.ts';
import { proxyProtocol, terminationDelays } from '../routing/tcp-options.ts';
import { defineService, ofServer, type TcpServices } from './define.ts';
import { readHostPort } from './host-port.ts';

/** Servers that want a password get it here, as in `AUTH …` of Redis. */
const sentText: Schema<string> = {
  ...string(),
  shown: (value) => (typeof value === 'string' && /\b(?:auth|pass|login)/i.test(value) ? HIDDEN : value),
};
const server = object(
  {
    address: required(string(), '`host:port`.'),
    tls: withDefault(boolean(), false, 'Speak TLS to it, as the transport says.'),
  },
  { url: 'is for servers of HTTP; write address: "127.0.0.1:5432"' },
);

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
  object(
    {
      servers: withDefault(forgivingList(server), [], 'Servers that get connections in turn.'),
      serversTransport: optional(
        string(),
        'Transport under `tcp.serversTransports`; that of the install file when left out.',
      ),
      healthCheck: optional(healthCheck, 'Asks every server regularly; those that fail get no new connections.'),
      proxyProtocol: optional(proxyProtocol, 'Deprecated: belongs to the transport.'),
      terminationDelay: optional(integer(), 'Deprecated: belongs to the transport. Milliseconds.'),
    },
    ofServer('the address', 'port'),
  ),
  (value, context) => {
    for (const name of ['proxyProtocol', 'terminationDelay'] as const) {
      if (value[name] === undefined) continue;
      context.at(name, () =>
        context.report('warning', 'deprecated-option', `"${name}" is deprecated here; set it in a serversTransport`),
      );
    }
  },
);

export const tcpLoadBalancerService = defineService<TcpServices, Infer<typeof loadBalancer>, Infer<typeof server>>({
  kind: 'loadBalancer',
  doc: 'Balances over servers.',
  options: loadBalancer,
  servers: {
    option: 'address',
    schema: server,
    of: ({ servers }) => servers,
    read({ address, tls: isSecure }, say) {
      const parsed = readHostPort(address, say);
      return parsed === null ? null : { url: address, ...parsed, isSecure };
    },
    without: 'connections are closed',
  },
  compile(options, { name, endpointSet, transport }) {
    const { proxyProtocol: header, terminationDelay, healthCheck: check } = options;
    return {
      kind: 'tcpLoadBalancer',
      name,
      endpointSet,
      transport: {
        ...transport(options.serversTransport),
        ...(header === undefined ? {} : { proxyProtocol: header.version === 1 ? 1 : 2 }),
        ...(terminationDelay === undefined ? {} : terminationDelays(terminationDelay)),
      },
      healthCheck: check === undefined ? null : healthCheckSpec(check),
      passiveHealthCheck: null,
    };
  },
});

function healthCheckSpec(options: Infer<typeof healthCheck>): TcpHealthCheckSpec {
  return {
    port: options.port ?? 0,
    send: options.send,
    expect: options.expect,
    ...scheduleSpec(options),
  };
}
