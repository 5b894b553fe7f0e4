// What a log says of a server's failure: the limit that was exceeded is always named.

import { expect, test } from 'vitest';
import { FAILURES } from '../http/failure.ts';
import { failureReason } from './failure-reason.ts';
import { WAITING_TRANSPORT } from '../../../test/support/upstream.ts';

const transport = {
  ...WAITING_TRANSPORT,
  responseHeaderTimeoutMs: 11,
  readIdleTimeoutMs: 22,
  writeIdleTimeoutMs: 33,
  dialTimeoutMs: 44,
  maxConnsPerHost: 5,
  maxPendingRequests: 6,
  maxResponseHeaderBytes: 77,
  maxResponseHeaderCount: 8,
};

test.each([
  [FAILURES.upstreamReset, 'the server broke the connection off'],
  [FAILURES.upstreamClosed, 'the server closed the connection before its answer was whole'],
  [FAILURES.upstreamBadResponse, 'the answer is no valid HTTP/1.1'],
  [FAILURES.upstreamHttp2Error, 'the server breaks the rules of HTTP/2, or does not speak it'],
  [FAILURES.upstreamHttp2Flood, 'the server floods its connection of HTTP/2'],
  [FAILURES.upstreamRefused, 'the server refuses requests again and again'],
  [FAILURES.upstreamHeadersTooLarge, 'the answer’s head has more than 77 bytes or 8 fields'],
  [FAILURES.upstreamResponseTimeout, 'no answer within 11 ms'],
  [FAILURES.upstreamReadTimeout, 'the answer stood still for 22 ms'],
  [FAILURES.upstreamWriteTimeout, 'the server took no byte of a request for 33 ms'],
  [FAILURES.upgradeRefused, 'the server does not change its protocol, or to one that nobody asked for'],
  [FAILURES.poolFull, 'all 5 connections are busy, and 6 requests wait for one'],
  [FAILURES.poolTimeout, 'none of the 5 connections was free within 44 ms'],
  [FAILURES.connectFailed, 'no connection'],
  [FAILURES.upstreamTls, FAILURES.upstreamTls.message],
])('$flag', (failure, words) => {
  expect(failureReason(failure, '[::1]:80', transport)).toBe(`[::1]:80: ${words}`);
});
