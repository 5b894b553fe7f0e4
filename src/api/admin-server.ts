// The internal entry point: ping, metrics and API for operators, in the main thread, so that nothing asked here delays a
// request. It listens on loopback unless told otherwise, on a Unix socket if one is named, and behind the internal
// services; each of these doors opens what belongs to it and nothing more.

import { chmod, rename, stat, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import net from 'node:net';
import { listenOn } from '../dataplane/net/accept-queue.ts';
import { SignalboxError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { InternalService } from '../controlplane/compile/internal-services.ts';
import { isLoopback, type AdminConfig } from '../controlplane/config/install/install-config.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';
import { MAX_FILE_BYTES } from '../controlplane/config/document/document.ts';
import { listenError, type BoundSocket } from '../dataplane/net/listening-socket.ts';
import type { ListenAddress } from '../model/entry-point.ts';
import {
  hasToken,
  isReading,
  refuseForeignPage,
  refuseName,
  refuseTwoHosts,
  WITHOUT_TOKEN,
  writingRefused,
  type Refusal,
} from './access.ts';
import { DoorConnections, SERVER_TIMES } from './door-connections.ts';
import type { ApiRequest, Operation } from './operation.ts';
import { openApi } from './open-api.ts';
import { PEER_FIELD, ProbeThread } from './probe-thread.ts';

/** What the composition root can be asked for. */
export interface AdminSources {
  readonly config: AdminConfig;
  readonly operations: readonly Operation[];
  /** PUT /api/providers/rest; null when the provider is off. */
  readonly rest: Operation | null;
  readonly version: string;
  /** The module of the thread that answers /ping, and the socket it passes everything else to; without it this thread answers. */
  readonly probe?: { readonly listener: URL; readonly mainSocket: string };
  readonly log?: Log;
  /** Where this user's commands reach the API when `api.socket` does not say; in a directory that is this user's alone. */
  readonly ownSocket: string;
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
  /** A Unix socket that this user alone can open: who comes through it may do everything. */
  readonly isOwners: boolean;
  /** The internal entry point's address: no router's guards stand before it. */
  readonly isOnNetwork: boolean;
  readonly isOnLoopback: boolean;
}

/** What may be done with one request. */
interface Rights {
  readonly caller: ApiRequest['caller'];
  readonly door: Door;
  /** Null when it may change something. */
  readonly writingRefused: Refusal | null;
}

const TEXT = 'text/plain; charset=utf-8';
const NOT_FOUND: Answer = { status: 404, type: TEXT, body: '404 page not found\n' };
/** Targets are paths; what they are relative to does not matter. */
const BASE = 'http://internal';
const HANDING_OVER: Refusal = {
  status: 503,
  message: 'a takeover is under way; ask again in a moment, and the process that serves then answers',
};
/** Less than the connections of a door, so that there are some to be had for questions. */
const MAX_STREAMS = 32;
const TOO_MANY_STREAMS: Refusal = { status: 503, message: `${MAX_STREAMS} event streams are open; end one first` };
const MAX_BODY_BYTES = MAX_FILE_BYTES;

export class AdminServer {
  readonly #sources: AdminSources;
  readonly #description: string;
  readonly #servers: Server[] = [];
  #isTerminating = false;
  /** Null where the main thread answers for itself. */
  #probe: ProbeThread | null = null;
  /** The main thread has taken its place, for good. */
  #hasLostProbe = false;
  #isBound = false;
  /** What the main thread does when the thread that answers /ping is gone. */
  #direct: (() => Promise<unknown>) | null = null;
  #directPing: (() => Promise<unknown>) | null = null;
  /** Answers that stay open. */
  #streams = 0;
  #bound: BoundSocket | null = null;
  #socket: { readonly path: string; readonly inode: number } | null = null;
  readonly #isSuccessor: boolean;

  /** A successor's predecessor still listens on the Unix socket. */
  constructor(sources: AdminSources, isSuccessor = false) {
    this.#isSuccessor = isSuccessor;
    this.#sources = sources;
    this.#description = JSON.stringify(openApi(sources.operations, sources.version));
  }

  /**
   * Takes the address and the socket that are configured, before anything is served: what cannot be had ends the start, unless
   * nobody has asked for the address. Nobody is answered before `start`. Rejects with a SignalboxError that names the option.
   */
  async bind(): Promise<void> {
    this.#isBound = true;
    const { address, isDeclared, socket } = this.#sources.config;
    if (socket !== null) {
      await refuseIfServed(socket, this.#isSuccessor);
      // Under a name of its own until it is ready and nobody else's: a rename puts it into place, over an earlier one.
      const own = `${socket}.${process.pid}`;
      await unlink(own).catch(() => {});
      await this.#listen(this.#ownersDoor(), { path: own }, (code) => {
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
    const { address, isDeclared, socket, api, ping, metrics, rest } = this.#sources.config;
    if (socket === null && (api !== null || rest !== null)) {
      const path = this.#sources.ownSocket;
      await this.#listen(
        this.#ownersDoor(),
        { path },
        (code) => new SignalboxError('ERR_LISTEN_FAILED', `${path} cannot be bound (${code})`),
      );
    }
    if (this.#socket !== null) await rename(`${this.#socket.path}.${process.pid}`, this.#socket.path);
    const bound = this.#bound;
    if (address === null || bound === null) return null;
    const door = this.#door({
      hasApi: api?.isOnAddress === true,
      hasPing: ping?.isOnAddress === true,
      hasMetrics: metrics?.isOnAddress === true,
      hasRest: rest?.isOnAddress === true,
      isOnLoopback: isLoopback(address.host),
      isOnNetwork: true,
    });
    try {
      await this.#listenAt(bound, door, address);
    } catch (error) {
      if (isDeclared !== false || !(error instanceof SignalboxError)) throw error;
      this.#bound = null;
      this.#sources.notServed?.(error);
      return null;
    }
    return { ...address, port: bound.address.port };
  }

  /** Through the thread that answers /ping, if there is one. */
  async #listenAt(bound: BoundSocket, door: Door, address: ListenAddress): Promise<void> {
    const failure = (code: string): SignalboxError => listenError(INTERNAL_ENTRY_POINT, address, code);
    this.#direct = once(() => this.#listen(door, { _handle: bound.handle }, failure));
    const { probe } = this.#sources;
    const thread = door.hasPing && probe !== undefined ? this.#probeThread() : null;
    if (thread === null || probe === undefined) {
      await this.#direct();
      return;
    }
    await this.#listen(door, { path: probe.mainSocket }, failure);
    if ((await thread.listenAt(bound.handle.fd)) !== null) await this.#direct?.();
  }

  async #takeOver(): Promise<void> {
    for (const again of [this.#direct, this.#directPing]) {
      await again?.().catch((error: unknown) => {
        this.#sources.log?.error('the internal entry point cannot be served', { error: String(error) });
      });
    }
  }

  /** Opens the socket behind an internal service. */
  async startService(service: InternalService, path: string): Promise<void> {
    const only = { api: null, dashboard: 'dashboard', ping: 'ping', prometheus: 'metrics', rest: 'rest' } as const;
    const door = this.#door({ hasApi: service === 'api', only: only[service] });
    const listen = (): Promise<unknown> =>
      this.#listen(
        door,
        { path },
        (code) => new SignalboxError('ERR_LISTEN_FAILED', `${path} cannot be bound (${code})`),
      );
    const thread = service === 'ping' ? this.#probeThread() : null;
    if (thread === null) {
      await listen();
      return;
    }
    this.#directPing = once(async () => {
      // A dead thread leaves the name behind.
      await unlink(path).catch(() => {});
      await listen();
    });
    if ((await thread.serveAt(path)) !== null) await this.#directPing();
  }

  set isTerminating(value: boolean) {
    this.#isTerminating = value;
    if (this.#probe !== null) this.#probe.isTerminating = value;
  }

  /** The thread that answers /ping, from the first time it is needed; null where there is none, or none any more. */
  #probeThread(): ProbeThread | null {
    const { probe, config, log } = this.#sources;
    if (probe === undefined || config.ping === null || this.#hasLostProbe) return null;
    this.#probe ??= new ProbeThread(
      probe.listener,
      {
        terminatingStatusCode: config.ping.terminatingStatusCode,
        mainSocket: probe.mainSocket,
        isOnLoopback: config.address !== null && isLoopback(config.address.host),
        allowedHosts: config.allowedHosts,
        token: config.token,
      },
      (reason) => {
        log?.error('the thread that answers /ping has ended; the main thread takes its place', { reason });
        this.#probe = null;
        this.#hasLostProbe = true;
        void this.#takeOver();
      },
    );
    return this.#probe;
  }

  /** Of the internal entry point; null when nothing listens there. */
  get boundSocket(): BoundSocket | null {
    return this.#bound;
  }

  /** Another process answers from now on; what is being answered goes on. */
  leave(): void {
    this.#direct = null;
    this.#probe?.leave();
    for (const server of this.#servers) {
      server.close();
      server.closeIdleConnections();
    }
  }

  async stop(): Promise<void> {
    await this.#probe?.stop();
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

  #ownersDoor(): Door {
    const { api, ping, metrics, rest } = this.#sources.config;
    return this.#door({
      hasApi: api !== null,
      hasPing: ping !== null,
      hasMetrics: metrics !== null,
      hasRest: rest !== null,
      isOwners: true,
    });
  }

  #door(door: Partial<Door>): Door {
    const hasApi = door.hasApi === true;
    return {
      hasPing: false,
      hasMetrics: false,
      hasRest: false,
      only: null,
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
    const connections = new DoorConnections();
    const server = createServer(SERVER_TIMES, (request, response) => {
      const { socket } = request;
      connections.begin(socket);
      response.once('close', () => connections.end(socket));
      void this.#handle(door, request, response);
    });
    server.on('connection', (socket) => connections.add(socket));
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
      response.end(`${JSON.stringify({ message: messageOf(error) })}\n`);
    }
  }

  /** Null when the response stays open. */
  async #answer(door: Door, request: IncomingMessage, response: ServerResponse): Promise<Answer | null> {
    const method = request.method ?? 'GET';
    const target = request.url ?? '/';
    // Two slashes would begin a host.
    if (!/^\/(?!\/)/.test(target)) return refused({ status: 400, message: 'Bad Request: the target is no path' });
    const { headers, rawHeaders } = request;
    const foreign = refuseTwoHosts(rawHeaders) ?? refuseForeignPage(method, headers);
    if (foreign !== null) return refused(foreign);
    const url = new URL(target, BASE);
    const path = url.pathname;
    const { token, allowedHosts, socket } = this.#sources.config;
    const isKnown = hasToken(token, headers);
    const unknownName = door.isOnNetwork && !isKnown ? refuseName(headers.host ?? '', allowedHosts) : null;
    // What measures and probes by a name of the network does so on an address of the network.
    if (unknownName !== null && door.isOnLoopback) return refused(unknownName);
    const rights: Rights = {
      door,
      caller: door.isOwners ? 'owner' : isKnown ? 'token' : 'anyone',
      writingRefused:
        door.isOwners || isKnown
          ? null
          : token === null
            ? writingRefused(door.isOnNetwork ? (socket ?? this.#sources.ownSocket) : null)
            : WITHOUT_TOKEN,
    };
    const { ping } = this.#sources.config;
    const isProbe = (door.hasPing && path === '/ping') || (door.hasMetrics && path === '/metrics');
    if (isProbe && !isReading(method)) return notAllowed('GET, HEAD');
    if (door.only === 'ping' || (door.hasPing && path === '/ping')) {
      return this.#isTerminating
        ? { status: ping?.terminatingStatusCode ?? 503, type: TEXT, body: 'terminating' }
        : { status: 200, type: TEXT, body: 'OK' };
    }
    if (door.only === 'metrics' || (door.hasMetrics && path === '/metrics')) {
      const { contentType, body } = this.#sources.metrics();
      return { status: 200, type: contentType, body };
    }
    if (door.only === 'dashboard') return this.#page();
    // From here on nobody asks for less than the configuration.
    const locked = door.isOnNetwork && token !== null && !isKnown ? WITHOUT_TOKEN : unknownName;
    const { rest } = this.#sources;
    if (rest !== null && (door.only === 'rest' || (door.hasRest && path === rest.path))) {
      if (locked !== null) return refused(locked);
      if (method !== 'PUT') return notAllowed('PUT');
      return this.#callOperation(rest, {}, url, request, response, rights);
    }
    return door.hasApi ? this.#api(door, method, url, request, response, rights, locked) : NOT_FOUND;
  }

  async #api(
    door: Door,
    method: string,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
    rights: Rights,
    locked: Refusal | null,
  ): Promise<Answer | null> {
    const base = (this.#sources.config.api?.basePath ?? '/').replace(/\/$/, '');
    const isRoot = url.pathname === base || url.pathname === `${base}/`;
    const path = isRoot || url.pathname.startsWith(`${base}/`) ? url.pathname.slice(base.length) : null;
    if (path === null) return NOT_FOUND;
    const isPage = path === '/dashboard/' || path === '/dashboard';
    if (!isPage && !isRoot && !path.startsWith('/api/')) return NOT_FOUND;
    if (locked !== null) return refused(locked);
    if (isRoot || isPage) {
      if (!door.hasDashboard) return NOT_FOUND;
      if (!isReading(method)) return notAllowed('GET, HEAD');
      return isPage ? this.#page() : redirection(`${prefixOf(request)}${base}/dashboard/`);
    }
    if (path === '/api/openapi.json') return { status: 200, type: 'application/json', body: this.#description };
    const allowed: string[] = [];
    for (const operation of this.#sources.operations) {
      const params = matchPath(operation.path, path);
      if (params === null) continue;
      if (operation.method === method || (operation.method === 'GET' && method === 'HEAD')) {
        return this.#callOperation(operation, params, url, request, response, rights);
      }
      allowed.push(...(operation.method === 'GET' ? ['GET', 'HEAD'] : [operation.method]));
    }
    return allowed.length > 0 ? notAllowed([...new Set(allowed)].join(', ')) : NOT_FOUND;
  }

  async #callOperation(
    operation: Operation,
    params: Readonly<Record<string, string>>,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
    { caller, door, writingRefused: refusal }: Rights,
  ): Promise<Answer | null> {
    if (operation.method !== 'GET' && refusal !== null) return refused(refusal);
    const contentType = request.headers['content-type'] ?? '';
    // Nothing is read by its body, which Node drops.
    const body = operation.method === 'GET' ? '' : await readBody(request);
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
      caller,
      from: whoAsks(request, caller, door),
    };
    if (operation.method !== 'GET' && this.#sources.isHandingOver()) return refused(HANDING_OVER);
    if (operation.stream !== undefined) {
      if (this.#streams >= MAX_STREAMS) return refused(TOO_MANY_STREAMS);
      if (request.method === 'HEAD') return { status: 200, type: 'text/event-stream', body: '' };
      this.#streams++;
      response.once('close', () => this.#streams--);
      operation.stream(asked, response);
      return null;
    }
    const { status, body: value, headers } = await operation.handle(asked);
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

/** For the log. Behind a router of ours, that router says who its client is, as the last one. */
function whoAsks(request: IncomingMessage, caller: ApiRequest['caller'], door: Door): string {
  if (caller === 'owner') return 'the Unix socket';
  const forwarded =
    String(request.headers['x-forwarded-for'] ?? '')
      .split(',')
      .at(-1)
      ?.trim() ?? '';
  const peer = request.socket.remoteAddress ?? request.headers[PEER_FIELD];
  const address = door.isOnNetwork ? String(peer ?? '') : `${forwarded} behind a router`;
  return caller === 'token' ? `${address}, with the token` : address;
}

/** Where the router before this one has taken a prefix away. Never a host: two slashes would begin one. */
function prefixOf(request: IncomingMessage): string {
  const given = request.headers['x-forwarded-prefix'];
  return typeof given === 'string' && /^\/[\w~.-][\w/~.-]*$/.test(given) ? given.replace(/\/+$/, '') : '';
}

function redirection(location: string): Answer {
  return { status: 302, type: TEXT, body: '', headers: { Location: location } };
}

function refused({ status, ...said }: Refusal): Answer {
  const body = `${JSON.stringify(said)}\n`;
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

/** Whoever asks first begins; all get the same end. */
function once<T>(run: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | null = null;
  return () => (begun ??= run());
}
