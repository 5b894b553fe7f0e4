// Options of connections to servers: those of the install file's `serversTransport`, which hold where a service names no
// other, and those under `http.serversTransports`.

import type { UpstreamTransportSpec } from '../../model/service.ts';
import {
  boolean,
  defaultsOf,
  duration,
  integer,
  later,
  object,
  own,
  withDefault,
  type Infer,
} from '../../schema/schema.ts';

const forwardingTimeouts = object({
  dialTimeout: withDefault(duration(), 30_000, 'Connecting to a server, all its addresses together; then 504.'),
  responseHeaderTimeout: withDefault(
    duration(),
    0,
    'From the end of a request to the head of the response; then 504. 0 is no limit.',
  ),
  idleConnTimeout: withDefault(duration(), 90_000, 'Kept connection without a request.'),
  readIdleTimeout: withDefault(duration(), 0, 'Longest pause in a response body. 0 is no limit.'),
  writeIdleTimeout: own(withDefault(duration(), 60_000, 'Longest time a server may take no byte of a request body.')),
  pingTimeout: later('HTTP/2.'),
});

const shared = {
  forwardingTimeouts: withDefault(forwardingTimeouts, defaultsOf(forwardingTimeouts), 'Timeouts towards servers.'),
  maxIdleConnsPerHost: withDefault(integer({ min: 0 }), 200, 'Kept connections to one server, over all workers.'),
  maxConnsPerHost: own(
    withDefault(
      integer({ min: 0 }),
      0,
      'Open connections to one server, over all workers; further requests wait. 0 is no limit.',
    ),
  ),
  maxPendingRequests: own(
    withDefault(integer({ min: 0 }), 1_024, 'Requests that may wait for a connection to one server; then 503.'),
  ),
  maxResponseHeaderBytes: own(withDefault(integer({ min: 1024 }), 256 * 1024, 'Response head; then 502.')),
  maxResponseHeaderCount: own(withDefault(integer({ min: 1 }), 500, 'Fields of a response head; then 502.')),
  insecureSkipVerify: later('TLS to servers.'),
  rootCAs: later('TLS to servers.'),
  spiffe: later('SPIFFE.'),
};

export const installTransportOptions = object(shared);

export const namedTransportOptions = object({
  ...shared,
  maxIdleConnsPerHost: {
    ...shared.maxIdleConnsPerHost,
    differs: '200 when left out, as for services without a transport of their own; Traefik keeps 2.',
  },
  disableHTTP2: withDefault(boolean(), false, 'Servers are spoken to in HTTP/1.1 in any case.'),
  serverName: later('TLS to servers.'),
  certificates: later('TLS to servers.'),
  cipherSuites: later('TLS to servers.'),
  minVersion: later('TLS to servers.'),
  maxVersion: later('TLS to servers.'),
  peerCertSANs: later('TLS to servers.'),
  peerCertURI: later('TLS to servers.'),
});

export type TransportOptions = Infer<typeof namedTransportOptions>;

/** The decoded section in the data plane's terms. */
export function transportSpec(options: Infer<typeof installTransportOptions>): UpstreamTransportSpec {
  const timeouts = options.forwardingTimeouts;
  return {
    dialTimeoutMs: timeouts.dialTimeout,
    responseHeaderTimeoutMs: timeouts.responseHeaderTimeout,
    idleConnTimeoutMs: timeouts.idleConnTimeout,
    readIdleTimeoutMs: timeouts.readIdleTimeout,
    writeIdleTimeoutMs: timeouts.writeIdleTimeout,
    maxIdleConnsPerHost: options.maxIdleConnsPerHost,
    maxConnsPerHost: options.maxConnsPerHost,
    maxPendingRequests: options.maxPendingRequests,
    maxResponseHeaderBytes: options.maxResponseHeaderBytes,
    maxResponseHeaderCount: options.maxResponseHeaderCount,
  };
}
