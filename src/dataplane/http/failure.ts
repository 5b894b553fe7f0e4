// Why a request could not be served: kind, and the side that caused it. Frozen constants,
// so that a failure costs nothing to raise and its name is the same in access log, metrics and docs. Only respond.ts
// turns one into a status.

export type FailureSide = 'downstream' | 'upstream' | 'internal';

export interface Failure {
  /** Response flag in access log and metrics. */
  readonly flag: string;
  readonly side: FailureSide;
  readonly status: number;
  /** Body of the answer, and a stable text for people. */
  readonly message: string;
  /** Of a connection that had served before, it says that the server had closed it already, or was about to. */
  readonly isEndOfConnection: boolean;
}

function failure(flag: string, side: FailureSide, status: number, message: string, isEndOfConnection = false): Failure {
  return Object.freeze({
    flag,
    side,
    status,
    message,
    isEndOfConnection,
  });
}

/**
 * Every failure of the request path and its status. docs/reference/errors.md is generated from it; docs/failures.md
 * explains.
 */
export const FAILURES = {
  badRequestLine: failure('bad_request_line', 'downstream', 400, 'Bad Request: malformed request line'),
  badTarget: failure('bad_target', 'downstream', 400, 'Bad Request: malformed request target'),
  badPath: failure('bad_path', 'downstream', 400, 'Bad Request: ambiguous or forbidden path'),
  badAuthorization: failure('bad_authorization', 'downstream', 400, 'Bad Request: malformed credentials'),
  badHeader: failure('bad_header', 'downstream', 400, 'Bad Request: malformed header field'),
  badHost: failure('bad_host', 'downstream', 400, 'Bad Request: missing or malformed Host'),
  badFraming: failure('bad_framing', 'downstream', 400, 'Bad Request: ambiguous message length'),
  badChunk: failure('bad_chunk', 'downstream', 400, 'Bad Request: malformed chunked body'),
  badEncoding: failure('bad_encoding', 'downstream', 400, 'Bad Request: body is not Base64'),
  badTrailer: failure('bad_trailer', 'downstream', 400, 'Bad Request: malformed or forbidden trailer field'),
  methodNotAllowed: failure('method_not_allowed', 'downstream', 405, 'Method Not Allowed'),
  requestTimeout: failure('request_timeout', 'downstream', 408, 'Request Timeout'),
  bodyTooLarge: failure('body_too_large', 'downstream', 413, 'Content Too Large'),
  misdirected: failure('misdirected', 'downstream', 421, 'Misdirected Request'),
  targetTooLong: failure('target_too_long', 'downstream', 414, 'URI Too Long'),
  expectationFailed: failure('expectation_failed', 'downstream', 417, 'Expectation Failed'),
  headersTooLarge: failure('headers_too_large', 'downstream', 431, 'Request Header Fields Too Large'),
  methodUnknown: failure('method_unknown', 'downstream', 501, 'Not Implemented: unknown method'),
  codingUnknown: failure('coding_unknown', 'downstream', 501, 'Not Implemented: unknown transfer coding'),
  versionUnsupported: failure('version_unsupported', 'downstream', 505, 'HTTP Version Not Supported'),
  /** The client sees the error codes of its protocol; the status is the log's. */
  http2Error: failure('http2_error', 'downstream', 400, 'Bad Request: HTTP/2 protocol error'),
  http2Flood: failure('http2_flood', 'downstream', 429, 'Too Many Requests: HTTP/2 flood'),
  /** Never seen by the client, who has left; the status is the log's. */
  clientGone: failure('client_gone', 'downstream', 499, 'Client Closed Request'),
  clientStalled: failure('client_stalled', 'downstream', 499, 'Client Stopped Reading'),
  tunnelIdle: failure('tunnel_idle', 'downstream', 499, 'Tunnel Idle'),

  noRoute: failure('no_route', 'internal', 404, '404 page not found'),
  /**
   * A router, or a share of a service, that cannot be served: its place is kept, so that nothing falls through to
   * others.
   */
  routerDisabled: failure('router_disabled', 'internal', 503, 'Service Unavailable'),
  /** What this process lacks says nothing about a server. */
  noResources: failure('no_resources', 'internal', 503, 'Service Unavailable'),
  noServer: failure('no_server', 'upstream', 503, 'no available server'),
  noHealthyServer: failure('no_healthy_server', 'upstream', 503, 'no available server'),
  poolFull: failure('upstream_pool_full', 'upstream', 503, 'Service Unavailable'),
  poolTimeout: failure('upstream_pool_timeout', 'upstream', 503, 'Service Unavailable'),
  authBusy: failure('auth_busy', 'internal', 503, 'Service Unavailable'),
  /** So much is in progress that there is no room for more. */
  memoryFull: failure('memory_full', 'internal', 503, 'Service Unavailable'),
  internal: failure('internal_error', 'internal', 500, 'Internal Server Error'),

  dnsFailure: failure('upstream_dns_failure', 'upstream', 502, 'Bad Gateway'),
  connectRefused: failure('upstream_connect_refused', 'upstream', 502, 'Bad Gateway'),
  connectFailed: failure('upstream_connect_failed', 'upstream', 502, 'Bad Gateway'),
  connectTimeout: failure('upstream_connect_timeout', 'upstream', 504, 'Gateway Timeout'),
  upstreamTls: failure('upstream_tls_failed', 'upstream', 502, 'Bad Gateway'),
  upstreamUntrusted: failure('upstream_tls_untrusted', 'upstream', 502, 'Bad Gateway'),
  upstreamReset: failure('upstream_reset', 'upstream', 502, 'Bad Gateway', true),
  upstreamClosed: failure('upstream_closed', 'upstream', 502, 'Bad Gateway', true),
  upstreamBadResponse: failure('upstream_bad_response', 'upstream', 502, 'Bad Gateway'),
  upstreamHttp2Error: failure('upstream_http2_error', 'upstream', 502, 'Bad Gateway'),
  upstreamHttp2Flood: failure('upstream_http2_flood', 'upstream', 502, 'Bad Gateway'),
  /** Several times over: the first is sent again. */
  upstreamRefused: failure('upstream_refused', 'upstream', 502, 'Bad Gateway'),
  upstreamHeadersTooLarge: failure('upstream_headers_too_large', 'upstream', 502, 'Bad Gateway'),
  upstreamResponseTimeout: failure('upstream_response_timeout', 'upstream', 504, 'Gateway Timeout'),
  upstreamReadTimeout: failure('upstream_read_timeout', 'upstream', 504, 'Gateway Timeout'),
  upstreamWriteTimeout: failure('upstream_write_timeout', 'upstream', 504, 'Gateway Timeout'),
  responseTooLarge: failure('response_too_large', 'upstream', 500, 'Internal Server Error'),
  upgradeRefused: failure('upstream_upgrade_refused', 'upstream', 502, 'Bad Gateway'),
} as const satisfies Record<string, Failure>;

/** `routerDisabled` with the status that the specification names. */
export function disabledFailure(status: number): Failure {
  return status === FAILURES.routerDisabled.status ? FAILURES.routerDisabled : { ...FAILURES.routerDisabled, status };
}
