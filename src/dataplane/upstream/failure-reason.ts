// What a log says of a server that was reached and failed all the same. Those that were not have the system's words, or
// OpenSSL's, in dial-reason.ts.

import type { UpstreamTransportSpec } from '../../model/service.ts';
import { FAILURES, type Failure } from '../http/failure.ts';

const WORDS: ReadonlyMap<Failure, (transport: UpstreamTransportSpec) => string> = new Map<
  Failure,
  (transport: UpstreamTransportSpec) => string
>([
  [FAILURES.upstreamReset, () => 'the server broke the connection off'],
  [FAILURES.upstreamClosed, () => 'the server closed the connection before its answer was whole'],
  [FAILURES.upstreamBadResponse, () => 'the answer is no valid HTTP/1.1'],
  [FAILURES.upstreamHttp2Error, () => 'the server breaks the rules of HTTP/2, or does not speak it'],
  [FAILURES.upstreamHttp2Flood, () => 'the server floods its connection of HTTP/2'],
  [FAILURES.upstreamRefused, () => 'the server refuses requests again and again'],
  [
    FAILURES.upstreamHeadersTooLarge,
    ({ maxResponseHeaderBytes: bytes, maxResponseHeaderCount: count }) =>
      `the answer’s head has more than ${bytes} bytes or ${count} fields`,
  ],
  [FAILURES.upstreamResponseTimeout, (transport) => `no answer within ${transport.responseHeaderTimeoutMs} ms`],
  [FAILURES.upstreamReadTimeout, (transport) => `the answer stood still for ${transport.readIdleTimeoutMs} ms`],
  [FAILURES.upstreamWriteTimeout, ({ writeIdleTimeoutMs: ms }) => `the server took no byte of a request for ${ms} ms`],
  [FAILURES.upgradeRefused, () => 'the server does not change its protocol, or to one that nobody asked for'],
  [
    FAILURES.poolFull,
    ({ maxConnsPerHost, maxPendingRequests }) =>
      `all ${maxConnsPerHost} connections are busy, and ${maxPendingRequests} requests wait for one`,
  ],
  [
    FAILURES.poolTimeout,
    ({ maxConnsPerHost, dialTimeoutMs }) =>
      `none of the ${maxConnsPerHost} connections was free within ${dialTimeoutMs} ms`,
  ],
  [FAILURES.connectFailed, () => 'no connection'],
]);

/** `address` is the server's, as host and port. */
export function failureReason(failure: Failure, address: string, transport: UpstreamTransportSpec): string {
  return `${address}: ${WORDS.get(failure)?.(transport) ?? failure.message}`;
}
