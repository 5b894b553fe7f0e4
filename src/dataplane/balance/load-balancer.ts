// A loadBalancer service in one worker: the endpoints of its servers and the picker over those that are up. It lives as
// long as the service's name; a changed specification keeps the endpoints of unchanged servers, with their connections.

import { transportTo, type EndpointPatch, type HttpEndpointSpec } from '../../model/endpoint-set.ts';
import type { RowsByKey } from '../../model/message/sync.ts';
import type { LoadBalancerSpec } from '../../model/service.ts';
import { Deadline } from '../../core/timer-wheel.ts';
import type { ClientBonds } from '../http/client-bonds.ts';
import type { AttemptSender, Exchange } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { sendFirst } from '../upstream/attempts.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';
import type { GivenEndpoints } from '../live/endpoint-sets.ts';
import { Endpoint } from '../upstream/endpoint.ts';
import type { TracedServer } from '../upstream/failure-trace.ts';
import type { Candidate, Picker } from './define.ts';
import { BALANCERS } from './registry.ts';
import { SlowStart, STEPS } from './slow-start.ts';
import { StickyCookie } from './sticky-cookie.ts';

interface Member {
  readonly endpoint: Endpoint;
  readonly spec: HttpEndpointSpec;
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
  /** By key. */
  private members = new Map<string, Member>();
  /** Those of the members. */
  private readonly endpoints = new Set<Endpoint>();
  /** The transport as text: connections are kept while it does not change. */
  private transport = '';
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

  /** Takes over the specification: from the next request on. */
  update(spec: LoadBalancerSpec, { endpoints, rows }: GivenEndpoints<HttpEndpointSpec>): void {
    const previous = this.spec;
    const before = this.members;
    const transport = JSON.stringify(spec.transport);
    // Connections of another kind are not kept.
    const isSameTransport = transport === this.transport;
    if (previous?.slowStartMs !== spec.slowStartMs) this.slowStart = new SlowStart(spec.slowStartMs);
    if (previous?.strategy !== spec.strategy) this.picker = null;
    this.spec = spec;
    this.transport = transport;
    this.members = new Map();
    for (const one of endpoints) {
      const known = isSameTransport ? before.get(one.key) : undefined;
      // The first servers of a service have nobody to learn from: they take everything at once.
      this.members.set(one.key, this.take(spec, one, rows[one.key] ?? -1, known, previous === null));
    }
    const kept = new Set([...this.members.values()].map(({ endpoint }) => endpoint));
    this.rebuild();
    for (const { endpoint } of before.values()) if (!kept.has(endpoint)) this.drop(endpoint);
    this.makeSticky();
  }

  /** Some of its endpoints come, go or change; `rows` are those of the changed ones. */
  patch({ changed, removed }: EndpointPatch<HttpEndpointSpec>, rows: RowsByKey): void {
    const { spec } = this;
    if (spec === null) return;
    const gone: Member[] = [];
    for (const key of removed) {
      const member = this.members.get(key);
      if (member === undefined) continue;
      this.members.delete(key);
      gone.push(member);
    }
    for (const one of changed) {
      const known = this.members.get(one.key);
      const member = this.take(spec, one, rows[one.key] ?? -1, known, false);
      this.members.set(one.key, member);
      if (known !== undefined && known.endpoint !== member.endpoint) gone.push(known);
    }
    this.rebuild();
    for (const { endpoint } of gone) this.drop(endpoint);
    if (this.sticky !== null) this.makeSticky();
  }

  /** Keeps the connections of `known` when it is the same server. */
  private take(
    spec: LoadBalancerSpec,
    one: HttpEndpointSpec,
    row: number,
    known: Member | undefined,
    isFirst: boolean,
  ): Member {
    const isKept = known !== undefined && isSameServer(known.spec, one);
    const endpoint = isKept
      ? known.endpoint
      : new Endpoint(
          `${spec.name}|${one.url} ${one.preservePath} ${one.key}|${this.transport}`,
          one,
          transportTo(one, spec.transport),
          this.context,
        );
    endpoint.configure({
      row,
      passive: spec.passiveHealthCheck,
      ejected: () => this.context.ejected(spec.name, one.key),
      trace: this.context.trace?.server('http', spec.name, one.url) ?? null,
    });
    this.endpoints.add(endpoint);
    if (!isKept && !isFirst) this.slowStart.begin(one.key, this.now);
    return { endpoint, spec: one, isUp: isKept ? known.isUp : endpoint.isUp };
  }

  private drop(endpoint: Endpoint): void {
    this.endpoints.delete(endpoint);
    endpoint.retire();
  }

  private makeSticky(): void {
    const { name, sticky = null } = this.spec ?? {};
    if (name === undefined || sticky === null) {
      this.sticky = null;
      return;
    }
    const targets = [...this.members.values()].map(({ endpoint, spec: { url } }) => ({
      target: endpoint,
      key: url,
      plainKey: url,
    }));
    this.sticky = new StickyCookie(sticky, this.secret, name, targets, this.sticky);
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

  /** Servers that are written stay where they are: what becomes of a failure there is for whoever has written them. */
  hasAnother({ attempt }: Exchange): boolean {
    let isDiscovered = false;
    let isOther = false;
    for (const { endpoint, spec } of this.members.values()) {
      if (endpoint === attempt.target) isDiscovered = spec.sourceId !== '';
      else isOther ||= endpoint.isUp && spec.weight > 0 && attempt.excluded?.has(endpoint) !== true;
    }
    return isDiscovered && isOther;
  }

  /** That checks have found its servers down, the log says already. */
  private refuse(exchange: Exchange): void {
    const isDown = [...this.members.values()].some(({ spec }) => spec.weight > 0);
    const failure = isDown ? FAILURES.noHealthyServer : FAILURES.noServer;
    if (!isDown) {
      const reason = this.members.size === 0 ? 'the service has no servers' : 'all its servers have the weight 0';
      this.trace?.failed(failure.flag, failure.status, reason);
    }
    respondFailure(exchange, failure);
  }

  /** The server that has authenticated the client's connection, which is somebody there alone; null for none. */
  private boundTo(bonds: ClientBonds): Endpoint | null {
    return bonds.find((server) =>
      server instanceof Endpoint && this.endpoints.has(server) && server.isUp ? server : null,
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
      // The table knows before the message comes that makes a new picker, and a client must not be tied to what is
      // down.
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
    const ready: Candidate<Endpoint>[] = [];
    const leaving: Candidate<Endpoint>[] = [];
    for (const member of this.members.values()) {
      const { endpoint } = member;
      const { key, url, weight, state } = member.spec;
      if (endpoint.isUp && !member.isUp) slowStart.begin(key, now);
      member.isUp = endpoint.isUp;
      if (!member.isUp) {
        slowStart.forget(key);
        continue;
      }
      if (weight === 0) continue;
      const candidate = { target: endpoint, weight: weight * slowStart.share(key, now), key: url };
      (state === 'draining' ? leaving : ready).push(candidate);
    }
    this.isUp = ready.length > 0;
    // Those that are about to go still answer: better than nobody, where there is no other.
    const candidates = this.isUp ? ready : leaving;
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
    for (const endpoint of this.endpoints) endpoint.retire();
    this.endpoints.clear();
    this.members = new Map();
    this.picker = null;
    this.spec = null;
  }
}

/** Everything else is the picker's affair: changing it keeps the connections. */
function isSameServer(a: HttpEndpointSpec, b: HttpEndpointSpec): boolean {
  return (
    a.url === b.url &&
    a.preservePath === b.preservePath &&
    a.identity?.value === b.identity?.value &&
    a.identity?.type === b.identity?.type
  );
}
