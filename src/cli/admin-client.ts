// Asks the API of a running router: finds out where it is, and says what to do when it does not answer.

import { statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { SignalboxError } from '../core/errors.ts';
import { findInstallFile } from '../controlplane/config/install/install-file.ts';
import type { ConfigDocument } from '../controlplane/config/document/document.ts';
import type { AdminConfig } from '../controlplane/config/install/admin-config.ts';
import { decodeInstallDocument, loadInstallConfig } from '../controlplane/config/install/load-install.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';
import { operatorSubstitutions } from '../controlplane/config/install/operator-substitutions.ts';
import { isMap } from '../schema/input.ts';
import type { Arguments } from './arguments.ts';
import type { Io } from './io.ts';

const REQUEST_TIMEOUT_MS = 30_000;
const DEFAULT_URL = 'http://127.0.0.1:8080';

export interface AdminAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

interface Target {
  /** As people write it. */
  readonly shown: string;
  readonly where: { readonly socketPath: string } | { readonly host: string; readonly port: number };
  readonly basePath: string;
  readonly token: string | null;
}

export class AdminClient {
  readonly #target: Target;
  /** What the router said first with its last answer: that a snapshot is pinned; null when none is. */
  pinned: string | null = null;

  private constructor(target: Target) {
    this.#target = target;
  }

  /** By flag, environment or install configuration, in this order; Traefik's default address when none of them says. */
  static async find(args: Arguments, io: Io): Promise<AdminClient> {
    const token = io.environment['SIGNALBOX_ADMIN_TOKEN'] ?? null;
    const given = args.flags.get('admin')?.[0] ?? io.environment['SIGNALBOX_ADMIN_URL'];
    if (given !== undefined) return new AdminClient(targetOf(given, token));
    const path = args.flags.get('config')?.[0] ?? (await findInstallFile(io.environment));
    const request = { path, environment: io.environment, flags: args.options, withoutPlugins: true };
    const { value, document } = await loadInstallConfig(request);
    // The running router has what it was last given without errors; where it is, the file most likely still says.
    const admin = value?.admin ?? (document === null ? null : adminPartOf(document, io));
    return new AdminClient(admin === null ? targetOf(DEFAULT_URL, token) : fromConfig(admin, token));
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
    const { shown, basePath, token } = this.#target;
    const text = body === undefined ? null : JSON.stringify(body);
    const answer = await new Promise<AdminAnswer>((resolve, reject) => {
      const unreachable = (reason: string): void =>
        reject(
          new SignalboxError(
            'ERR_ADMIN_UNREACHABLE',
            `no router answers on ${shown} (${reason}); start it with "api: {}" in its configuration, name that file with --config if it is not found here, or say where the API is with --admin or SIGNALBOX_ADMIN_URL`,
          ),
        );
      const request = httpRequest(
        {
          ...where,
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
  async list(path: string, query: URLSearchParams): Promise<readonly Record<string, unknown>[]> {
    const all: Record<string, unknown>[] = [];
    for (let page = '1'; ;) {
      query.set('page', page);
      const { status, headers, text } = await this.ask('GET', `${path}?${query.toString()}`);
      if (status !== 200) return this.json('GET', `${path}?${query.toString()}`);
      all.push(...(parse(text) as Record<string, unknown>[])); // A list of objects by its description.
      const next = headers['x-next-page'];
      if (typeof next !== 'string' || next === '1') return all;
      page = next;
    }
  }
}

/** Null when what concerns the API has errors as well. */
function adminPartOf(document: ConfigDocument, io: Io): AdminConfig | null {
  const part = (value: unknown, name: string): Record<string, unknown> => {
    const found = isMap(value) ? Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase()) : null;
    return found == null ? {} : Object.fromEntries([found]);
  };
  const entryPoints = part(Object.values(part(document.value, 'entryPoints'))[0], INTERNAL_ENTRY_POINT);
  const value = { ...part(document.value, 'api'), entryPoints };
  const reduced = { ...document, value, diagnostics: [] };
  return decodeInstallDocument(reduced, operatorSubstitutions(io.environment)).value?.admin ?? null;
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

function targetOf(given: string, token: string | null): Target {
  if (given.startsWith('unix:') || given.startsWith('/')) {
    const socketPath = given.replace(/^unix:(?:\/\/)?/, '');
    return { shown: `unix:${socketPath}`, where: { socketPath }, basePath: '', token: null };
  }
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || url.protocol !== 'http:') {
    throw new SignalboxError(
      'ERR_CLI_USAGE',
      `"${given}" is no address of an API; write http://127.0.0.1:8080 or unix:/run/signalbox.sock`,
    );
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const basePath = url.pathname.replace(/\/$/, '');
  return { shown: given, where: { host, port: Number(url.port || 80) }, basePath, token };
}

function fromConfig(admin: AdminConfig, token: string | null): Target {
  const basePath = (admin.api?.basePath ?? '').replace(/\/$/, '');
  if (admin.socket !== null) {
    return { shown: `unix:${admin.socket}`, where: { socketPath: admin.socket }, basePath, token: null };
  }
  const { host, port } = admin.address ?? { host: '127.0.0.1', port: 8080 };
  const shownHost = host === '' ? '127.0.0.1' : host;
  return {
    shown: `http://${shownHost.includes(':') ? `[${shownHost}]` : shownHost}:${port}`,
    where: { host: shownHost, port },
    basePath,
    token: token ?? admin.token,
  };
}
