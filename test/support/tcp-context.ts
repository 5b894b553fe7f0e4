// What TCP services and dials of a test stand in: a wheel by hand, names, a table of one worker.

import { ManualClock } from '../../src/core/clock.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import { UpstreamTls } from '../../src/dataplane/tls/upstream-tls.ts';
import type { TcpContext } from '../../src/dataplane/tcp/tcp-endpoint.ts';
import { EndpointTable, endpointTableBytes } from '../../src/dataplane/upstream/endpoint-table.ts';
import { Resolver, type LookUp } from '../../src/dataplane/upstream/name/resolver.ts';
import { DEFAULT_UPSTREAM_TLS } from '../../src/model/service.ts';
import type { TcpTransportSpec } from '../../src/model/tcp.ts';

export const TCP_TRANSPORT: TcpTransportSpec = {
  dialTimeoutMs: 1_000,
  dialKeepAliveMs: 15_000,
  clientEndDelayMs: -1,
  serverEndDelayMs: 100,
  proxyProtocol: 0,
  tls: DEFAULT_UPSTREAM_TLS,
};

export interface TestTcpContext extends TcpContext {
  /** Of the wheel and of the names. */
  readonly clock: ManualClock;
}

export function tcpContext(lookUp: LookUp): TestTcpContext {
  const clock = new ManualClock();
  return {
    clock,
    wheel: new TimerWheel(clock),
    resolver: new Resolver({ lookUp, clock }),
    tls: new UpstreamTls(() => null),
    table: new EndpointTable(new SharedArrayBuffer(endpointTableBytes(1)), 0, 1),
    trace: null,
  };
}
