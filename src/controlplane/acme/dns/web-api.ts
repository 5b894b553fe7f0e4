// Requests to the web APIs of DNS providers: a time limit, a bound on answers, and messages without credentials.

import { AcmeFailure, clip, parseRetryAfter } from '../failure.ts';

export interface WebRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface WebAnswer {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number | null;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** Rejects with an AcmeFailure when there is no answer; any status but a redirection is one. */
export async function askWeb(
  name: string,
  { method, url, headers, body }: WebRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<WebAnswer> {
  const limit = AbortSignal.timeout(timeoutMs);
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  signal.addEventListener('abort', stop, { once: true });
  limit.addEventListener('abort', stop, { once: true });
  try {
    const answer = await fetch(url, {
      method,
      headers,
      // Credentials are for the address they were configured for.
      redirect: 'error',
      signal: controller.signal,
      ...(body === undefined ? {} : { body }),
    });
    const retryAfterMs = parseRetryAfter(answer.headers.get('retry-after') ?? undefined, Date.now());
    return { status: answer.status, text: await readText(answer), retryAfterMs };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = limit.aborted
      ? `no answer within ${timeoutMs} ms`
      : cause instanceof Error && 'code' in cause
        ? String(cause.code)
        : cause instanceof Error
          ? cause.message
          : String(cause);
    throw new AcmeFailure(`${name} cannot be reached: ${reason}`, { scope: 'certificate' });
  } finally {
    signal.removeEventListener('abort', stop);
    limit.removeEventListener('abort', stop);
  }
}

async function readText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`an answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What an API refused, with its own words. */
export function webFailure(name: string, answer: WebAnswer, detail: string): AcmeFailure {
  return new AcmeFailure(`${name} answered ${answer.status}${detail === '' ? '' : `: ${clip(detail)}`}`, {
    scope: 'certificate',
    retryAfterMs: answer.retryAfterMs,
  });
}

/** The names a zone of this record could have, the longest first; never a top-level domain. */
export function zoneCandidates(name: string): readonly string[] {
  const labels = name.split('.');
  return labels.slice(0, -1).map((_, index) => labels.slice(index).join('.'));
}
