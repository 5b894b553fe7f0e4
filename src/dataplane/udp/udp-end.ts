// Why a UDP session ended otherwise than by silence, or never began. The same names stand in access log, metrics and
// docs/reference/errors.md; those of TCP connections have the same meaning here.

export interface UdpEnd {
  readonly flag: string;
  readonly side: 'downstream' | 'upstream' | 'internal';
  readonly message: string;
}

function end(flag: string, side: UdpEnd['side'], message: string): UdpEnd {
  return Object.freeze({ flag, side, message });
}

export const UDP_ENDS = {
  noServer: end('no_server', 'upstream', 'The service has no servers.'),
  dnsFailure: end('upstream_dns_failure', 'upstream', 'The server’s name has no address.'),
  refused: end('upstream_connect_refused', 'upstream', 'Nobody listens on the server’s port.'),
  noResources: end('no_resources', 'internal', 'This process had no descriptor or local port left for a socket.'),
  failed: end('upstream_connect_failed', 'upstream', 'Datagrams could not be sent to the server.'),
  changed: end('server_removed', 'internal', 'The configuration took the server, or the router, away.'),
  drained: end('drained', 'internal', 'The router stopped, and the time to end by itself was over.'),
} as const satisfies Record<string, UdpEnd>;
