// The TCP routers of one entry point, for connections with TLS and without.

import type { TcpRouteTls } from '../../model/tcp.ts';
import { TcpRouteTable } from '../match/tcp-route-table.ts';
import type { TcpConnectionInfo } from '../match/tcp-matcher.ts';
import type { HostCoverage } from '../match/route-table.ts';
import type { TcpGate } from './tcp-gate.ts';
import type { TcpObservation } from './tcp-observation.ts';
import type { TcpService } from './tcp-service.ts';

/** A router, compiled. */
export interface TcpRoute {
  readonly name: string;
  /** Null for a router that is disabled: its connections are closed. */
  readonly service: TcpService | null;
  readonly gates: readonly TcpGate[];
  readonly tls: TcpRouteTls | null;
  /** Its rule is HostSNI(`*`) alone. */
  readonly isCatchAll: boolean;
  readonly observation: TcpObservation;
}

export class TcpRouting {
  /** Name of the entry point. */
  readonly name: string;
  /** Swapped when a generation is ready. */
  plain = new TcpRouteTable<TcpRoute>();
  secure = new TcpRouteTable<TcpRoute>();

  constructor(name: string) {
    this.name = name;
  }

  get isEmpty(): boolean {
    return this.plain.size === 0 && this.secure.size === 0;
  }

  /**
   * The router of a connection with TLS; null leaves it to HTTP. A server name that somebody has named goes before one
   * that is anybody's, and among equals HTTP before TCP.
   */
  chooseSecure(connection: TcpConnectionInfo, http: HostCoverage): TcpRoute | null {
    if (http === 'named' || this.secure.size === 0) return null;
    const route = this.secure.match(connection);
    return route !== null && route.isCatchAll && http === 'any' ? null : route;
  }
}
