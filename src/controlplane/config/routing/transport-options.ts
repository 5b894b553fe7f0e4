// Options of connections to servers: those of the install file's `serversTransport`, which hold where a service names
// no other, and those under `http.serversTransports`.

import tls from 'node:tls';
import type { UpstreamTlsSpec, UpstreamTransportSpec } from '../../../model/service.ts';
import { pem } from '../../../schema/file-option.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { later, optional, own, required, withDefault } from '../../../schema/field.ts';
import { defaultsOf, object } from '../../../schema/object.ts';
import { boolean, duration, integer, oneOf, string, withAliases } from '../../../schema/scalar.ts';
import type { Infer } from '../../../schema/schema.ts';
import {
  ANY_STRENGTH,
  cipherList,
  cipherSuites,
  clientCertificateOptions,
  isOlderThanTls12,
  TLS_VERSIONS,
  tlsVersion,
} from './tls-options.ts';

const forwardingTimeouts = object({
  dialTimeout: withDefault(duration(), 30_000, 'Connecting to a server, all its addresses together; then 504.'),
  responseHeaderTimeout: withDefault(
    duration(),
    0,
    'From the end of a request to the head of the response; then 504. 0 is no limit.',
  ),
  idleConnTimeout: withDefault(duration(), 90_000, 'Kept connection without a request.'),
  readIdleTimeout: withDefault(
    duration(),
    0,
    'HTTP/1.1: longest pause in a response body; then 504, or the answer breaks off. HTTP/2: after so long without a frame the server is asked with a PING. 0 is off.',
  ),
  writeIdleTimeout: own(withDefault(duration(), 60_000, 'Longest time a server may take no byte of a request body.')),
  pingTimeout: withDefault(
    duration(),
    15_000,
    'HTTP/2: a server that has not answered a PING for so long is gone, with all its requests.',
  ),
});

/** Whose word servers' certificates are believed on. */
export const trustFields = {
  insecureSkipVerify: withDefault(
    boolean(),
    false,
    'Take any certificate of a server. Everyone on the way can then be the server.',
  ),
  rootCAs: withDefault(
    forgivingList(pem('certificate')),
    [],
    'Authorities of servers’ certificates, as paths or PEM; those of Node.js when left out.',
  ),
};

/** What servers have to prove, and what is shown to them. */
export const identityFields = {
  serverName: optional(
    string(),
    'Name sent to servers and looked for in their certificates; that of the server when left out.',
  ),
  certificates: withDefault(forgivingList(clientCertificateOptions), [], 'Certificates for servers that ask for one.'),
  peerCertSANs: withDefault(
    forgivingList(
      object({
        type: withDefault(
          withAliases(oneOf('DNS', 'URI'), { DNSName: 'DNS' }),
          'DNS',
          'Type of the name; `DNSName` is the same as `DNS`.',
        ),
        value: required(string(), 'The name.'),
      }),
    ),
    [],
    'Subject alternative names of which a server’s certificate must have one.',
  ),
  peerCertURI: optional(string(), 'A URI that a server’s certificate must have as subject alternative name.'),
};

const shared = {
  forwardingTimeouts: withDefault(forwardingTimeouts, defaultsOf(forwardingTimeouts), 'Timeouts towards servers.'),
  maxIdleConnsPerHost: withDefault(
    integer({ min: 0, clamp: 'both' }),
    200,
    'Kept connections to one server, over all workers. A burst leaves up to twice as many for half a second.',
  ),
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
  ...trustFields,
  spiffe: later('SPIFFE.'),
};

export const installTransportOptions = object(shared);

export const namedTransportOptions = object({
  ...shared,
  maxIdleConnsPerHost: {
    ...shared.maxIdleConnsPerHost,
    differsLeftOut: true,
    differs: '200 when left out, as for services without a transport of their own; Traefik keeps 2.',
  },
  disableHTTP2: withDefault(boolean(), false, '`https` servers are not offered HTTP/2.'),
  ...identityFields,
  cipherSuites: optional(cipherSuites, 'Cipher suites up to TLS 1.2, by their names in Go.'),
  minVersion: withDefault(tlsVersion, 'VersionTLS12', 'Oldest version.'),
  maxVersion: withDefault(tlsVersion, 'VersionTLS13', 'Newest version.'),
});

export type TransportOptions = Infer<typeof namedTransportOptions>;

/** Name of a certificate of a transport, which is qualified, in a snapshot. */
export function clientCertificateName(transport: string, index: number): string {
  return `${transport}#${index}`;
}

/** `name` is what the certificates are filed under. */
export function tlsSpec(
  name: string,
  options: Pick<TransportOptions, 'insecureSkipVerify' | 'rootCAs'> &
    Partial<Omit<TransportOptions, keyof typeof shared>>,
): UpstreamTlsSpec {
  const { peerCertURI: uri, peerCertSANs: names = [], certificates = [] } = options;
  const minVersion = TLS_VERSIONS[options.minVersion ?? 'VersionTLS12']!;
  const isLegacy = isOlderThanTls12(minVersion);
  return {
    serverName: options.serverName ?? '',
    insecureSkipVerify: options.insecureSkipVerify,
    authorities: options.rootCAs,
    certificates: certificates.map((_, index) => clientCertificateName(name, index)),
    minVersion,
    maxVersion: TLS_VERSIONS[options.maxVersion ?? 'VersionTLS13']!,
    // What TLS 1.0 and 1.1 can do is in the runtime's list.
    ciphers: `${cipherList(options.cipherSuites, isLegacy ? tls.DEFAULT_CIPHERS : '')}${isLegacy ? ANY_STRENGTH : ''}`,
    pinnedNames: [...names, ...(uri === undefined ? [] : [{ type: 'URI' as const, value: uri }])],
  };
}

/** The decoded section in the data plane's terms; `name` is qualified. */
export function transportSpec(
  name: string,
  options: Infer<typeof installTransportOptions> & Partial<Omit<TransportOptions, keyof typeof shared>>,
): UpstreamTransportSpec {
  const timeouts = options.forwardingTimeouts;
  return {
    dialTimeoutMs: timeouts.dialTimeout,
    responseHeaderTimeoutMs: timeouts.responseHeaderTimeout,
    idleConnTimeoutMs: timeouts.idleConnTimeout,
    readIdleTimeoutMs: timeouts.readIdleTimeout,
    pingTimeoutMs: timeouts.pingTimeout,
    writeIdleTimeoutMs: timeouts.writeIdleTimeout,
    maxIdleConnsPerHost: options.maxIdleConnsPerHost,
    maxConnsPerHost: options.maxConnsPerHost,
    maxPendingRequests: options.maxPendingRequests,
    maxResponseHeaderBytes: options.maxResponseHeaderBytes,
    maxResponseHeaderCount: options.maxResponseHeaderCount,
    isHttp2: options.disableHTTP2 !== true,
    tls: tlsSpec(name, options),
  };
}
