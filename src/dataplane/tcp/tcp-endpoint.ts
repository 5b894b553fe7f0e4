// One server of a TCP service in one worker: whether it is up, and how many connections it has here.

import type { TcpServerSpec, TcpTransportSpec } from '../../model/tcp.ts';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { UpstreamTls } from '../tls/upstream-tls.ts';
import { AddressOrder } from '../upstream/dial/address-order.ts';
import type { UpstreamSession } from '../upstream/connection-owner.ts';
import type { EndpointTable } from '../upstream/endpoint-table.ts';
import type { FailureTrace, TracedServer } from '../upstream/failure-trace.ts';
import type { Resolver } from '../upstream/name/resolver.ts';

/** What all TCP endpoints of a worker share. */
export interface TcpContext {
  readonly wheel: TimerWheel;
  readonly resolver: Resolver;
  readonly tls: UpstreamTls;
  readonly table: EndpointTable;
  readonly trace: FailureTrace | null;
}

export class TcpEndpoint {
  readonly server: TcpServerSpec;
  readonly transport: TcpTransportSpec;
  readonly context: TcpContext;
  /** Of the service it belongs to. */
  readonly service: string;
  tlsSession: UpstreamSession | null = null;
  readonly addressOrder = new AddressOrder();
  private readonly trace: TracedServer | null;
  private row = -1;
  private connections = 0;

  constructor(service: string, server: TcpServerSpec, transport: TcpTransportSpec, context: TcpContext) {
    this.service = service;
    this.server = server;
    this.transport = transport;
    this.context = context;
    this.trace = context.trace?.server('tcp', service, server.url) ?? null;
    context.resolver.retain(server.host);
  }

  /** Its row of the endpoint table; -1 for none. */
  setRow(row: number): void {
    this.row = row;
    this.show();
  }

  get isUp(): boolean {
    return this.row < 0 || this.context.table.isUp(this.row);
  }

  /** A connection could not be had; `reason` is for people. */
  failed(flag: string, reason: string): void {
    this.trace?.failed(flag, 0, reason);
  }

  opened(): void {
    this.trace?.worked();
    this.connections++;
    this.show();
  }

  closed(): void {
    this.connections--;
    this.show();
  }

  /** No service has it any longer: open connections stay. */
  retire(): void {
    if (this.row >= 0) this.context.table.setInFlight(this.row, 0);
    this.row = -1;
    this.context.resolver.release(this.server.host);
  }

  private show(): void {
    if (this.row >= 0) this.context.table.setInFlight(this.row, this.connections);
  }
}
