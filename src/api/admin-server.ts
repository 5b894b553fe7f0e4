// The internal entry point: ping, metrics and API for operators, in the main thread, so that nothing asked here delays a
// request. It listens on loopback unless told otherwise, on a Unix socket if one is named, and behind the internal
// services; each of these doors opens what belongs to it and nothing more.

import { chmod, rename, stat, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import net from 'node:net';
import { listenOn } from '../dataplane/net/accept-queue.ts';
import { SignalboxError } from '../core/errors.ts';
import type { InternalService } from '../controlplane/compile/internal-services.ts';
import { isLoopback, type AdminConfig } from '../controlplane/config/install-config.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/internal-routing.ts';
import { MAX_FILE_BYTES } from '../controlplane/config/document.ts';
import { listenError, type BoundSocket } from '../dataplane/net/listening-socket.ts';
import type { ListenAddress } from '../model/entrypoint.ts';
import { refuseForeign, refuseWithoutToken, type Refusal } from './access.ts';
import type { ApiRequest, Endpoint } from './endpoint.ts';
import { openApi } from './open-api.ts';

/** What the composition root can be asked for. */
export interface AdminSources {
  readonly config: AdminConfig;
  readonly endpoints: readonly Endpoint[];
  /** PUT /api/providers/rest; null when the provider is off. */
  readonly rest: Endpoint | null;
  readonly version: string;
  /** Binds, or finds what was bound before. Rejects with a SignalboxError. */
  /** Nobody has asked for the internal entry point, and its usual address cannot be had. */
  notServed?(error: SignalboxError): void;
  openAddress(address: ListenAddress): Promise<BoundSocket>;
  /** Changes would be lost now: a successor has what this process had. */
  isHandingOver(): boolean;
  metrics(): { readonly contentType: string; readonly body: string };
  dashboard(): string;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a door opens. */
interface Door {
  readonly hasApi: boolean;
  readonly hasPing: boolean;
  readonly hasMetrics: boolean;
  readonly hasRest: boolean;
  readonly hasDashboard: boolean;
  /** One thing alone, whatever the path. */
  readonly only: 'ping' | 'metrics' | 'dashboard' | 'rest' | null;
  readonly token: string | null;
  /** A Unix socket that this user alone can open. */
  readonly isOwners: boolean;
  /** Clients are machines of the operator, reached by address rather than by name. */
  readonly isOnLoopback: boolean;
  /** Browsers come through it directly. */
  readonly isOnNetwork: boolean;
}

const TEXT = 'text/plain; charset=utf-8';
const NOT_FOUND: Answer = { status: 404, type: TEXT, body: '404 page not found\n' };
/** Targets are paths; what they are relative to does not matter. */
const BASE = 'http://internal';
const HANDING_OVER: Refusal = {
  status: 503,
  message: 'a takeover is under way; ask again in a moment, and the process that serves then answers',
};
const MAX_BODY_BYTES = MAX_FILE_BYTES;

export class AdminServer {
  readonly #sources: AdminSources;
  readonly #description: string;
  readonly #servers: Server[] = [];
  isTerminating = false;
  #isBound = false;
  #bound: BoundSocket | null = null;
  #socket: { readonly path: string; readonly inode: number } | null = null;
  readonly #isSuccessor: boolean;

  /** A successor's predecessor still listens on the Unix socket. */
  constructor(sources: AdminSources, isSuccessor = false) {
    this.#isSuccessor = isSuccessor;
    this.#sources = sources;
    this.#description = JSON.stringify(openApi(sources.endpoints, sources.version));
  }

  /**
   * Takes the address and the socket that are configured, before anything is served: what cannot be had ends the start, unless
   * nobody has asked for the address. Nobody is answered before `start`. Rejects with a SignalboxError that names the option.
   */
  async bind(): Promise<void> {
    this.#isBound = true;
    const { address, isDeclared, socket, api, ping, metrics, rest } = this.#sources.config;
    if (socket !== null) {
      await refuseIfServed(socket, this.#isSuccessor);
      const door = this.#door({
        hasApi: api !== null,
        hasPing: ping !== null,
        hasMetrics: metrics !== null,
        hasRest: rest !== null,
        isOwners: true,
      });
      // Under a name of its own until it is ready and nobody else's: a rename puts it into place, over an earlier one.
      const own = `${socket}.${process.pid}`;
      await unlink(own).catch(() => {});
      await this.#listen(door, { path: own }, (code) => {
        return new SignalboxError(
          'ERR_LISTEN_FAILED',
          `api.socket: ${socket} cannot be bound (${code}); check its directory`,
        );
      });
      await chmod(own, 0o600);
      this.#socket = { path: socket, inode: (await stat(own)).ino };
    }
    if (address === null) return;
    try {
      this.#bound = await this.#sources.openAddress(address);
    } catch (error) {
      if (isDeclared !== false || !(error instanceof SignalboxError)) throw error;
      this.#sources.notServed?.(error);
    }
  }

  /** Answers from now on; binds what is not bound yet. */
  async start(): Promise<ListenAddress | null> {
    if (!this.#isBound) await this.bind();
    const { address, isDeclared, api, ping, metrics, rest, token } = this.#sources.config;
    if (this.#socket !== null) await rename(`${this.#socket.path}.${process.pid}`, this.#socket.path);
    const bound = this.#bound;
    if (address === null || bound === null) return null;
    const door = this.#door({
      hasApi: api?.isOnAddress === true,
      hasPing: ping?.isOnAddress === true,
      hasMetrics: metrics?.isOnAddress === true,
      hasRest: rest?.isOnAddress === true,
      token,
      isOnLoopback: isLoopback(address.host),
      isOnNetwork: true,
    });
    try {
      await this.#listen(door, { _handle: bound.handle }, (code) => listenError(INTERNAL_ENTRY_POINT, address, code));
    } catch (error) {
      if (isDeclared !== false || !(error instanceof SignalboxError)) throw error;
      this.#bound = null;
      this.#sources.notServed?.(error);
      return null;
    }
    return { ...address, port: bound.address.port };
  }

  /** Opens the socket behind an internal service. */
  async startService(service: InternalService, path: string): Promise<void> {
    const only = { api: null, dashboard: 'dashboard', ping: 'ping', prometheus: 'metrics', rest: 'rest' } as const;
    const door = this.#door({ hasApi: service === 'api', only: only[service] });
    await this.#listen(
      door,
      { path },
      (code) => new SignalboxError('ERR_LISTEN_FAILED', `${path} cannot be bound (${code})`),
    );
  }

  /** Of the internal entry point; null when nothing listens there. */
  get boundSocket(): BoundSocket | null {
    return this.#bound;
  }

  /** Another process answers from now on; what is being answered goes on. */
  leave(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeIdleConnections();
    }
  }

  async stop(): Promise<void> {
    // Of no server yet, if it has not been started.
    this.#bound?.handle.close();
    if (this.#socket !== null) {
      await removeOwn(this.#socket);
      await unlink(`${this.#socket.path}.${process.pid}`).catch(() => {});
    }
    await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  #door(door: Partial<Door>): Door {
    const hasApi = door.hasApi === true;
    return {
      hasPing: false,
      hasMetrics: false,
      hasRest: false,
      only: null,
      token: null,
      isOwners: false,
      isOnLoopback: false,
      isOnNetwork: false,
      ...door,
      hasApi,
      hasDashboard: hasApi && this.#sources.config.api?.hasDashboard === true,
    };
  }

  /** Settles with the port. */
  #listen(
    door: Door,
    where: { _handle: object } | { path: string },
    failure: (code: string) => SignalboxError,
  ): Promise<number | null> {
    const server = createServer(
      {
        maxHeaderSize: 16 * 1024,
        headersTimeout: 10_000,
        requestTimeout: 30_000,
        keepAliveTimeout: 60_000,
        connectionsCheckingInterval: 5_000,
      },
      (request, response) => void this.#handle(door, request, response),
    );
    server.maxConnections = 256;
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(failure(error.code ?? error.message)));
      listenOn(server, where, () => {
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : null);
      });
    });
  }

  async #handle(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#answer(door, request, response);
      if (answer === null) return;
      response.writeHead(answer.status, {
        'Content-Type': answer.type,
        'X-Content-Type-Options': 'nosniff',
        'Cache-Control': 'no-store',
        ...answer.headers,
      });
      response.end(request.method === 'HEAD' ? undefined : answer.body);
    } catch (error) {
      if (!response.headersSent) response.writeHead(500, { 'Content-Type': 'application/json' });
      response.end(`${JSON.stringify({ message: error instanceof Error ? error.message : String(error) })}\n`);
    }
  }

  /** Null when the response stays open. */
  async #answer(door: Door, request: IncomingMessage, response: ServerResponse): Promise<Answer | null> {
    const method = request.method ?? 'GET';
    const target = request.url ?? '/';
    // Two slashes would begin a host.
    if (!/^\/(?!\/)/.test(target)) return refused({ status: 400, message: 'Bad Request: the target is no path' });
    const url = new URL(target, BASE);
    const path = url.pathname;
    if (door.isOnNetwork) {
      const foreign = refuseForeign(method, request.headers, door.isOnLoopback);
      if (foreign !== null) return refused(foreign);
    }
    const { ping } = this.#sources.config;
    const isReading = method === 'GET' || method === 'HEAD';
    const isProbe = (door.hasPing && path === '/ping') || (door.hasMetrics && path === '/metrics');
    if (isProbe && !isReading) return notAllowed('GET, HEAD');
    if (door.only === 'ping' || (door.hasPing && path === '/ping')) {
      return this.isTerminating
        ? { status: ping?.terminatingStatusCode ?? 503, type: TEXT, body: 'terminating' }
        : { status: 200, type: TEXT, body: 'OK' };
    }
    if (door.only === 'metrics' || (door.hasMetrics && path === '/metrics')) {
      const { contentType, body } = this.#sources.metrics();
      return { status: 200, type: contentType, body };
    }
    if (door.only === 'dashboard') return this.#page();
    const { rest } = this.#sources;
    if (rest !== null && (door.only === 'rest' || (door.hasRest && path === rest.path))) {
      const locked = door.token === null ? null : refuseWithoutToken(door.token, request.headers);
      if (locked !== null) return refused(locked);
      if (method !== 'PUT') return notAllowed('PUT');
      return this.#callEndpoint(rest, {}, url, request, response, door);
    }
    return door.hasApi ? this.#api(door, method, url, request, response) : NOT_FOUND;
  }

  async #api(
    door: Door,
    method: string,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<Answer | null> {
    const base = (this.#sources.config.api?.basePath ?? '/').replace(/\/$/, '');
    const path = url.pathname.startsWith(`${base}/`) ? url.pathname.slice(base.length) : null;
    if (path === null) return NOT_FOUND;
    const isPage = path === '/dashboard/' || path === '/dashboard' || path === '/';
    if (!isPage && !path.startsWith('/api/')) return NOT_FOUND;
    const locked = door.token === null ? null : refuseWithoutToken(door.token, request.headers);
    if (locked !== null) return refused(locked);
    if (isPage) return door.hasDashboard ? this.#page() : NOT_FOUND;
    if (path === '/api/openapi.json') return { status: 200, type: 'application/json', body: this.#description };
    const allowed: string[] = [];
    for (const endpoint of this.#sources.endpoints) {
      const params = matchPath(endpoint.path, path);
      if (params === null) continue;
      if (endpoint.method === method || (endpoint.method === 'GET' && method === 'HEAD')) {
        return this.#callEndpoint(endpoint, params, url, request, response, door);
      }
      allowed.push(...(endpoint.method === 'GET' ? ['GET', 'HEAD'] : [endpoint.method]));
    }
    return allowed.length > 0 ? notAllowed([...new Set(allowed)].join(', ')) : NOT_FOUND;
  }

  async #callEndpoint(
    endpoint: Endpoint,
    params: Readonly<Record<string, string>>,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
    door: Door,
  ): Promise<Answer | null> {
    const contentType = request.headers['content-type'] ?? '';
    const body = await readBody(request);
    if (body === null) {
      return refused({ status: 413, message: `the body is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB` });
    }
    const lastEventId = Number(request.headers['last-event-id'] ?? Number.NaN);
    const asked: ApiRequest = {
      params,
      query: url.searchParams,
      body,
      contentType,
      lastEventId: Number.isSafeInteger(lastEventId) ? lastEventId : null,
      caller: door.isOwners ? 'owner' : door.token !== null ? 'token' : 'anyone',
    };
    if (endpoint.method !== 'GET' && this.#sources.isHandingOver()) return refused(HANDING_OVER);
    if (endpoint.stream !== undefined) {
      if (request.method === 'HEAD') return { status: 200, type: 'text/event-stream', body: '' };
      endpoint.stream(asked, response);
      return null;
    }
    const { status, body: value, headers } = await endpoint.handle(asked);
    const answer: Answer = { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
    return headers === undefined ? answer : { ...answer, headers };
  }

  #page(): Answer {
    return {
      status: 200,
      type: 'text/html; charset=utf-8',
      body: this.#sources.dashboard(),
      headers: {
        'Content-Security-Policy':
          "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        'Referrer-Policy': 'no-referrer',
      },
    };
  }
}

/** Path parameters, or null when the path is another. */
function matchPath(pattern: string, path: string): Readonly<Record<string, string>> | null {
  const expected = pattern.split('/');
  const found = path.split('/');
  if (expected.length !== found.length) return null;
  const params: Record<string, string> = {};
  for (const [index, segment] of expected.entries()) {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name === undefined) {
      if (segment !== found[index]) return null;
      continue;
    }
    try {
      params[name] = decodeURIComponent(found[index]!);
    } catch {
      return null;
    }
  }
  return params;
}

/** Null when it is too large; what is over is read all the same, so that the client gets its answer. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (size > MAX_BODY_BYTES) return null;
  return Buffer.concat(chunks).toString('utf8');
}

function refused({ status, message }: Refusal): Answer {
  const body = `${JSON.stringify({ message })}\n`;
  const answer: Answer = { status, type: 'application/json', body };
  return status === 401 ? { ...answer, headers: { 'WWW-Authenticate': 'Bearer realm="signalbox"' } } : answer;
}

function notAllowed(methods: string): Answer {
  return { ...refused({ status: 405, message: `Method Not Allowed; use ${methods}` }), headers: { Allow: methods } };
}

/** A socket file that nothing listens on any more is replaced. */
async function refuseIfServed(path: string, isSuccessor: boolean): Promise<void> {
  if (isSuccessor) return;
  const isAlive = await new Promise<boolean | null>((resolve) => {
    const probe = net.connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? false : null));
  });
  if (isAlive === true) {
    throw new SignalboxError(
      'ERR_LISTEN_ADDRESS_IN_USE',
      `api.socket: another process listens on ${path}; stop it or choose another path`,
    );
  }
  const info = await stat(path).catch(() => null);
  if (info !== null && !info.isSocket()) {
    throw new SignalboxError('ERR_LISTEN_FAILED', `api.socket: ${path} is there and is no socket; choose another path`);
  }
}

/** Unless a successor has put its own into place. */
async function removeOwn({ path, inode }: { readonly path: string; readonly inode: number }): Promise<void> {
  const info = await stat(path).catch(() => null);
  if (info?.ino === inode) await unlink(path).catch(() => {});
}
