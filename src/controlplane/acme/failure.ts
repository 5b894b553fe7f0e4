// Why a certificate could not be had, in the terms the schedule needs: whose fault it is and how long to wait.

import { messageOf } from '../../core/errors.ts';

export type FailureScope = 'certificate' | 'authority' | 'rate';

export interface FailureDetails {
  readonly scope: FailureScope;
  /**
   * Last part of the problem's type, as in `rateLimited` (RFC 8555 §6.7); '' when it is no answer of the authority's.
   */
  readonly type?: string;
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

export class AcmeFailure extends Error {
  readonly scope: FailureScope;
  readonly type: string;
  readonly retryAfterMs: number | null;

  constructor(message: string, { scope, type = '', retryAfterMs = null, cause }: FailureDetails) {
    super(clip(message), cause === undefined ? {} : { cause });
    this.name = 'AcmeFailure';
    this.scope = scope;
    this.type = type;
    this.retryAfterMs = retryAfterMs;
  }

  /** The same, said to hold up everything of the resolver. */
  asAuthority(): AcmeFailure {
    const { message, type, retryAfterMs, cause } = this;
    return new AcmeFailure(message, { scope: 'authority', type, retryAfterMs, cause });
  }
}

/** What anything that was thrown says about the next try. */
export function asFailure(error: unknown): AcmeFailure {
  if (error instanceof AcmeFailure) return error;
  return new AcmeFailure(messageOf(error), {
    scope: 'certificate',
    cause: error,
  });
}

const MAX_MESSAGE = 500;

/** One line: what others wrote ends up in logs and answers. */
export function clip(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE - 1)}…` : line;
}

/** Seconds or a date (RFC 9110 §10.2.3); null when it is neither. */
export function parseRetryAfter(text: string | undefined, now: number): number | null {
  if (text === undefined) return null;
  if (/^[0-9]{1,10}$/.test(text.trim())) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isFinite(date) ? Math.max(0, date - now) : null;
}
