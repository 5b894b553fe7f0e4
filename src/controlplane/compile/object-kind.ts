// The kinds of objects that a routing configuration has, as messages and the API name them.

export const OBJECT_KINDS = [
  'router',
  'middleware',
  'service',
  'serversTransport',
  'tlsOptions',
  'tcpRouter',
  'tcpMiddleware',
  'tcpService',
  'tcpServersTransport',
  'udpRouter',
  'udpService',
] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];
