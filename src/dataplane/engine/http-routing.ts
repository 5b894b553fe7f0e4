// HTTP of one entry point, either plain or over TLS: the two have routers of their own. Everything a request passes before
// its first middleware is here, in order.

import type net from 'node:net';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { Exchange, ExchangeObserver, Handler } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { removeNominated, setForwardedHeaders } from '../http/forwarded-headers.ts';
import type { Http1Connection, Http1DownstreamContext } from '../downstream/http1-connection.ts';
import type { Http1RequestParser } from '../http1/request-parser.ts';
import type { Http2DownstreamContext } from '../downstream/http2-connection.ts';
import type { Http2RequestReader } from '../http2/request-reader.ts';
import type { DownstreamConnection } from '../downstream/downstream-connection.ts';
import { respondFailure } from '../http/respond.ts';
import { RouteTable } from '../match/route-table.ts';
import type { TlsHosts } from '../tls/tls-hosts.ts';
import { CHALLENGE_PATH, type Challenges } from './challenges.ts';
import type { CompiledRoute } from './compiled-route.ts';

/** The entry point as its routings see it. */
export interface HttpRoutingOwner {
  readonly spec: EntryPointSpec;
  readonly wheel: TimerWheel;
  readonly parser: Http1RequestParser;
  readonly requestReader: Http2RequestReader;
  readonly observer: ExchangeObserver;
  readonly handlerFailed: (exchange: Exchange, error: unknown) => void;
  readonly isDraining: boolean;
  readonly patienceMs: number;
  readonly challenges: Challenges;
  switchToHttp2(routing: HttpRouting, connection: Http1Connection, socket: net.Socket, chunk: Buffer): void;
  closed(connection: DownstreamConnection): void;
}

/** What a delta does to the routings of entry points. */
export interface HttpRoutingChanges {
  readonly added: readonly HttpRouting[];
  readonly removed: ReadonlySet<HttpRouting>;
  /** Of routings that stay, the specification they are about to have. */
  readonly changed: ReadonlyMap<HttpRouting, EntryPointSpec>;
}

export class HttpRouting implements Http1DownstreamContext, Http2DownstreamContext {
  spec: EntryPointSpec;
  readonly wheel: TimerWheel;
  parser: Http1RequestParser;
  requestReader: Http2RequestReader;
  observer: ExchangeObserver;
  handler: Handler;
  readonly handlerFailed: (exchange: Exchange, error: unknown) => void;
  readonly isSecure: boolean;
  /** Swapped when a generation is ready. */
  routes = new RouteTable<CompiledRoute>();
  readonly #owner: HttpRoutingOwner;
  readonly #hosts: TlsHosts | null;

  /** `hosts` are those of the entry point; null for the plain routing. */
  constructor(owner: HttpRoutingOwner, hosts: TlsHosts | null) {
    this.#owner = owner;
    this.spec = owner.spec;
    this.wheel = owner.wheel;
    this.parser = owner.parser;
    this.requestReader = owner.requestReader;
    this.observer = owner.observer;
    this.handlerFailed = owner.handlerFailed;
    this.isSecure = hosts !== null;
    this.#hosts = hosts;
    this.handler = this.#createHandler();
  }

  /** The entry point has other options. */
  update(): void {
    const { spec, parser, requestReader, observer } = this.#owner;
    this.spec = spec;
    this.parser = parser;
    this.requestReader = requestReader;
    this.observer = observer;
    this.handler = this.#createHandler();
  }

  #createHandler(): Handler {
    const hosts = this.#hosts;
    const append = !this.spec.forwardedHeaders.notAppendXForwardedFor;
    const kept = this.spec.forwardedHeaders.connection;
    const addScheme = this.spec.forwardedHeaders.addScheme;
    const { httpChallenges } = this.spec;
    const { challenges } = this.#owner;
    // A field rather than a method: the connection calls it per request without a receiver look-up.
    return (exchange) => {
      if (exchange.connectionNames !== null) removeNominated(exchange, kept);
      setForwardedHeaders(exchange, addScheme);
      exchange.appendForwardedFor = append;
      if (httpChallenges !== 'none' && exchange.path.startsWith(CHALLENGE_PATH)) {
        if (challenges.answer(exchange, httpChallenges)) return;
      }
      if (hosts !== null && !hosts.isEmpty && isMisdirected(exchange, hosts)) {
        respondFailure(exchange, FAILURES.misdirected);
        return;
      }
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

  get isDraining(): boolean {
    return this.#owner.isDraining;
  }

  get patienceMs(): number {
    return this.#owner.patienceMs;
  }

  switchToHttp2(connection: Http1Connection, socket: net.Socket, chunk: Buffer): void {
    this.#owner.switchToHttp2(this, connection, socket, chunk);
  }

  closed(connection: DownstreamConnection): void {
    this.#owner.closed(connection);
  }
}

/**
 * The handshake was made under the options of another host: what this host asks of its clients has not been asked (RFC 9110
 * §15.5.20).
 */
function isMisdirected(exchange: Exchange, hosts: TlsHosts): boolean {
  return hosts.optionsOf(exchange.host) !== exchange.client.tls?.options;
}
