// HTTP of one entry point, either plain or over TLS: the two have routers of their own. Everything a request passes
// before its first middleware is here, in order.

import type net from 'node:net';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { removeNominated, setForwardedHeaders } from '../http/forwarded-headers.ts';
import type { Http1DownstreamContext, Http1Socket } from '../downstream/http1-socket.ts';
import type { EntryPointState } from '../downstream/entry-point-state.ts';
import type { DownstreamConnection } from '../downstream/downstream-connection.ts';
import { respondFailure } from '../http/respond.ts';
import { RouteTable } from '../match/route-table.ts';
import type { TlsHosts } from '../tls/tls-hosts.ts';
import { CHALLENGE_PATH, type Challenges } from './challenges.ts';
import type { CompiledRoute } from './compiled-route.ts';

export interface HttpRoutingOptions {
  readonly entryPoint: EntryPointState;
  readonly wheel: TimerWheel;
  readonly challenges: Challenges;
  /** Of the entry point; null for the plain routing. */
  readonly hosts: TlsHosts | null;
  readonly handlerFailed: (exchange: Exchange, error: unknown) => void;
  readonly switchToHttp2: (connection: Http1Socket, socket: net.Socket, chunk: Buffer) => void;
  readonly closed: (connection: DownstreamConnection) => void;
}

/** What a delta does to the routings of entry points. */
export interface HttpRoutingChanges {
  readonly added: readonly HttpRouting[];
  readonly removed: ReadonlySet<HttpRouting>;
  /** Of routings that stay, the specification they are about to have. */
  readonly changed: ReadonlyMap<HttpRouting, EntryPointSpec>;
}

export class HttpRouting implements Http1DownstreamContext {
  readonly entryPoint: EntryPointState;
  readonly wheel: TimerWheel;
  readonly handlerFailed: HttpRoutingOptions['handlerFailed'];
  readonly switchToHttp2: HttpRoutingOptions['switchToHttp2'];
  readonly closed: HttpRoutingOptions['closed'];
  readonly isSecure: boolean;
  /** Changed when a delta comes into effect. */
  routes = new RouteTable<CompiledRoute>();
  readonly #challenges: Challenges;
  readonly #hosts: TlsHosts | null;

  constructor(options: HttpRoutingOptions) {
    this.entryPoint = options.entryPoint;
    this.wheel = options.wheel;
    this.handlerFailed = options.handlerFailed;
    this.switchToHttp2 = options.switchToHttp2;
    this.closed = options.closed;
    this.isSecure = options.hosts !== null;
    this.#challenges = options.challenges;
    this.#hosts = options.hosts;
  }

  get spec(): EntryPointSpec {
    return this.entryPoint.settings.spec;
  }

  handler(exchange: Exchange): void | Promise<void> {
    const { forwardedHeaders, httpChallenges } = this.entryPoint.settings.spec;
    if (exchange.connectionNames !== null) removeNominated(exchange, forwardedHeaders.connection);
    setForwardedHeaders(exchange, forwardedHeaders.addScheme);
    exchange.appendForwardedFor = !forwardedHeaders.notAppendXForwardedFor;
    // Before any router: whoever proves the name may not depend on what is routed.
    if (httpChallenges !== 'none' && exchange.path.startsWith(CHALLENGE_PATH)) {
      if (this.#challenges.answer(exchange, httpChallenges)) return undefined;
    }
    const hosts = this.#hosts;
    if (hosts !== null && !hosts.isEmpty && isMisdirected(exchange, hosts)) {
      respondFailure(exchange, FAILURES.misdirected);
      return undefined;
    }
    const route = this.routes.match(exchange);
    if (route === null) {
      respondFailure(exchange, FAILURES.noRoute);
      return undefined;
    }
    exchange.routerName = route.name;
    exchange.observed = route.observed;
    return route.handler(exchange);
  }
}

/**
 * The handshake was made under the options of another host: what this host asks of its clients has not been asked (RFC
 * 9110 §15.5.20).
 */
function isMisdirected(exchange: Exchange, hosts: TlsHosts): boolean {
  return hosts.optionsOf(exchange.host) !== exchange.client.tls?.options;
}
