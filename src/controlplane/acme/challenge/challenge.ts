// The way an authority is shown that a name is ours. One presenter per kind of challenge; the order of calls is the
// same for each: present every challenge of an order, settle once, tell the authority, clean up every one.

import { createHash } from 'node:crypto';

export type ChallengeType = 'http-01' | 'tls-alpn-01' | 'dns-01';

export interface Challenge {
  readonly type: ChallengeType;
  /** Host name without `*.`, or IP address. */
  readonly domain: string;
  readonly token: string;
  /** Token and thumbprint of the account's key (RFC 8555 §8.1). */
  readonly keyAuthorization: string;
}

export interface ChallengePresenter {
  readonly type: ChallengeType;
  /** Puts the answer in place. What it throws is the reason why there is no certificate. */
  present(challenge: Challenge, signal: AbortSignal): Promise<void>;
  /** Settles when the authority may be told: answers are visible where it looks. Called once all are presented. */
  settle(challenges: readonly Challenge[], signal: AbortSignal): Promise<void>;
  /** Takes the answer away again, whether or not it was presented whole. */
  cleanUp(challenge: Challenge): Promise<void>;
}

/** What goes into the TXT record of dns-01 (RFC 8555 §8.4). */
export function dnsValue(keyAuthorization: string): string {
  return createHash('sha256').update(keyAuthorization).digest('base64url');
}
