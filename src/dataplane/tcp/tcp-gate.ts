// TCP middlewares: what lets a connection through before a server is asked for.

import { createHash } from 'node:crypto';
import { IpSet } from '../../core/ip.ts';
import type { TcpMiddlewareSpec } from '../../model/tcp.ts';
import { defineSharedTable } from '../../core/shared-table.ts';
import { KeyedCounts, type KeyTableShape } from '../net/count/keyed-counts.ts';
import { TCP_ENDS, type TcpEnd } from './tcp-end.ts';

/** A key is the name of the middleware, a space and an address, which has 45 characters at most. */
const IN_FLIGHT: KeyTableShape = { sets: 4096, keyBytes: 96 };
const MAX_NAME = 50;

/** Open connections by middleware and client address. */
export const tcpInFlight = defineSharedTable({
  name: 'tcpInFlight',
  bytes: ({ workerSlots }) => KeyedCounts.bytes(IN_FLIGHT, workerSlots),
  view: (memory, slot, workerSlots) => new KeyedCounts(memory, IN_FLIGHT, slot, workerSlots),
  clearWorker: (view, slot) => view.clearWorker(slot),
});

export interface TcpGate {
  /** Why connections are refused here. */
  readonly refusal: TcpEnd;
  /** A ticket to be given back with `leave`; negative when the connection is refused. */
  enter(ip: string): number;
  leave(ticket: number): void;
}

export function createTcpGate(spec: TcpMiddlewareSpec, inFlight: KeyedCounts): TcpGate {
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
      const { amount } = spec;
      // A key that is too long costs every connection a SHA-256: a long name is made short here.
      const name =
        spec.name.length <= MAX_NAME ? spec.name : `# ${createHash('sha256').update(spec.name).digest('base64')}`;
      return {
        refusal: TCP_ENDS.tooManyConnections,
        enter: (ip) => inFlight.enter(`${name} ${ip}`, amount),
        leave: (ticket) => inFlight.leave(ticket),
      };
    }
  }
}
