// An entry point in one worker: accepts connections, gives each request its route, and drains. Everything a request
// passes before its first middleware is here, in order.

import net from 'node:net';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import { IpSet } from '../../core/ip.ts';
import type { EntryPointSpec } from '../../model/entrypoint.ts';
import type { ConnectionLimits } from '../net/connection-limits.ts';
import type { ClientInfo, Exchange, ExchangeObserver, Handler } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { removeNominated, setForwardedHeaders } from '../http/forwarded-headers.ts';
import { Http1Connection, PREFACE_HEAD, type Http1ServerContext } from '../http/http1-connection.ts';
import { Http1RequestParser } from '../http/http1-request-parser.ts';
import { Http2Connection, type Http2ServerContext } from '../http/http2-connection.ts';
import { Http2RequestReader } from '../http/http2-request.ts';
import { respondFailure } from '../http/respond.ts';
import type { ServerConnection } from '../http/server-connection.ts';
import { RouteTable } from '../match/route-table.ts';
import type { CompiledRoute } from './compiled-route.ts';

export interface EntryPointDependencies {
  readonly wheel: TimerWheel;
  readonly limits: ConnectionLimits;
  /** Index of the entry point in the shared connection table. */
  readonly index: number;
  readonly observer: ExchangeObserver;
  readonly handlerFailed: (exchange: Exchange, error: unknown) => void;
}

export class EntryPointRuntime implements Http1ServerContext, Http2ServerContext {
  readonly spec: EntryPointSpec;
  readonly wheel: TimerWheel;
  readonly parser: Http1RequestParser;
  readonly requestReader: Http2RequestReader;
  readonly observer: ExchangeObserver;
  readonly handler: Handler;
  readonly handlerFailed: (exchange: Exchange, error: unknown) => void;
  isDraining = false;
  /** Swapped when a generation is ready. */
  routes = new RouteTable<CompiledRoute>();
  readonly #dependencies: EntryPointDependencies;
  readonly #trusted: IpSet;
  readonly #connections = new Set<ServerConnection>();
  #server: net.Server | null = null;
  #onEmpty: (() => void) | null = null;

  constructor(spec: EntryPointSpec, dependencies: EntryPointDependencies) {
    this.spec = spec;
    this.#dependencies = dependencies;
    this.wheel = dependencies.wheel;
    this.observer = dependencies.observer;
    this.handlerFailed = dependencies.handlerFailed;
    this.parser = new Http1RequestParser(spec);
    this.requestReader = new Http2RequestReader(spec);
    this.#trusted = new IpSet(spec.forwardedHeaders.trustedIps);
    const append = !spec.forwardedHeaders.notAppendXForwardedFor;
    const kept = spec.forwardedHeaders.connection;
    // A field rather than a method: the connection calls it per request without a receiver look-up.
    this.handler = (exchange) => {
      if (exchange.connectionNames !== null) removeNominated(exchange, kept);
      setForwardedHeaders(exchange);
      exchange.appendForwardedFor = append;
      const route = this.routes.match(exchange);
      if (route === null) {
        respondFailure(exchange, FAILURES.noRoute);
        return;
      }
      exchange.routerName = route.name;
      exchange.observed = route.observed;
      return route.handler(exchange);
    };
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  /** Accepts on a handle this worker alone owns. Settles when the kernel listens. */
  listen(handle: object): Promise<void> {
    const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ _handle: handle, backlog: 4096 } as net.ListenOptions, () => {
        server.removeListener('error', reject);
        // Accept errors such as EMFILE: the connection is lost, the listener lives.
        server.on('error', () => {});
        resolve();
      });
    });
  }

  #accept(socket: net.Socket): void {
    const address = socket.remoteAddress;
    if (address === undefined || this.isDraining) {
      socket.destroy();
      return;
    }
    const ip = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
    const ticket = this.#dependencies.limits.tryOpen(this.#dependencies.index, ip, this.spec.limits);
    if (ticket < 0) {
      // Before a byte is read there is nothing to answer to: a reset costs an attacker's target the least.
      socket.resetAndDestroy();
      return;
    }
    const client: ClientInfo = {
      ip,
      port: socket.remotePort ?? 0,
      scheme: 'http',
      isTrusted: this.spec.forwardedHeaders.insecure || this.#trusted.has(ip),
    };
    this.#connections.add(new Http1Connection(this, socket, client, ticket, true));
  }

  switchToHttp2(connection: Http1Connection, socket: net.Socket, chunk: Buffer): void {
    const { client, ticket, canRefit } = connection;
    const successor = new Http2Connection(this, socket, client, ticket, canRefit);
    this.#connections.delete(connection);
    this.#connections.add(successor);
    successor.skipPreface(PREFACE_HEAD.length);
    successor.onRead(chunk, chunk.length);
    if (this.isDraining) successor.drain();
  }

  closed(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.#dependencies.limits.close(this.#dependencies.index, connection.ticket);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** Stops accepting, lets requests finish, closes idle connections. Settles when the last connection is gone. */
  drain(): Promise<void> {
    this.isDraining = true;
    this.#server?.close();
    for (const connection of this.#connections) connection.drain();
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Breaks off what is still open; returns how many connections that were. */
  destroy(): number {
    const count = this.#connections.size;
    for (const connection of this.#connections) connection.destroy();
    return count;
  }
}
