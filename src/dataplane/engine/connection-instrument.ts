// What TCP connections and UDP sessions leave behind: series of entry point, router and services, and an access log
// line at the end.

import type { ConnectionRecord } from '../../model/access-record.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { AccessLog } from '../../observe/access-log.ts';
import type { ConnectionMetrics, ConnectionSeries } from '../../observe/connection-metrics.ts';
import type { TcpEnd } from '../tcp/tcp-end.ts';
import type { TcpObservation, TcpServiceObservation } from '../tcp/tcp-observation.ts';
import type { UdpEnd } from '../udp/udp-end.ts';
import type { DropReason, UdpObservation } from '../udp/udp-observation.ts';

const NOTHING: TcpServiceObservation = { received: () => {}, sent: () => {} };

interface ObservedRoute {
  readonly name: string;
  readonly service: string;
}

class RouteObservation implements TcpObservation, UdpObservation {
  readonly #entryPoint: ConnectionSeries | null;
  readonly #router: ConnectionSeries | null;
  readonly #metrics: ConnectionMetrics | null;
  readonly #accessLog: AccessLog | null;

  constructor(
    entryPoint: string,
    { name, service }: ObservedRoute,
    metrics: ConnectionMetrics | null,
    accessLog: AccessLog | null,
  ) {
    this.#entryPoint = metrics?.forEntryPoint(entryPoint) ?? null;
    this.#router = metrics?.forRouter(name, service) ?? null;
    this.#metrics = metrics;
    this.#accessLog = accessLog;
  }

  opened(): void {
    this.#entryPoint?.opened();
    this.#router?.opened();
  }

  received(bytes: number): void {
    this.#entryPoint?.received(bytes);
    this.#router?.received(bytes);
  }

  sent(bytes: number): void {
    this.#entryPoint?.sent(bytes);
    this.#router?.sent(bytes);
  }

  served(service: string): TcpServiceObservation {
    const series = this.#metrics?.forService(service) ?? null;
    series?.opened();
    return series ?? NOTHING;
  }

  dialFailed(service: string, serverUrl: string, { flag }: TcpEnd | UdpEnd): void {
    this.#metrics?.countDialFailure(service, serverUrl, flag);
  }

  finished(record: ConnectionRecord): void {
    if (record.responseFlag !== '') this.#metrics?.countBroken(record.entryPointName, record.responseFlag);
    this.#accessLog?.appendConnection(record);
  }
}

/** `metrics` and `accessLog` are null where they are off. */
export class ConnectionInstrument {
  readonly #metrics: ConnectionMetrics | null;
  readonly #accessLog: AccessLog | null;

  constructor(metrics: ConnectionMetrics | null, accessLog: AccessLog | null) {
    this.#metrics = metrics;
    this.#accessLog = accessLog;
  }

  /** A datagram that reached nobody. */
  dropped(entryPoint: string, reason: DropReason): void {
    this.#metrics?.countDropped(entryPoint, reason);
  }

  /** Made when a route is compiled. */
  observeRoute(route: ObservedRoute, { name, observability }: EntryPointSpec): TcpObservation & UdpObservation {
    return new RouteObservation(
      name,
      route,
      observability.metrics ? this.#metrics : null,
      observability.accessLogs ? this.#accessLog : null,
    );
  }
}
