// What is counted and shown of one server in one worker: requests in progress, how long answers take, failures, and by
// the row that all threads share, whether it is up.

import { performance } from 'node:perf_hooks';
import type { PassiveHealthCheckSpec } from '../../model/service.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Failure } from '../http/failure.ts';
import type { UpstreamPeer } from './connection-owner.ts';
import { failureReason } from './failure-reason.ts';
import type { TracedServer } from './failure-trace.ts';

/** What the service it belongs to wants of it; changes while connections stay. */
export interface EndpointSettings {
  /** Its row of the endpoint table; -1 for none. */
  readonly row: number;
  readonly passive: PassiveHealthCheckSpec | null;
  /** Called once per ejection by failed requests. */
  readonly ejected: () => void;
  /** Where its failures are told of; null for nowhere. */
  readonly trace: TracedServer | null;
}

/** Response times count the last this many answers. */
const MEAN_OF = 100;
/** A mean without a fresh answer for this long says nothing any more. */
const MEAN_LASTS_MS = 10_000;

const UNKNOWN: EndpointSettings = { row: -1, passive: null, ejected: () => {}, trace: null };

export class EndpointStatistics {
  /** Requests in progress in this worker. */
  inFlight = 0;
  private readonly peer: UpstreamPeer;
  /** For messages. */
  private readonly address: string;
  private settings = UNKNOWN;
  private row = -1;
  private http1Connections = 0;
  private http2Connections = 0;
  private meanMs = 0;
  private meanCount = 0;
  private meanAtMs = 0;

  constructor(peer: UpstreamPeer, address: string) {
    this.peer = peer;
    this.address = address;
  }

  configure(settings: EndpointSettings): void {
    this.settings = settings;
    this.row = settings.row;
    this.showInFlight();
    this.showConnections();
  }

  /** Neither checks nor requests have found it down. */
  get isUp(): boolean {
    return this.row < 0 || this.peer.context.table.isUp(this.row);
  }

  /** Requests in progress, in all workers where the server has a row. */
  get load(): number {
    return this.row < 0 ? this.inFlight : this.peer.context.table.inFlight(this.row);
  }

  /** Mean time to the response head in this worker; 0 when it is not known, or not recent. */
  get responseMs(): number {
    return this.meanCount === 0 || this.peer.context.wheel.nowMs - this.meanAtMs > MEAN_LASTS_MS ? 0 : this.meanMs;
  }

  /** One more request is in progress. */
  begin(): void {
    this.inFlight++;
    this.showInFlight();
  }

  finish(): void {
    this.inFlight--;
    this.showInFlight();
  }

  private showInFlight(): void {
    if (this.row >= 0) this.peer.context.table.setInFlight(this.row, this.inFlight);
  }

  /** So many connections of HTTP/1.1 are open, */
  http1Open(connections: number): void {
    this.http1Connections = connections;
    this.showConnections();
  }

  /** and so many of HTTP/2. */
  http2Open(connections: number): void {
    this.http2Connections = connections;
    this.showConnections();
  }

  private showConnections(): void {
    if (this.row >= 0) this.peer.context.table.setConnections(this.row, this.http1Connections, this.http2Connections);
  }

  /** The head of a response has come. */
  answered(exchange: Exchange): void {
    exchange.answered();
    this.measure(performance.now() - exchange.originStartMs);
    const { trace, passive } = this.settings;
    trace?.worked();
    if (passive !== null && exchange.status >= 500) this.countFailure();
  }

  /** An attempt has failed. `reason` is what the system said, '' for nothing. */
  brokeOff(failure: Failure, reason: string): void {
    if (failure.side !== 'upstream') return;
    this.countFailure();
    this.tell(failure, reason);
  }

  /** Of failures that do not count against the server as well. */
  tell(failure: Failure, reason: string): void {
    const { address } = this;
    const { trace } = this.settings;
    if (trace === null) return;
    const told = reason === '' ? failureReason(failure, address, this.peer.transport) : reason;
    trace.failed(failure.flag, failure.status, told);
  }

  /** The mean of the first answers, then one in which each further answer counts a hundredth. */
  private measure(ms: number): void {
    const { wheel, table } = this.peer.context;
    if (wheel.nowMs - this.meanAtMs > MEAN_LASTS_MS) this.meanCount = 0;
    this.meanCount = Math.min(MEAN_OF, this.meanCount + 1);
    // Never 0, which means unknown.
    this.meanMs = Math.max(0.001, this.meanCount === 1 ? ms : this.meanMs + (ms - this.meanMs) / this.meanCount);
    this.meanAtMs = wheel.nowMs;
    if (this.row >= 0) table.setResponseMs(this.row, this.meanMs);
  }

  private countFailure(): void {
    const { passive, ejected } = this.settings;
    if (passive === null || this.row < 0) return;
    const { failureWindowMs, maxFailedAttempts } = passive;
    if (this.peer.context.table.countFailure(this.row, failureWindowMs, maxFailedAttempts)) ejected();
  }

  /** The row may be another server's soon; what is still in progress is counted here alone. */
  retire(): void {
    if (this.row < 0) return;
    const { table } = this.peer.context;
    table.setInFlight(this.row, 0);
    table.setResponseMs(this.row, 0);
    table.setConnections(this.row, 0, 0);
    this.row = -1;
  }
}
