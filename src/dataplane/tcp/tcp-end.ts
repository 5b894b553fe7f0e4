// Why a TCP connection ended otherwise than by both sides' word, or never began. The same names stand in access log,
// metrics and docs/reference/errors.md.

export interface TcpEnd {
  readonly flag: string;
  readonly side: 'downstream' | 'upstream' | 'internal';
  readonly message: string;
}

function end(flag: string, side: TcpEnd['side'], message: string): TcpEnd {
  return Object.freeze({ flag, side, message });
}

export const TCP_ENDS = {
  addressRefused: end('address_refused', 'downstream', 'An ipAllowList does not have the client’s address.'),
  tooManyConnections: end('too_many_connections', 'downstream', 'The client has as many as an inFlightConn allows.'),
  clientGone: end('client_gone', 'downstream', 'The client left before a server was there.'),
  clientReset: end('client_reset', 'downstream', 'The client broke the connection off.'),
  idle: end('tunnel_idle', 'downstream', 'No byte in either direction for the entry point’s tunnelIdleTimeout.'),
  halfOpen: end(
    'termination_delay',
    'downstream',
    'One side had ended, and the other one was silent for the terminationDelay.',
  ),
  drained: end('drained', 'internal', 'The router stopped, and the time to end by itself was over.'),
  routerDisabled: end(
    'router_disabled',
    'internal',
    'The router has an error: its connections are closed and go nowhere else.',
  ),
  memoryFull: end('memory_full', 'internal', 'So much is in progress that there is no room for more.'),
  noServer: end('no_server', 'upstream', 'The service has no servers.'),
  noHealthyServer: end('no_healthy_server', 'upstream', 'Health checks have found every server down.'),
  dnsFailure: end('upstream_dns_failure', 'upstream', 'The server’s name has no address.'),
  connectRefused: end('upstream_connect_refused', 'upstream', 'The server refused the connection.'),
  connectFailed: end('upstream_connect_failed', 'upstream', 'There was no connection to the server.'),
  connectTimeout: end('upstream_connect_timeout', 'upstream', 'The server did not answer within the dialTimeout.'),
  noResources: end(
    'no_resources',
    'internal',
    'This process had no descriptor or local port left for a connection to the server.',
  ),
  upstreamTls: end('upstream_tls_failed', 'upstream', 'The TLS handshake with the server failed.'),
  upstreamUntrusted: end('upstream_tls_untrusted', 'upstream', 'The server’s certificate is not trusted.'),
  startTlsRefused: end('upstream_starttls_refused', 'upstream', 'The PostgreSQL server does not speak TLS.'),
  upstreamReset: end('upstream_reset', 'upstream', 'The server broke the connection off.'),
} as const satisfies Record<string, TcpEnd>;
