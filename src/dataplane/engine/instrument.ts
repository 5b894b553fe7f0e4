// What a finished request leaves behind: metric samples and an access log line. Which ones is decided when a route is
// compiled; here they are only written.

import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { RouteSpec } from '../../model/route.ts';
import type { ObserveInit } from '../../model/message/sync.ts';
import type { AccessLog } from '../../observe/access-log.ts';
import type { RequestMetrics, RequestSeries } from '../../observe/request-metrics.ts';
import type { Exchange, ExchangeObserver } from '../http/exchange.ts';

interface RouteObservation {
  readonly entryPoint: RequestSeries | null;
  readonly router: RequestSeries | null;
  readonly service: RequestSeries | null;
  /** Whose series that is: a service that hands requests on leaves them to another one. */
  readonly serviceName: string;
  readonly accessLog: boolean;
}

export class Instrument {
  readonly #metrics: RequestMetrics | null;
  readonly #accessLog: AccessLog | null;
  readonly #init: ObserveInit;

  constructor(metrics: RequestMetrics | null, accessLog: AccessLog | null, init: ObserveInit) {
    this.#metrics = metrics;
    this.#accessLog = accessLog;
    this.#init = init;
  }

  /** The log names the origin's own header fields, which middlewares may change afterwards. */
  get needsOriginHeaders(): boolean {
    const headers = this.#init.accessLog?.fields.headers;
    if (this.#init.accessLog?.format !== 'json' || headers === undefined) return false;
    return headers.defaultMode !== 'drop' || Object.values(headers.names).some((mode) => mode !== 'drop');
  }

  /** For `Exchange.observed`; made when a route is compiled. */
  observeRoute(route: RouteSpec, entryPoint: EntryPointSpec): RouteObservation {
    const metrics = entryPoint.observability.metrics && route.observability.metrics ? this.#metrics : null;
    const init = this.#init.metrics;
    return {
      entryPoint: init.addEntryPointsLabels ? (metrics?.forEntryPoint(entryPoint.name) ?? null) : null,
      router: init.addRoutersLabels ? (metrics?.forRouter(route.name, route.service) ?? null) : null,
      service: init.addServicesLabels ? (metrics?.forService(route.service) ?? null) : null,
      serviceName: route.service,
      accessLog: entryPoint.observability.accessLogs && route.observability.accessLogs,
    };
  }

  /** The observer of an entry point's connections; requests without a route are reported by the entry point alone. */
  observerOf(entryPoint: EntryPointSpec): ExchangeObserver {
    const hasMetrics = this.#metrics !== null && entryPoint.observability.metrics;
    const unrouted: RouteObservation = {
      entryPoint:
        hasMetrics && this.#init.metrics.addEntryPointsLabels ? this.#metrics.forEntryPoint(entryPoint.name) : null,
      router: null,
      service: null,
      serviceName: '',
      accessLog: entryPoint.observability.accessLogs,
    };
    const accessLog = this.#accessLog;
    const metrics = this.#metrics;
    return {
      finished(exchange: Exchange): void {
        // The only writer of `observed` is observeRoute above.
        const observed = (exchange.observed as RouteObservation | null) ?? unrouted;
        const seconds = (exchange.endMs - exchange.startMs) / 1000;
        record(observed.entryPoint, exchange, seconds);
        record(observed.router, exchange, seconds);
        if (observed.service !== null && exchange.originStartMs !== 0) {
          const service =
            exchange.serviceName === observed.serviceName
              ? observed.service
              : (metrics?.forService(exchange.serviceName) ?? null);
          record(service, exchange, exchange.originDurationMs / 1000);
          if (exchange.retryAttempts > 0) metrics?.countRetries(exchange.serviceName, exchange.retryAttempts);
        }
        // A service without a server has failed, too, although it was never asked.
        if (observed.service !== null && exchange.failure !== null && exchange.failure.side === 'upstream') {
          metrics?.countFailure(exchange.serviceName, exchange.failure.flag);
        }
        if (accessLog !== null && observed.accessLog) accessLog.append(exchange);
      },
    };
  }
}

function record(series: RequestSeries | null, exchange: Exchange, seconds: number): void {
  if (series === null) return;
  series.record(
    exchange.status,
    exchange.method,
    exchange.traffic,
    seconds,
    exchange.requestBytes,
    exchange.responseBytes,
    exchange.requestHeaders,
  );
  const { tls } = exchange.client;
  if (tls !== null) series.recordTls(tls.version, tls.cipher);
}
