// Asks the API of a running router, and says what to do when it does not answer.

import { statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { SignalboxError } from '../core/errors.ts';
import { isMap } from '../schema/input.ts';
import { apiTarget, pingTarget, type Target } from './admin-target.ts';
import type { Arguments } from './arguments.ts';
import type { Io } from './io.ts';

const REQUEST_TIMEOUT_MS = 30_000;

export interface AdminAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export class AdminClient {
  readonly #target: Target;
  /** What the router said first with its last answer: that a snapshot is pinned; null when none is. */
  pinned: string | null = null;

  private constructor(target: Target) {
    this.#target = target;
  }

  static async find(args: Arguments, io: Io): Promise<AdminClient> {
    return new AdminClient(await apiTarget(args, io));
  }

  /** For `/ping` alone; a text when there is none to ask. */
  static async findPing(args: Arguments, io: Io): Promise<AdminClient | string> {
    const target = await pingTarget(args, io);
    return typeof target === 'string' ? target : new AdminClient(target);
  }

  get shown(): string {
    return this.#target.shown;
  }

  /** Rejects with a SignalboxError when there is no answer to use; a refusal is in the status. */
  async ask(method: string, path: string, body?: unknown, timeoutMs = REQUEST_TIMEOUT_MS): Promise<AdminAnswer> {
    const answer = await this.#send(this.#target.where, method, path, body, timeoutMs);
    // The owner of the process may do what is refused to those who come by the network.
    const socketPath = answer.status === 403 ? ownersSocket(answer.text) : null;
    const final = socketPath === null ? answer : await this.#send({ socketPath }, method, path, body, timeoutMs);
    const pin = final.headers['x-signalbox-pin'];
    this.pinned = typeof pin === 'string' ? pin : null;
    return final;
  }

  async #send(
    where: Target['where'],
    method: string,
    path: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<AdminAnswer> {
    const { shown, basePath, token, isSecure } = this.#target;
    const text = body === undefined ? null : JSON.stringify(body);
    const answer = await new Promise<AdminAnswer>((resolve, reject) => {
      const unreachable = (reason: string): void =>
        reject(
          new SignalboxError(
            'ERR_ADMIN_UNREACHABLE',
            `no router answers on ${shown} (${reason}); start it with "api: {}" in its configuration, name that file with --config if it is not found here, or say where the API is with --admin or SIGNALBOX_ADMIN_URL`,
          ),
        );
      const request = (isSecure ? httpsRequest : httpRequest)(
        {
          ...where,
          // This machine asks itself, by no name that a certificate could be for.
          rejectUnauthorized: false,
          method,
          path: `${basePath}${path}`,
          timeout: timeoutMs,
          headers: {
            Host: 'localhost',
            ...(text === null ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
            ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', (error) => unreachable(error.message));
          response.on('end', () => {
            const { statusCode = 0, headers } = response;
            resolve({ status: statusCode, headers, text: Buffer.concat(chunks).toString('utf8') });
          });
        },
      );
      request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
      request.on('error', (error: NodeJS.ErrnoException) => unreachable(error.code ?? error.message));
      request.end(text ?? undefined);
    });
    if (answer.status === 401) {
      throw new SignalboxError(
        'ERR_ADMIN_UNREACHABLE',
        `the router on ${shown} asks for a token; set SIGNALBOX_ADMIN_TOKEN to its api.token`,
      );
    }
    return answer;
  }

  /** The decoded answer; a refusal rejects with its message. */
  async json<T>(method: string, path: string, body?: unknown, timeoutMs?: number): Promise<T> {
    const { status, text } = await this.ask(method, path, body, timeoutMs);
    const value = parse(text);
    if (status === 200) return value as T; // The router's own shape, see api/answers.ts.
    const message = (value as { message?: string } | null)?.message ?? text.trim();
    if (status === 404 && value === null) {
      throw new SignalboxError(
        'ERR_ADMIN_UNREACHABLE',
        `${this.shown} has no API there: switch it on with "api: {}", or name another address with --admin`,
      );
    }
    throw new SignalboxError('ERR_CLI_USAGE', message);
  }

  /** Every page of a list. */
  async list(path: string, query: URLSearchParams, timeoutMs?: number): Promise<readonly Record<string, unknown>[]> {
    const all: Record<string, unknown>[] = [];
    for (let page = '1'; ;) {
      query.set('page', page);
      const { status, headers, text } = await this.ask('GET', `${path}?${query.toString()}`, undefined, timeoutMs);
      if (status !== 200) return this.json('GET', `${path}?${query.toString()}`);
      all.push(...(parse(text) as Record<string, unknown>[])); // A list of objects by its description.
      const next = headers['x-next-page'];
      if (typeof next !== 'string' || next === '1') return all;
      page = next;
    }
  }
}

/** The Unix socket that a refusal names, where it is one of this user's. */
function ownersSocket(refusal: string): string | null {
  const value = parse(refusal);
  if (!isMap(value) || typeof value['socket'] !== 'string') return null;
  const { socket } = value;
  try {
    const found = statSync(socket);
    const user = process.getuid?.();
    return found.isSocket() && (user === 0 || found.uid === user) ? socket : null;
  } catch {
    return null;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
