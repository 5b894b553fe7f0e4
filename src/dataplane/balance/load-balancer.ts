// A loadBalancer service in one worker: the endpoints of its servers and the picker over those that are up. It lives as
// long as the service's name; a changed specification keeps the endpoints of unchanged servers, with their connections.

import type { LoadBalancerSpec, ServerSpec } from '../../model/service.ts';
import { Deadline } from '../../core/timer-wheel.ts';
import type { ClientBonds } from '../http/client-bonds.ts';
import type { AttemptSender, Exchange } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { sendFirst } from '../upstream/attempts.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';
import { Endpoint } from '../upstream/endpoint.ts';
import type { TracedServer } from '../upstream/failure-trace.ts';
import type { Candidate, Picker } from './define.ts';
import { BALANCERS } from './registry.ts';
import { SlowStart, STEPS } from './slow-start.ts';
import { StickyCookie } from './sticky-cookie.ts';

interface Member {
  readonly endpoint: Endpoint;
  readonly weight: number;
  /** As of the last look. */
  isUp: boolean;
}

export class LoadBalancer implements AttemptSender {
  readonly name: string;
  /** New clients can be served. */
  isUp = true;
  private readonly context: UpstreamContext;
  private readonly secret: Uint8Array;
  private spec: LoadBalancerSpec | null = null;
  /** By what makes a server the same one: connections are kept while it does not change. */
  private endpoints = new Map<string, Endpoint>();
  private members: readonly Member[] = [];
  private picker: Picker<Endpoint> | null = null;
  private sticky: StickyCookie<Endpoint> | null = null;
  private slowStart = new SlowStart(0);
  private readonly nextStep: Deadline;
  /** For requests that find no server to ask; null where nobody wants to know. */
  private readonly trace: TracedServer | null;

  constructor(name: string, context: UpstreamContext, secret: Uint8Array) {
    this.name = name;
    this.context = context;
    this.secret = secret;
    this.trace = context.trace?.server('http', name, '') ?? null;
    this.nextStep = new Deadline(() => this.rebuild());
  }

  /** Takes over the specification: from the next request on. `rows` are the servers' in the endpoint table. */
  update(spec: LoadBalancerSpec, rows: readonly number[]): void {
    const previous = this.spec;
    const before = new Map(this.members.map((member) => [member.endpoint, member]));
    const connections = this.endpoints;
    const transport = JSON.stringify(spec.transport);
    const endpoints = new Map<string, Endpoint>();
    const members: Member[] = [];
    if (previous?.slowStartMs !== spec.slowStartMs) this.slowStart = new SlowStart(spec.slowStartMs);
    for (const [index, server] of spec.servers.entries()) {
      const key = `${spec.name}|${serverKey(server)}|${transport}`;
      if (endpoints.has(key)) {
        // Named twice: once, with both shares.
        const twin = members.findIndex(({ endpoint }) => endpoint === endpoints.get(key));
        members[twin] = { ...members[twin]!, weight: members[twin]!.weight + server.weight };
        continue;
      }
      const endpoint = connections.get(key) ?? new Endpoint(key, server, spec.transport, this.context);
      endpoint.configure({
        row: rows[index] ?? -1,
        passive: spec.passiveHealthCheck,
        ejected: () => this.context.ejected(spec.name, server.url),
        trace: this.context.trace?.server('http', spec.name, server.url) ?? null,
      });
      endpoints.set(key, endpoint);
      const isUp = endpoint.isUp;
      // The first servers of a service have nobody to learn from: they take everything at once.
      if (!before.has(endpoint) && previous !== null) this.slowStart.begin(endpoint.server.url, this.now);
      members.push({ endpoint, weight: server.weight, isUp: before.get(endpoint)?.isUp ?? isUp });
    }
    this.spec = spec;
    this.endpoints = endpoints;
    this.members = members;
    if (previous?.strategy !== spec.strategy) this.picker = null;
    this.sticky =
      spec.sticky === null
        ? null
        : new StickyCookie(
            spec.sticky,
            this.secret,
            spec.name,
            members.map(({ endpoint }) => ({
              target: endpoint,
              key: endpoint.server.url,
              plainKey: endpoint.server.url,
            })),
            this.sticky,
          );
    this.rebuild();
    for (const [key, endpoint] of connections) if (!endpoints.has(key)) endpoint.retire();
  }

  /** Health of a server may have changed. */
  refresh(): void {
    this.rebuild();
  }

  handle(exchange: Exchange): void {
    exchange.serviceName = this.name;
    sendFirst(exchange, this);
  }

  sendAttempt(exchange: Exchange): void {
    const { attempt } = exchange;
    // Who has failed is asked again before nobody is.
    const endpoint = this.choose(exchange, attempt.excluded) ?? (attempt.excluded && this.choose(exchange, null));
    attempt.target = endpoint;
    if (endpoint === null) {
      this.refuse(exchange);
      return;
    }
    this.trace?.worked();
    const { passHostHeader } = this.spec!;
    exchange.upstreamHost = passHostHeader && exchange.authority !== '' ? exchange.authority : endpoint.address;
    endpoint.send(exchange);
  }

  /** That checks have found its servers down, the log says already. */
  private refuse(exchange: Exchange): void {
    const isDown = this.members.some(({ weight }) => weight > 0);
    const failure = isDown ? FAILURES.noHealthyServer : FAILURES.noServer;
    if (!isDown) {
      const reason = this.members.length === 0 ? 'the service has no servers' : 'all its servers have the weight 0';
      this.trace?.failed(failure.flag, failure.status, reason);
    }
    respondFailure(exchange, failure);
  }

  /** The server that has authenticated the client's connection, which is somebody there alone; null for none. */
  private boundTo(bonds: ClientBonds): Endpoint | null {
    return bonds.find((server) =>
      server instanceof Endpoint && this.endpoints.get(server.key) === server && server.isUp ? server : null,
    );
  }

  isBound(bonds: ClientBonds): boolean {
    return this.boundTo(bonds) !== null;
  }

  private choose(exchange: Exchange, excluded: ReadonlySet<unknown> | null): Endpoint | null {
    const { sticky } = this;
    const { bonds } = exchange.client;
    const bound = bonds === null ? null : this.boundTo(bonds);
    if (bound !== null) return bound;
    if (sticky === null) return this.picker?.pick(exchange, excluded) ?? null;
    const known = sticky.find(exchange);
    if (known !== null && known.isUp && excluded?.has(known) !== true) return known;
    let picked = this.picker?.pick(exchange, excluded) ?? null;
    if (picked !== null && !picked.isUp) {
      // The table knows before the message comes that makes a new picker, and a client must not be tied to what is down.
      this.rebuild();
      picked = this.picker?.pick(exchange, excluded) ?? null;
    }
    if (picked !== null) sticky.assign(exchange, picked);
    return picked;
  }

  /** A picker over what is up now. */
  private rebuild(): void {
    const spec = this.spec;
    if (spec === null) return;
    const { slowStart, now } = this;
    const candidates: Candidate<Endpoint>[] = [];
    for (const member of this.members) {
      const { endpoint, weight } = member;
      const { url } = endpoint.server;
      if (endpoint.isUp && !member.isUp) slowStart.begin(url, now);
      member.isUp = endpoint.isUp;
      if (!member.isUp) {
        slowStart.forget(url);
        continue;
      }
      if (weight > 0) candidates.push({ target: endpoint, weight: weight * slowStart.share(url, now), key: url });
    }
    this.isUp = candidates.length > 0;
    this.picker = BALANCERS[spec.strategy].create(
      // Nobody is on the way: the weights as they were given.
      slowStart.stepMs === null ? candidates.map((one) => ({ ...one, weight: one.weight / STEPS })) : candidates,
      this.picker,
    );
    const { stepMs } = slowStart;
    if (stepMs === null) this.context.wheel.remove(this.nextStep);
    else this.context.wheel.arm(this.nextStep, stepMs);
  }

  private get now(): number {
    return performance.now();
  }

  /** The service is gone: busy connections finish their response. */
  retire(): void {
    this.context.wheel.remove(this.nextStep);
    for (const endpoint of this.endpoints.values()) endpoint.retire();
    this.endpoints.clear();
    this.members = [];
    this.picker = null;
    this.spec = null;
  }
}

/** Weight is the picker's affair: changing it keeps the connections. */
function serverKey(server: ServerSpec): string {
  return `${server.url} ${server.preservePath}`;
}
