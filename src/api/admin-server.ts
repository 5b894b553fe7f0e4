// The internal entry point: ping, metrics and API for operators, in the main thread, so that nothing asked here delays a
// request. It listens on loopback unless told otherwise, and answers only what is switched on.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { listenError } from '../dataplane/net/listening-socket.ts';
import type { ListenAddress } from '../model/entrypoint.ts';

/** What the composition root can be asked for; null switches an endpoint off. */
export interface AdminSources {
  readonly ping: { readonly terminatingStatusCode: number } | null;
  readonly metrics: (() => { readonly contentType: string; readonly body: string }) | null;
  readonly api: { readonly basePath: string; rawData(): object; version(): object } | null;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const TEXT = 'text/plain; charset=utf-8';
const NOT_FOUND: Answer = { status: 404, type: TEXT, body: '404 page not found\n' };

export class AdminServer {
  readonly #address: ListenAddress;
  readonly #sources: AdminSources;
  readonly #server: Server;
  isTerminating = false;

  constructor(address: ListenAddress, sources: AdminSources) {
    this.#address = address;
    this.#sources = sources;
    this.#server = createServer(
      {
        maxHeaderSize: 16 * 1024,
        headersTimeout: 10_000,
        requestTimeout: 30_000,
        keepAliveTimeout: 60_000,
        connectionsCheckingInterval: 5_000,
      },
      (request, response) => this.#handle(request, response),
    );
    this.#server.maxConnections = 256;
  }

  /** Rejects with a SignalboxError that names the option. */
  start(): Promise<ListenAddress> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) =>
        reject(listenError('traefik', this.#address, error.code ?? error.message)),
      );
      this.#server.listen({ host: this.#address.host || '::', port: this.#address.port }, () => {
        const bound = this.#server.address();
        const port = typeof bound === 'object' && bound !== null ? bound.port : this.#address.port;
        resolve({ host: this.#address.host, port });
      });
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    // Bodies have no meaning here.
    request.resume();
    const answer = this.#answer(request);
    response.writeHead(answer.status, {
      'Content-Type': answer.type,
      'X-Content-Type-Options': 'nosniff',
      ...(answer.status === 405 ? { Allow: 'GET, HEAD' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  #answer(request: IncomingMessage): Answer {
    if (!this.#isHostExpected(request.headers.host ?? '')) {
      return { status: 403, type: TEXT, body: 'Forbidden: ask for this address by its IP or as localhost\n' };
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { status: 405, type: TEXT, body: 'Method Not Allowed\n' };
    }
    const path = (request.url ?? '/').split('?')[0]!;
    const { ping, metrics, api } = this.#sources;
    if (path === '/ping' && ping !== null) {
      return this.isTerminating
        ? { status: ping.terminatingStatusCode, type: TEXT, body: 'terminating' }
        : { status: 200, type: TEXT, body: 'OK' };
    }
    if (path === '/metrics' && metrics !== null) {
      const { contentType, body } = metrics();
      return { status: 200, type: contentType, body };
    }
    if (api === null) return NOT_FOUND;
    const base = api.basePath.replace(/\/$/, '');
    if (path === `${base}/api/rawdata`) return json(api.rawData());
    if (path === `${base}/api/version`) return json(api.version());
    return NOT_FOUND;
  }

  /**
   * On loopback, a name other than localhost means that a page in the operator's browser has had its own name point here
   * (DNS rebinding).
   */
  #isHostExpected(host: string): boolean {
    if (!/^(?:127\.|::1$|localhost$)/.test(this.#address.host)) return true;
    return /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?$/i.test(host);
  }
}

function json(value: object): Answer {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}
