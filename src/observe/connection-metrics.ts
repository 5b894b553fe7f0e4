// Series of connections that are carried without a look at what is in them: how many there were, and the bytes of both
// directions, which count as they pass.

import type { ObserveInit } from '../model/message/sync.ts';
import type { Labels, WorkerMetrics } from './metrics.ts';

// Cells of one subject.
const CONNECTIONS = 0;
const RECEIVED = 1;
const SENT = 2;
const WIDTH = 3;

/** The series of an entry point, router or service. */
export class ConnectionSeries {
  readonly #cells: Float64Array;
  readonly #offset: number;

  constructor(metrics: WorkerMetrics, subject: string, labels: Labels) {
    this.#cells = metrics.cells;
    this.#offset = metrics.allocate(WIDTH);
    if (this.#offset < 0) return;
    metrics.announce(this.#offset + CONNECTIONS, `${subject}_connections_total`, labels);
    metrics.announce(this.#offset + RECEIVED, `${subject}_received_bytes_total`, labels);
    metrics.announce(this.#offset + SENT, `${subject}_sent_bytes_total`, labels);
  }

  opened(): void {
    if (this.#offset >= 0) this.#cells[this.#offset + CONNECTIONS]! += 1;
  }

  received(bytes: number): void {
    if (this.#offset >= 0) this.#cells[this.#offset + RECEIVED]! += bytes;
  }

  sent(bytes: number): void {
    if (this.#offset >= 0) this.#cells[this.#offset + SENT]! += bytes;
  }
}

/** All connection series of a worker and one protocol, one object per subject for as long as the worker lives. */
export class ConnectionMetrics {
  readonly #metrics: WorkerMetrics;
  readonly #init: ObserveInit['metrics'];
  readonly #protocol: string;
  readonly #series = new Map<string, ConnectionSeries>();
  readonly #counters = new Map<string, number>();

  constructor(metrics: WorkerMetrics, init: ObserveInit['metrics'], protocol: 'tcp' | 'udp') {
    this.#metrics = metrics;
    this.#init = init;
    this.#protocol = protocol;
  }

  /** Null where the configuration switches these labels off. */
  forEntryPoint(entrypoint: string): ConnectionSeries | null {
    return this.#init.addEntryPointsLabels ? this.#get('entrypoint', { entrypoint }) : null;
  }

  forRouter(router: string, service: string): ConnectionSeries | null {
    return this.#init.addRoutersLabels ? this.#get('router', { router, service }) : null;
  }

  forService(service: string): ConnectionSeries | null {
    return this.#init.addServicesLabels ? this.#get('service', { service }) : null;
  }

  countDialFailure(service: string, url: string, flag: string): void {
    if (this.#init.addServicesLabels) this.#count('service_dial_failures_total', { service, url, flag });
  }

  /** A connection that did not end in order. */
  countBroken(entrypoint: string, flag: string): void {
    if (this.#init.addEntryPointsLabels) this.#count('entrypoint_connections_broken_total', { entrypoint, flag });
  }

  /** A datagram that reached nobody. */
  countDropped(entrypoint: string, reason: string): void {
    this.#count('entrypoint_datagrams_dropped_total', { entrypoint, reason });
  }

  #get(subject: string, labels: Labels): ConnectionSeries {
    const key = `${subject} ${Object.values(labels).join('\0')}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new ConnectionSeries(this.#metrics, subject, { ...labels, protocol: this.#protocol });
      this.#series.set(key, series);
    }
    return series;
  }

  #count(metric: string, labels: Labels): void {
    const key = `${metric} ${Object.values(labels).join('\0')}`;
    let offset = this.#counters.get(key);
    if (offset === undefined) {
      offset = this.#metrics.counter(metric, { ...labels, protocol: this.#protocol });
      this.#counters.set(key, offset);
    }
    if (offset >= 0) this.#metrics.cells[offset]! += 1;
  }
}
