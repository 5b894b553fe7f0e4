// The TCP service with servers of its own: round robin over those that are up.

import { transportTo, type EndpointPatch, type TcpEndpointSpec } from '../../model/endpoint-set.ts';
import type { RowsByKey } from '../../model/message/sync.ts';
import type { TcpLoadBalancerSpec } from '../../model/tcp.ts';
import type { Layer4Kind } from '../balance/layer4/service-kind.ts';
import { createWrr, type TurnPicker } from '../balance/wrr.ts';
import type { GivenEndpoints } from '../live/endpoint-sets.ts';
import { TcpEndpoint, type TcpContext } from './tcp-endpoint.ts';

interface Member {
  readonly endpoint: TcpEndpoint;
  readonly spec: TcpEndpointSpec;
}

function isSameServer(a: TcpEndpointSpec, b: TcpEndpointSpec): boolean {
  return (
    a.url === b.url &&
    a.isSecure === b.isSecure &&
    a.identity?.value === b.identity?.value &&
    a.identity?.type === b.identity?.type
  );
}

export class TcpLoadBalancer implements Layer4Kind<TcpLoadBalancerSpec, TcpEndpoint, TcpEndpointSpec> {
  isUp = false;
  private readonly context: TcpContext;
  private spec: TcpLoadBalancerSpec | null = null;
  /** The transport as text. */
  private transport = '';
  /** By key. */
  private members = new Map<string, Member>();
  private picker: TurnPicker<TcpEndpoint> | null = null;

  constructor(context: TcpContext) {
    this.context = context;
  }

  get hasServers(): boolean {
    return this.members.size > 0;
  }

  update(spec: TcpLoadBalancerSpec, { endpoints, rows }: GivenEndpoints<TcpEndpointSpec>): void {
    const before = this.members;
    const transport = JSON.stringify(spec.transport);
    const isSameTransport = transport === this.transport;
    this.spec = spec;
    this.transport = transport;
    this.members = new Map();
    for (const one of endpoints) {
      const known = isSameTransport ? before.get(one.key) : undefined;
      this.members.set(one.key, this.take(spec, one, rows[one.key] ?? -1, known));
    }
    for (const [key, { endpoint }] of before) if (this.members.get(key)?.endpoint !== endpoint) endpoint.retire();
    this.refresh();
  }

  patch({ changed, removed }: EndpointPatch<TcpEndpointSpec>, rows: RowsByKey): void {
    const { spec } = this;
    if (spec === null) return;
    for (const key of removed) {
      this.members.get(key)?.endpoint.retire();
      this.members.delete(key);
    }
    for (const one of changed) {
      const known = this.members.get(one.key);
      const member = this.take(spec, one, rows[one.key] ?? -1, known);
      this.members.set(one.key, member);
      if (known !== undefined && known.endpoint !== member.endpoint) known.endpoint.retire();
    }
    this.refresh();
  }

  private take(
    { name, transport }: TcpLoadBalancerSpec,
    one: TcpEndpointSpec,
    row: number,
    known: Member | undefined,
  ): Member {
    const endpoint =
      known !== undefined && isSameServer(known.spec, one)
        ? known.endpoint
        : new TcpEndpoint(name, one, transportTo(one, transport), this.context);
    endpoint.setRow(row);
    return { endpoint, spec: one };
  }

  pick(): TcpEndpoint | null {
    const picked = this.picker?.pick() ?? null;
    if (picked === null || picked.isUp) return picked;
    // The table knows before the message comes that makes a new picker.
    this.refresh();
    return this.picker?.pick() ?? null;
  }

  refresh(): void {
    const up = [...this.members.values()].filter(({ endpoint }) => endpoint.isUp);
    const ready = up.filter(({ spec }) => spec.state === 'ready');
    this.isUp = ready.length > 0;
    this.picker = createWrr(
      // Those that are about to go still answer: better than nobody.
      (this.isUp ? ready : up).map(({ endpoint, spec }) => ({ target: endpoint, weight: 1, key: spec.url })),
      this.picker,
    );
  }

  retire(): void {
    for (const { endpoint } of this.members.values()) endpoint.retire();
    this.members.clear();
    this.picker = null;
  }
}
