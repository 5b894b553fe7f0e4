// Why a check of a server came to nothing, in the words of verdicts, which logs and the API show.

import { FAILURES, type Failure } from '../../dataplane/http/failure.ts';
import { INCONCLUSIVE, type Verdict } from './probe.ts';

/** A code behind what the system or OpenSSL has said: see dial-reason.ts. */
const CODE_AT_END = / \((\w+)\)$/;

export interface BrokenCheck {
  readonly failure: Failure;
  /** What the system said, with the address in front; '' for nothing. */
  readonly failureReason: string;
  /** Something has come that was no final answer. */
  readonly hasInterim: boolean;
}

export function reasonOfCheck({ failure, failureReason, hasInterim }: BrokenCheck): Verdict {
  switch (failure) {
    case FAILURES.noResources:
    case FAILURES.memoryFull:
      return INCONCLUSIVE;
    case FAILURES.connectRefused:
      return 'the connection was refused';
    case FAILURES.upstreamUntrusted:
      return `its certificate is not trusted (${untrustedBy(failureReason)})`;
    case FAILURES.dnsFailure:
      return failureReason;
    case FAILURES.upstreamTls:
      // Without an address in front it is not the server's doing.
      if (failureReason.startsWith('TLS cannot be used')) return failureReason;
      return noConnection(failureReason);
    case FAILURES.connectFailed:
      return noConnection(failureReason);
    case FAILURES.upstreamClosed:
      return 'the connection was closed without an answer';
    case FAILURES.upstreamReset:
      return 'the connection failed (ECONNRESET)';
    case FAILURES.upgradeRefused:
      return 'the answer is no final response';
    case FAILURES.upstreamBadResponse:
      return hasInterim ? 'the answer is no final response' : 'the answer is no HTTP response';
    case FAILURES.upstreamHeadersTooLarge:
      return 'the answer is no HTTP response';
    default:
      return `no answer (${failure.flag})`;
  }
}

function noConnection(reason: string): string {
  return `no connection (${CODE_AT_END.exec(reason)?.[1] ?? 'closed'})`;
}

/** OpenSSL's code, or what is wrong with the names in the certificate. */
function untrustedBy(reason: string): string {
  const code = CODE_AT_END.exec(reason)?.[1] ?? '';
  if (code !== '' && code !== 'SERVER_UNTRUSTED') return code;
  const said = reason.slice(reason.indexOf(': ') + 2);
  return code === '' ? said : said.slice(0, -` (${code})`.length);
}
