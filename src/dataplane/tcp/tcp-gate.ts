// TCP middlewares: what lets a connection through before a server is asked for.

import { IpSet } from '../../core/ip.ts';
import type { TcpMiddlewareSpec } from '../../model/tcp.ts';
import type { ConnectionLimits } from '../net/connection-limits.ts';
import { TCP_ENDS, type TcpEnd } from './tcp-end.ts';

export interface TcpGate {
  /** Why connections are refused here. */
  readonly refusal: TcpEnd;
  /** A ticket to be given back with `leave`; negative when the connection is refused. */
  enter(ip: string): number;
  leave(ticket: number): void;
}

export function createTcpGate(spec: TcpMiddlewareSpec, limits: ConnectionLimits): TcpGate {
  switch (spec.kind) {
    case 'ipAllowList': {
      const allowed = new IpSet(spec.sourceRange);
      return {
        refusal: TCP_ENDS.addressRefused,
        enter: (ip) => (allowed.has(ip) ? 0 : -1),
        leave: () => {},
      };
    }
    case 'inFlightConn': {
      const { name, amount } = spec;
      return {
        refusal: TCP_ENDS.tooManyConnections,
        enter: (ip) => limits.enter(`${name} ${ip}`, amount),
        leave: (ticket) => limits.leave(ticket),
      };
    }
  }
}
