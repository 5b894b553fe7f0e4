// A connection that another proxy passes on, until its PROXY protocol header has said for whom. Only peers that may
// speak for others get here; the header is taken away, and whoever comes next sees the client's bytes alone.

import type net from 'node:net';
import { FirstBytes, type FirstBytesReader } from '../net/first-bytes.ts';
import {
  parseProxyHeader,
  PROXY_MALFORMED,
  PROXY_NONE,
  PROXY_PARTIAL,
  type ProxyHeaderResult,
} from '../net/proxy-protocol.ts';
import type { Admitted, ArrivalContext, Arriving } from './arrival-outcome.ts';

export class ProxiedArrival implements Arriving, FirstBytesReader {
  /** With the peer's own address. */
  readonly admitted: Admitted;
  private readonly context: ArrivalContext;
  private readonly first: FirstBytes;
  private header: ProxyHeaderResult | null = null;

  constructor(context: ArrivalContext, socket: net.Socket, admitted: Admitted) {
    this.context = context;
    this.admitted = admitted;
    this.first = new FirstBytes(socket, context.wheel, context.entryPoint.settings.spec.timeouts.headerMs, this);
  }

  isEnough(bytes: Buffer): boolean {
    this.header = parseProxyHeader(bytes);
    return this.header !== PROXY_PARTIAL;
  }

  take(_bytes: Buffer, socket: net.Socket): void {
    const { header, context } = this;
    const isRequired = context.entryPoint.settings.spec.proxyProtocol?.required === true;
    if (header === PROXY_MALFORMED || (header === PROXY_NONE && isRequired)) {
      socket.on('error', ignore);
      socket.once('close', () => this.failed(header === PROXY_NONE ? 'missing' : 'malformed'));
      socket.destroy();
      return;
    }
    const isHeader = header !== null && typeof header !== 'string';
    if (isHeader) socket.read(header.length);
    context.settled(this, { kind: 'proxied', socket, addresses: isHeader ? header.addresses : null });
  }

  /** When nothing has come, it was a probe of the port. */
  gone(): void {
    this.failed(this.header === null ? '' : 'cut_off');
  }

  private failed(reason: string): void {
    this.context.settled(this, { kind: 'gone', during: 'proxyHeader', reason });
  }

  drain(): void {
    if (this.context.entryPoint.patienceMs === 0) this.destroy();
  }

  destroy(): void {
    this.first.destroy();
  }
}

function ignore(): void {}
