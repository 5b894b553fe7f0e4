import { expect, test } from 'vitest';
import { FAILURES, type Failure } from '../../dataplane/http/failure.ts';
import { reasonOf } from '../../dataplane/upstream/dial/dial-reason.ts';
import { UntrustedServer } from '../../dataplane/tls/upstream-tls.ts';
import { reasonOfCheck } from './check-reason.ts';
import { INCONCLUSIVE } from './probe.ts';

const ADDRESS = { host: '10.0.0.1', family: 4 } as const;

/** As a dial says it of an error. */
function said(message: string, code?: string): string {
  return reasonOf(ADDRESS, 80, Object.assign(new Error(message), code === undefined ? {} : { code }));
}

test.each<[Failure, string, unknown]>([
  [FAILURES.connectRefused, said('connect ECONNREFUSED', 'ECONNREFUSED'), 'the connection was refused'],
  [FAILURES.connectFailed, said('x', 'EHOSTUNREACH'), 'no connection (EHOSTUNREACH)'],
  [FAILURES.connectFailed, reasonOf(ADDRESS, 80, null), 'no connection (closed)'],
  [FAILURES.upstreamTls, said('x', 'ECONNRESET'), 'no connection (ECONNRESET)'],
  [FAILURES.upstreamTls, 'TLS cannot be used: there is no certificate a', 'TLS cannot be used: there is no certificate a'],
  [FAILURES.upstreamUntrusted, said('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)'],
  [FAILURES.upstreamUntrusted, reasonOf(ADDRESS, 80, new UntrustedServer('it is not for a')), 'its certificate is not trusted (it is not for a)'],
  [FAILURES.dnsFailure, 'the name "a" has no address', 'the name "a" has no address'],
  [FAILURES.noResources, 'x', INCONCLUSIVE],
  [FAILURES.upstreamClosed, '', 'the connection was closed without an answer'],
  [FAILURES.upstreamReset, '', 'the connection failed (ECONNRESET)'],
  [FAILURES.upstreamHeadersTooLarge, '', 'the answer is no HTTP response'],
  [FAILURES.upgradeRefused, '', 'the answer is no final response'],
  [FAILURES.upstreamHttp2Error, '', 'no answer (upstream_http2_error)'],
])('%o', (failure, failureReason, verdict) => {
  expect(reasonOfCheck({ failure, failureReason, hasInterim: false })).toBe(verdict);
}); // prettier-ignore

test('interim answers are none', () => {
  const of = (hasInterim: boolean) =>
    reasonOfCheck({ failure: FAILURES.upstreamBadResponse, failureReason: '', hasInterim });
  expect([of(false), of(true)]).toEqual(['the answer is no HTTP response', 'the answer is no final response']);
});
