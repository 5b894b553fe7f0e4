// What TCP connections leave behind: series of entry point, router and services, and an access log line at the end.

import type { TcpAccessRecord } from '../../model/access-record.ts';
import type { EntryPointSpec } from '../../model/entrypoint.ts';
import type { TcpRouteSpec } from '../../model/tcp.ts';
import type { AccessLog } from '../../observe/access-log.ts';
import type { ConnectionMetrics, ConnectionSeries } from '../../observe/connection-metrics.ts';
import type { TcpEnd } from '../tcp/tcp-end.ts';
import type { TcpObservation, TcpServiceObservation } from '../tcp/tcp-observer.ts';

const NOTHING: TcpServiceObservation = { received: () => {}, sent: () => {} };

class RouteObservation implements TcpObservation {
  readonly #entryPoint: ConnectionSeries | null;
  readonly #router: ConnectionSeries | null;
  readonly #metrics: ConnectionMetrics | null;
  readonly #accessLog: AccessLog | null;

  constructor(
    entryPoint: string,
    { name, service }: TcpRouteSpec,
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

  dialFailed(service: string, serverUrl: string, { flag }: TcpEnd): void {
    this.#metrics?.countDialFailure(service, serverUrl, flag);
  }

  finished(record: TcpAccessRecord): void {
    if (record.responseFlag !== '') this.#metrics?.countBroken(record.entryPointName, record.responseFlag);
    this.#accessLog?.appendTcp(record);
  }
}

/** `metrics` and `accessLog` are null where they are off. */
export class TcpInstrument {
  readonly #metrics: ConnectionMetrics | null;
  readonly #accessLog: AccessLog | null;

  constructor(metrics: ConnectionMetrics | null, accessLog: AccessLog | null) {
    this.#metrics = metrics;
    this.#accessLog = accessLog;
  }

  /** Made when a route is compiled. */
  observeRoute(route: TcpRouteSpec, { name, observability }: EntryPointSpec): TcpObservation {
    return new RouteObservation(
      name,
      route,
      observability.metrics ? this.#metrics : null,
      observability.accessLogs ? this.#accessLog : null,
    );
  }
}
