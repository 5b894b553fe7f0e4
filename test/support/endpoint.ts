// An endpoint whose dials do what the test says, over sockets without a network.

import type net from 'node:net';
import { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import type { ClientInfo } from '../../src/dataplane/http/client-info.ts';
import type { Exchange } from '../../src/dataplane/http/exchange.ts';
import { FAILURES, type Failure } from '../../src/dataplane/http/failure.ts';
import { Http1ResponseParser } from '../../src/dataplane/http1/response-parser.ts';
import { Reading } from '../../src/dataplane/net/fixed-read.ts';
import { sendFirst } from '../../src/dataplane/upstream/attempts.ts';
import { ConnectionBudget, connectionBudgetBytes } from '../../src/dataplane/upstream/connection-budget.ts';
import type { UpstreamContext } from '../../src/dataplane/upstream/connection-owner.ts';
import type { DialOwner } from '../../src/dataplane/upstream/dial/dial.ts';
import type { Dialing } from '../../src/dataplane/upstream/dials.ts';
import { Endpoint } from '../../src/dataplane/upstream/endpoint.ts';
import { EndpointTable, endpointTableBytes } from '../../src/dataplane/upstream/endpoint-table.ts';
import type { Address } from '../../src/dataplane/upstream/name/address.ts';
import type { Waiter } from '../../src/dataplane/upstream/waiter.ts';
import { DEFAULT_UPSTREAM_TLS, type ServerSpec, type UpstreamTransportSpec } from '../../src/model/service.ts';
import { CLIENT } from './downstream.ts';
import { exchangeFor } from './upstream.ts';

const TRANSPORT: UpstreamTransportSpec = {
  dialTimeoutMs: 10_000, responseHeaderTimeoutMs: 0, idleConnTimeoutMs: 90_000, readIdleTimeoutMs: 0, pingTimeoutMs: 0,
  writeIdleTimeoutMs: 0, maxIdleConnsPerHost: 1, maxConnsPerHost: 0, maxPendingRequests: 2, maxResponseHeaderBytes: 4096,
  maxResponseHeaderCount: 20, isHttp2: true, tls: DEFAULT_UPSTREAM_TLS,
}; // prettier-ignore
export const ADDRESS: Address = { host: '10.0.0.1', family: 4 };
/** Name of the endpoint, and of its limit. */
export const ENDPOINT_KEY = 'key';

export class MemorySocket extends Duplex {
  written = '';
  override _read(): void {}
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.written += chunk.toString('latin1');
    done();
  }
  destroySoon(): void {
    this.destroy();
  }
  setNoDelay(): void {}
}

/** A dial as the test leads it. */
export class FakeDial implements Dialing {
  readonly waiters: Waiter[] = [];
  isStarved = false;
  isOver = false;
  /** Null until it has begun. */
  addresses: readonly Address[] | null = null;
  readonly owner: DialOwner;
  readonly mayBeShared: boolean;

  constructor(owner: DialOwner, mayBeShared: boolean) {
    this.owner = owner;
    this.mayBeShared = mayBeShared;
  }

  start(addresses: readonly Address[]): void {
    this.addresses = addresses;
  }
  settle(): Waiter[] {
    this.isOver = true;
    return this.waiters.splice(0);
  }
  fail(failure: Failure, reason = ''): void {
    this.isOver = true;
    this.owner.dialFailed(this as never, failure, reason); // The owner knows it as any dial.
  }
  forget(waiter: Waiter): void {
    this.waiters.splice(this.waiters.indexOf(waiter), 1);
    if (this.waiters.length === 0 && !this.mayBeShared) this.fail(FAILURES.connectFailed);
  }
  connect(isHttp2 = false): MemorySocket {
    const socket = new MemorySocket();
    // The connection uses the part of a socket that it has.
    this.owner.connected(this as never, socket as unknown as net.Socket, new Reading(), isHttp2, ADDRESS);
    return socket;
  }
}

export interface EndpointLab {
  readonly clock: ManualClock;
  readonly wheel: TimerWheel;
  readonly table: EndpointTable;
  /** The limit as another worker sees it. */
  readonly otherBudget: ConnectionBudget;
  readonly context: UpstreamContext;
  /** In the order in which they were begun. */
  readonly dials: FakeDial[];
  /** Requests that are over, as `name status`, or the flag of what failed. */
  readonly ended: string[];
  readonly make: (transport?: Partial<UpstreamTransportSpec>, scheme?: ServerSpec['scheme'], host?: string) => Endpoint;
  readonly send: (endpoint: Endpoint, name: string, prepare?: (exchange: Exchange) => unknown) => Exchange;
  /** What the server says arrives in a later turn. */
  readonly says: (socket: MemorySocket, ...pieces: readonly (Buffer | string)[]) => Promise<void>;
}

export function endpointLab(context: Partial<UpstreamContext> = {}): EndpointLab {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  onTestFinished(() => wheel.stop());
  const table = new EndpointTable(new SharedArrayBuffer(endpointTableBytes(1)), 0, 1);
  const limits = new SharedArrayBuffer(connectionBudgetBytes(2));
  const dials: FakeDial[] = [];
  const ended: string[] = [];
  const whole = {
    wheel,
    table,
    parser: new Http1ResponseParser(),
    workerSlots: 1,
    keepOriginHeaders: false,
    trace: null,
    resting: new Set(),
    budget: new ConnectionBudget(limits, 0, 2),
    ejected: () => {},
    resolver: { retain: () => {}, release: () => {}, addresses: () => [ADDRESS] },
    ...context,
  } as unknown as UpstreamContext; // The part that is used.
  return {
    clock,
    wheel,
    table,
    otherBudget: new ConnectionBudget(limits, 1, 2),
    context: whole,
    dials,
    ended,
    make(transport = {}, scheme = 'http', host = '10.0.0.1') {
      const server = {
        url: `${scheme}://${host}:80`,
        scheme,
        host,
        port: 80,
        path: '',
        preservePath: false,
        weight: 1,
      };
      const endpoint = new Endpoint(
        ENDPOINT_KEY,
        server,
        { ...TRANSPORT, ...transport },
        whole,
        (owner, mayBeShared) => {
          const dial = new FakeDial(owner, mayBeShared);
          dials.push(dial);
          return dial;
        },
      );
      endpoint.configure({ row: 0, passive: null, ejected: () => {}, trace: null });
      return endpoint;
    },
    send(endpoint, name, prepare = () => {}) {
      const { exchange, client } = exchangeFor();
      exchange.path = exchange.forwardPath = `/${name}`;
      client.end = () => {
        exchange.isFinished = true;
        ended.push(`${name} ${exchange.failure?.flag ?? exchange.status}`);
      };
      prepare(exchange);
      sendFirst(exchange, { sendAttempt: (one) => endpoint.send(one) });
      return exchange;
    },
    async says(socket, ...pieces) {
      socket.push(
        Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece))),
      );
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** A client of its own, as bonds are the client's. */
export function anotherClient(): ClientInfo {
  return { ...CLIENT };
}
