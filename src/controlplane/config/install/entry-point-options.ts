// Options of an entry point as people write them, and the specification the data plane runs.

import { parseNetwork } from '../../../core/ip.ts';
import type { EntryPointSpec, ListenAddress, ProxyProtocolSpec } from '../../../model/entry-point.ts';
import { list } from '../../../schema/collection.ts';
import { differing, differingDefault, later, required, optional, own, withDefault } from '../../../schema/field.ts';
import { checked, object, defaultsOf } from '../../../schema/object.ts';
import { boolean, duration, integer, leaf, oneOf, string } from '../../../schema/scalar.ts';
import type { DecodeContext } from '../../../schema/decode-context.ts';
import type { Infer, Schema } from '../../../schema/schema.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { priority } from '../check-options.ts';
import { routerTls } from '../routing/tls-options.ts';

const KIB = 1024;

/** IP addresses and CIDR ranges. */
export const networks: Schema<readonly string[]> = forgivingList(
  leaf('IP address or CIDR range', { type: 'string' }, (input, context) => {
    const text = typeof input === 'string' ? input.trim() : '';
    if (parseNetwork(text) === null) {
      return context.invalid(
        `${context.show(input)} is neither an IP address nor a CIDR range`,
        'an IP address or CIDR range',
        context.show(input),
      );
    }
    return text;
  }),
);

const flag = (fallback: boolean, doc: string) => withDefault(boolean(), fallback, doc);

const encodedCharacters = object({
  allowEncodedSlash: flag(true, '`%2F`'),
  allowEncodedBackSlash: flag(true, '`%5C`'),
  allowEncodedNullCharacter: differing(flag(true, '`%00`; refused in any case'), 'Refused in any case.'),
  allowEncodedSemicolon: flag(true, '`%3B`'),
  allowEncodedPercent: flag(true, '`%25`'),
  allowEncodedQuestionMark: flag(true, '`%3F`'),
  allowEncodedHash: flag(true, '`%23`'),
});

const forwardedHeaders = object({
  insecure: flag(false, 'Believe the X-Forwarded-* fields of every client.'),
  trustedIPs: withDefault(networks, [], 'Clients whose X-Forwarded-* fields are believed.'),
  connection: withDefault(forgivingList(string()), [], 'Fields that a client’s Connection header may not remove.'),
  notAppendXForwardedFor: flag(false, 'Leave X-Forwarded-For as it came.'),
  addXForwardedSchemeHeaders: flag(false, 'Say in X-Forwarded-Scheme and X-Scheme what X-Forwarded-Proto says.'),
});

const respondingTimeouts = object({
  headerTimeout: own(
    withDefault(duration(), 10_000, 'From the first byte of a request to the end of its head; then 408.'),
  ),
  readTimeout: differing(
    withDefault(
      duration(),
      60_000,
      'Longest pause between two reads of a request body; then 408. Traefik limits the whole body by this.',
    ),
    'The longest pause between two reads rather than the time for the whole body; readTotalTimeout is that.',
  ),
  readTotalTimeout: own(withDefault(duration(), 0, 'Longest time for a request with its body; 0 is no limit.')),
  writeTimeout: withDefault(duration(), 0, 'Longest time for a whole response; 0 is no limit.'),
  writeIdleTimeout: own(withDefault(duration(), 60_000, 'Longest time a client may take no byte of a response.')),
  idleTimeout: withDefault(duration(), 180_000, 'Keep-alive connection without a request.'),
  tunnelIdleTimeout: own(
    withDefault(duration(), 3_600_000, 'WebSocket or other tunnel without a byte in either direction.'),
  ),
});

const limits = object({
  maxHeaderCount: withDefault(integer({ min: 1, max: 10_000 }), 200, 'Fields in a request head; then 431.'),
  maxLineBytes: withDefault(integer({ min: 256 }), 32 * KIB, 'One line of a request head; then 414 or 431.'),
  maxBodyBytes: withDefault(integer({ min: 0 }), 0, 'Request body; then 413. 0 is no limit.'),
  maxConnections: withDefault(
    integer({ min: 0 }),
    0,
    'Open connections over all workers; more are reset. 0 is no limit.',
  ),
  maxConnectionsPerIP: withDefault(
    integer({ min: 0 }),
    0,
    'Open connections of one client address over all workers. 0 is no limit.',
  ),
});

const lifeCycle = object({
  requestAcceptGraceTimeout: withDefault(duration(), 0, 'Go on accepting for this long after SIGTERM.'),
  graceTimeOut: withDefault(duration(), 10_000, 'Time for requests in flight after that.'),
});

const transport = object({
  lifeCycle: withDefault(lifeCycle, defaultsOf(lifeCycle), 'Shutdown.'),
  respondingTimeouts: withDefault(respondingTimeouts, defaultsOf(respondingTimeouts), 'Timeouts towards clients.'),
  limits: own(withDefault(limits, defaultsOf(limits), 'Limits towards clients.')),
  keepAliveMaxTime: withDefault(duration(), 0, 'Age after which a connection is closed with its next response.'),
  keepAliveMaxRequests: withDefault(
    integer({ min: 0, clamp: 'both' }),
    0,
    'Requests after which a connection is closed.',
  ),
});

const redirections = object({
  entryPoint: required(
    object({
      to: required(string(), 'Entry point to redirect to, or a port such as `:443`.'),
      scheme: withDefault(string(), 'https', 'Scheme to redirect to.'),
      permanent: flag(true, '301 and 308 rather than 302 and 307.'),
      priority: optional(priority, 'Priority of the redirecting router; above every other one when left out.'),
    }),
    'Where to.',
  ),
});

const http = object({
  middlewares: withDefault(list(string()), [], 'Put before the middlewares of every router of this entry point.'),
  encodeQuerySemicolons: flag(
    false,
    'Send `;` in a query as `%3B` instead of as it came. Rules read it as `&` otherwise.',
  ),
  sanitizePath: flag(true, 'Resolve `//`, `.` and `..` before routing.'),
  encodedCharacters: withDefault(
    encodedCharacters,
    defaultsOf(encodedCharacters),
    'Percent-encoded characters a path may hold; others are answered 400.',
  ),
  underscoreHeadersStrategy: withDefault(
    oneOf('keep', 'delete', 'reject'),
    'keep',
    'What to do with field names that hold an underscore.',
  ),
  maxHeaderBytes: differingDefault(
    withDefault(
      integer({ min: 1 * KIB, max: 1024 * KIB, clamp: 'both', isZeroAbsent: true }),
      64 * KIB,
      'Request head; then 431. Traefik allows 1 MiB. Over HTTP/2 a client can name a long field with a single byte once it has sent it (HPACK): up to this much goes to the server for each request, from a few hundred times fewer bytes.',
    ),
    '64 KiB rather than 1 MiB when left out.',
  ),
  redirections: optional(redirections, 'Answer every request of this entry point with a redirect.'),
  tls: optional(routerTls, 'TLS for every router of the entry point that does not say anything about it itself.'),
});

const http2 = object({
  maxConcurrentStreams: withDefault(
    integer({ min: 1, max: 10_000, clamp: 'both', isZeroAbsent: true }),
    250,
    'Requests of one connection at a time; more are refused.',
  ),
  maxDecoderHeaderTableSize: withDefault(
    integer({ min: 0, max: 64 * KIB, clamp: 'both' }),
    4 * KIB,
    'Bytes of a client’s header fields that are remembered per connection.',
  ),
  maxEncoderHeaderTableSize: withDefault(
    integer({ min: 0, max: 64 * KIB, clamp: 'both' }),
    4 * KIB,
    'Bytes of response header fields that a client is asked to remember; it may offer less.',
  ),
});

const observability = object({
  accessLogs: flag(true, 'Access log lines for requests of this entry point.'),
  metrics: flag(true, 'Metrics for requests of this entry point.'),
  tracing: later('Traces.'),
  traceVerbosity: later('Traces.'),
});

const udp = checked(
  object({
    timeout: withDefault(
      duration(),
      3_000,
      'A session, the datagrams of one client address and port, ends when neither side has sent any for this long.',
    ),
    maxSessions: own(
      withDefault(
        integer({ min: 1, max: 1_000_000 }),
        10_000,
        'Sessions at a time; datagrams of further clients are dropped. Each has a socket.',
      ),
    ),
  }),
  ({ timeout }, context) => {
    if (timeout > 0) return;
    context.at('timeout', () =>
      context.invalid('without an end every client would keep its session', 'more than 0', '0'),
    );
  },
);

const proxyProtocolFields = object({
  insecure: flag(false, 'Believe the header of every peer.'),
  trustedIPs: withDefault(
    networks,
    [],
    'Peers whose header is believed. From others it is no header, but the first bytes of a request that is refused.',
  ),
  required: own(flag(false, 'Refuse connections of these peers that do not begin with a header.')),
});

const proxyProtocol: typeof proxyProtocolFields = {
  ...proxyProtocolFields,
  decode(input, context) {
    const options = proxyProtocolFields.decode(input, context);
    if (options !== INVALID && !options.insecure && options.trustedIPs.length === 0) {
      context.report(
        'warning',
        'option-without-effect',
        'no peer is trusted, and no header is read: name the proxies in trustedIPs',
      );
    }
    return options;
  },
};

const entryPointFields = object(
  {
    address: required(
      checked(string(), checkAddress),
      '`[host]:port[/tcp|/udp]`; without a host, every address of the machine.',
    ),
    asDefault: flag(false, 'Used by routers that name no entry point; when none has it, all do.'),
    reusePort: flag(
      false,
      'Let other processes listen on the same address (SO_REUSEPORT). Needs Node.js 22.12 or newer.',
    ),
    forwardedHeaders: withDefault(
      forwardedHeaders,
      defaultsOf(forwardedHeaders),
      'Whose X-Forwarded-* fields to believe.',
    ),
    transport: withDefault(transport, defaultsOf(transport), 'Timeouts, limits, shutdown.'),
    http: withDefault(http, defaultsOf(http), 'HTTP options.'),
    observability: withDefault(observability, defaultsOf(observability), 'What is reported.'),
    allowACMEByPass: differing(
      flag(
        false,
        'Let routers take requests under `/.well-known/acme-challenge/` that no certificates resolver waits for; otherwise those are answered 404 where a resolver uses this entry point.',
      ),
      'Tokens that a certificates resolver waits for are answered all the same, also when a router would take the request.',
    ),
    http2: withDefault(http2, defaultsOf(http2), 'HTTP/2.'),
    http3: later('HTTP/3.'),
    proxyProtocol: optional(
      proxyProtocol,
      'Proxies in front that say for whom they connect, by a header of the PROXY protocol (version 1 or 2).',
    ),
    udp: withDefault(udp, defaultsOf(udp), 'Sessions of an entry point for UDP.'),
  },
  {
    // Of Traefik 1.
    compress:
      'is a middleware today, named by routers or in "http.middlewares" here: http: { middlewares: { zip: { compress: {} } } }',
    redirect: 'is "http.redirections.entryPoint" today',
    whitelist: 'is the middleware "ipAllowList" today',
    auth: 'is a middleware today: basicAuth or digestAuth',
  },
);

export type EntryPointOptions = Infer<typeof entryPointFields>;

/** Options of the other transport say nothing about an entry point. */
export const entryPointOptions = checked(entryPointFields, (options, context) => {
  const isUdp = parseAddress(options.address)?.protocol === 'udp';
  const { tls, middlewares, redirections } = options.http;
  const idle: readonly (readonly [path: readonly string[], isGiven: boolean])[] = isUdp
    ? [
        [['proxyProtocol'], options.proxyProtocol !== undefined],
        [['http', 'tls'], tls !== undefined && tls !== false],
        [['http', 'middlewares'], middlewares.length > 0],
        [['http', 'redirections'], redirections !== undefined],
      ]
    : [[['udp'], JSON.stringify(options.udp) !== JSON.stringify(defaultsOf(udp))]];
  for (const [path, isGiven] of idle) {
    if (!isGiven) continue;
    const message = `the address is one for ${isUdp ? 'UDP' : 'TCP'}: "${path.join('.')}" has no effect here`;
    context.at(path[0]!, () => {
      const report = (): void => context.report('warning', 'option-without-effect', message);
      if (path[1] === undefined) report();
      else context.at(path[1], report);
    });
  }
});

function checkAddress(text: string, context: DecodeContext): void {
  if (parseAddress(text) !== null) return;
  const trimmed = text.trim();
  const port = /^(?:.*:)?([0-9]+)(?:\/(?:tcp|udp))?$/i.exec(trimmed)?.[1];
  const url = /^[a-z]+:\/\/([^/]*)/i.exec(trimmed)?.[1];
  let instead = 'write ":80", "127.0.0.1:8080" or "[::1]:8080"';
  if (port !== undefined && Number(port) > 65_535) instead = 'ports end with 65535';
  else if (/^[0-9]+$/.test(trimmed)) instead = `write ":${trimmed}"`;
  else if (url !== undefined) instead = `write "${url.includes(':') ? url : `${url}:80`}", without a scheme`;
  else if (/^[^:/\s]+$/.test(trimmed)) instead = `write "${trimmed}:80"`;
  context.invalid(`"${text}" is no address; ${instead}`, '[host]:port', text);
}

/** Null when the text is no address; `protocol` is tcp when none is given. */
export function parseAddress(text: string): ListenAddress | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/]*)):([0-9]{1,5})(?:\/(tcp|udp))?$/i.exec(text.trim());
  if (match === null || Number(match[3]) > 65_535) return null;
  const host = match[1] ?? match[2] ?? '';
  return {
    host: host === '*' ? '' : host,
    port: Number(match[3]),
    protocol: match[4]?.toLowerCase() === 'udp' ? 'udp' : 'tcp',
  };
}

export function entryPointSpec(
  name: string,
  address: ListenAddress,
  options: EntryPointOptions,
  httpChallenges: EntryPointSpec['httpChallenges'] = 'none',
): EntryPointSpec {
  const { respondingTimeouts: timeouts, limits: given } = options.transport;
  const allow = options.http.encodedCharacters;
  return {
    name,
    address,
    reusePort: options.reusePort,
    middlewares: options.http.middlewares,
    forwardedHeaders: {
      insecure: options.forwardedHeaders.insecure,
      trustedIps: options.forwardedHeaders.trustedIPs,
      connection: options.forwardedHeaders.connection.map((header) => header.toLowerCase()),
      notAppendXForwardedFor: options.forwardedHeaders.notAppendXForwardedFor,
      addScheme: options.forwardedHeaders.addXForwardedSchemeHeaders,
    },
    timeouts: {
      headerMs: timeouts.headerTimeout,
      readIdleMs: timeouts.readTimeout,
      readTotalMs: timeouts.readTotalTimeout,
      writeIdleMs: timeouts.writeIdleTimeout,
      writeTotalMs: timeouts.writeTimeout,
      idleMs: timeouts.idleTimeout,
      tunnelIdleMs: timeouts.tunnelIdleTimeout,
    },
    lifeCycle: {
      requestAcceptGraceMs: options.transport.lifeCycle.requestAcceptGraceTimeout,
      graceMs: options.transport.lifeCycle.graceTimeOut,
    },
    limits: {
      maxHeaderBytes: options.http.maxHeaderBytes,
      maxHeaderCount: given.maxHeaderCount,
      maxLineBytes: given.maxLineBytes,
      maxBodyBytes: given.maxBodyBytes,
      maxConnections: given.maxConnections,
      maxConnectionsPerIp: given.maxConnectionsPerIP,
      keepAliveMaxRequests: options.transport.keepAliveMaxRequests,
      keepAliveMaxTimeMs: options.transport.keepAliveMaxTime,
    },
    path: {
      sanitize: options.http.sanitizePath,
      encodeQuerySemicolons: options.http.encodeQuerySemicolons,
      allowEncoded: {
        slash: allow.allowEncodedSlash,
        backSlash: allow.allowEncodedBackSlash,
        semicolon: allow.allowEncodedSemicolon,
        percent: allow.allowEncodedPercent,
        questionMark: allow.allowEncodedQuestionMark,
        hash: allow.allowEncodedHash,
      },
    },
    http2: options.http2,
    underscoreHeaders: options.http.underscoreHeadersStrategy,
    observability: options.observability,
    httpChallenges,
    proxyProtocol: proxyProtocolSpec(options.proxyProtocol),
    udp: { idleMs: options.udp.timeout, maxSessions: options.udp.maxSessions },
    tls:
      options.http.tls === undefined || options.http.tls === false ? null : { options: options.http.tls.options ?? '' },
  };
}

function proxyProtocolSpec(options: EntryPointOptions['proxyProtocol']): ProxyProtocolSpec | null {
  if (options === undefined || (!options.insecure && options.trustedIPs.length === 0)) return null;
  return { insecure: options.insecure, trustedIps: options.trustedIPs, required: options.required };
}
