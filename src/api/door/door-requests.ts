// What is asked at the doors of the internal entry point: who may ask what, which operation it is, and its answer.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../../core/errors.ts';
import type { AdminConfig } from '../../controlplane/config/install/admin-config.ts';
import { MAX_FILE_BYTES } from '../../controlplane/config/document/document.ts';
import { openApi } from '../open-api.ts';
import type { ApiRequest, Operation } from '../operation.ts';
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
import { NOT_FOUND, notAllowed, redirection, refused, TEXT, type Door, type DoorAnswer, type Rights } from './door.ts';
import { PEER_FIELD } from './probe-thread.ts';

/** What may be asked for. */
export interface DoorSources {
  readonly config: AdminConfig;
  readonly operations: readonly Operation[];
  /** PUT /api/providers/rest; null when the provider is off. */
  readonly rest: Operation | null;
  readonly version: string;
  /**
   * Where this user's commands reach the API when `api.socket` does not say; in a directory that is this user's alone.
   */
  readonly ownSocket: string;
  /** Changes would be lost now: a successor has what this process had. */
  isHandingOver(): boolean;
  metrics(): { readonly contentType: string; readonly body: string };
  dashboard(): string;
}

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

export class DoorRequests {
  readonly #sources: DoorSources;
  readonly #description: string;
  /** Answers that stay open. */
  #streams = 0;
  /** The process is about to end: /ping says so. */
  isTerminating = false;

  constructor(sources: DoorSources) {
    this.#sources = sources;
    this.#description = JSON.stringify(openApi(sources.operations, sources.version));
  }

  /** Never rejects. */
  async handle(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
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
  async #answer(door: Door, request: IncomingMessage, response: ServerResponse): Promise<DoorAnswer | null> {
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
      return this.isTerminating
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
  ): Promise<DoorAnswer | null> {
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
  ): Promise<DoorAnswer | null> {
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
    const answer: DoorAnswer = { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
    return headers === undefined ? answer : { ...answer, headers };
  }

  #page(): DoorAnswer {
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
