// HTTPS to a certificate authority: roots, server name, time limits and a bound on answers per resolver; nothing is
// repeated, and what an answer says of a failure - the kind of problem, how long to wait - is kept for whoever asked.

import { Agent, request } from 'node:https';
import { rootCertificates } from 'node:tls';
import { AcmeFailure, clip, parseRetryAfter } from './failure.ts';

export interface AuthorityTransportOptions {
  /** PEM; null for the public ones. */
  readonly roots: readonly string[] | null;
  readonly withPublicRoots: boolean;
  /** '' for the host of each URL. */
  readonly serverName: string;
  readonly timeoutMs: number;
  readonly headerTimeoutMs: number;
  readonly userAgent: string;
  readonly now: () => number;
}

export interface AuthorityResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly retryAfterMs: number | null;
}

export interface AuthorityRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** Larger than any chain with its alternates. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_SOCKETS = 4;
const IDLE_MS = 15_000;

export class AuthorityTransport {
  readonly #options: AuthorityTransportOptions;
  readonly #agent: Agent;

  constructor(options: AuthorityTransportOptions) {
    this.#options = options;
    const { roots, withPublicRoots } = options;
    const ca = roots === null ? undefined : [...roots, ...(withPublicRoots ? rootCertificates : [])];
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: MAX_SOCKETS,
      timeout: IDLE_MS,
      ...(ca === undefined ? {} : { ca }),
      ...(options.serverName === '' ? {} : { servername: options.serverName }),
    });
  }

  /** An unsigned request. Rejects with an AcmeFailure when there is no answer; any status is an answer. */
  async get(url: string, signal: AbortSignal): Promise<AuthorityResponse> {
    return this.send({ method: 'GET', url, headers: { accept: 'application/json' }, body: null }, signal);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Rejects with an AcmeFailure when there is no answer; any status is an answer. */
  async send(asked: AuthorityRequest, signal: AbortSignal): Promise<AuthorityResponse> {
    try {
      return await this.#exchange(asked, signal);
    } catch (error) {
      const reason = error instanceof Error ? reasonOf(error) : String(error);
      const host = URL.canParse(asked.url) ? new URL(asked.url).host : asked.url;
      throw new AcmeFailure(`the certificate authority ${host} cannot be reached: ${reason}`, {
        scope: 'authority',
        cause: error,
      });
    }
  }

  #exchange({ method, url, headers, body }: AuthorityRequest, signal: AbortSignal): Promise<AuthorityResponse> {
    const { timeoutMs, headerTimeoutMs, userAgent, now } = this.#options;
    return new Promise((resolve, reject) => {
      if (!/^https:\/\//i.test(url)) throw new Error('it names an address that is not https (RFC 8555 §6.1)');
      const sent = request(url, {
        method,
        agent: this.#agent,
        signal,
        headers: {
          ...headers,
          'user-agent': userAgent,
          'accept-encoding': 'identity',
          ...(body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        },
      });
      const whole = setTimeout(() => sent.destroy(new Error(`no whole answer within ${timeoutMs} ms`)), timeoutMs);
      const head = setTimeout(() => sent.destroy(new Error(`no answer within ${headerTimeoutMs} ms`)), headerTimeoutMs);
      const done = (): void => {
        clearTimeout(whole);
        clearTimeout(head);
      };
      sent.once('error', (error) => {
        done();
        reject(error);
      });
      sent.once('response', (response) => {
        clearTimeout(head);
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) sent.destroy(new Error(`an answer is larger than ${MAX_ANSWER_BYTES} bytes`));
          else chunks.push(chunk);
        });
        response.once('error', (error) => {
          done();
          reject(error);
        });
        response.once('end', () => {
          done();
          const given: Record<string, string> = {};
          for (const [name, value] of Object.entries(response.headers)) {
            if (value !== undefined) given[name] = Array.isArray(value) ? value.join(', ') : value;
          }
          resolve({
            status: response.statusCode ?? 0,
            headers: given,
            body: Buffer.concat(chunks).toString('utf8'),
            retryAfterMs: parseRetryAfter(given['retry-after'], now()),
          });
        });
      });
      sent.end(body ?? undefined);
    });
  }
}

function reasonOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string' && !error.message.includes(error.code)) {
    return `${error.message} (${error.code})`;
  }
  return error.message === '' && 'code' in error ? String(error.code) : error.message;
}

const PROBLEM = 'urn:ietf:params:acme:error:';

/** What an answer that is no good one has to say; `otherwise` when it says nothing. */
export function failureOf(
  { status, body, retryAfterMs }: AuthorityResponse,
  otherwise = `status ${status}`,
): AcmeFailure {
  const problem = problemOf(body);
  const type = problem?.type ?? '';
  const message = problem === null || problem.detail === '' ? otherwise : problem.detail;
  const isDown = status >= 500 || type === 'serverInternal';
  const isRate = type === 'rateLimited' || status === 429;
  return new AcmeFailure(type === '' ? message : `${message} (${type})`, {
    scope: isDown ? 'authority' : isRate ? 'rate' : 'certificate',
    type,
    retryAfterMs: status < 400 ? null : retryAfterMs,
  });
}

interface Problem {
  readonly type: string;
  readonly detail: string;
}

/** A problem document (RFC 7807) with those it is made of (RFC 8555 §6.7.1). */
export function problemOf(body: unknown): Problem | null {
  let value: unknown = body;
  if (typeof body === 'string') {
    try {
      value = JSON.parse(body);
    } catch {
      return null;
    }
  }
  if (typeof value !== 'object' || value === null) return null;
  const { type, detail, subproblems } = value as { type?: unknown; detail?: unknown; subproblems?: unknown }; // Looked at below.
  const parts = Array.isArray(subproblems)
    ? subproblems.slice(0, 10).map((one: unknown) => {
        const part = problemOf(one);
        const name = (one as { identifier?: { value?: unknown } } | null)?.identifier?.value; // May be anything.
        return part === null ? '' : `${typeof name === 'string' ? `${name}: ` : ''}${part.detail}`;
      })
    : [];
  const text = [typeof detail === 'string' ? detail : '', ...parts].filter((part) => part !== '').join('; ');
  return { type: typeof type === 'string' ? type.replace(PROBLEM, '') : '', detail: clip(text) };
}
