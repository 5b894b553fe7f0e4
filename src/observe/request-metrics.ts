// The request series of one entry point, router or service in one worker. A combination of status, method and protocol
// seen before costs a look-up and a handful of additions.

import type { HeaderView } from '../model/access-record.ts';
import type { ObserveInit } from '../model/message/sync.ts';
import type { Labels, WorkerMetrics } from './metrics.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const;
const METHOD_INDEX = new Map<string, number>(METHODS.map((method, index) => [method, index + 1]));
const PROTOCOLS = ['http', 'websocket', 'sse', 'grpc', 'grpc-web'] as const;
const PROTOCOL_INDEX = new Map<string, number>(PROTOCOLS.map((protocol, index) => [protocol, index]));

/** More would only come from values of header labels that clients make up. */
const MAX_HEADER_SERIES = 1000;

// Cells of one combination. The request counter is the histogram's count.
const COUNT = 0;
const SUM = 1;
const BUCKETS = 2;

export class RequestSeries {
  readonly #metrics: WorkerMetrics;
  readonly #subject: string;
  readonly #labels: Labels;
  readonly #buckets: readonly number[];
  readonly #headerLabels: readonly (readonly [label: string, header: string])[];
  readonly #offsets = new Map<number, number>();
  /** OpenSSL knows some dozens of combinations. */
  readonly #tlsOffsets = new Map<string, number>();
  /** Of the last request: nearly all have the same. */
  #tlsVersion = '';
  #tlsCipher = '';
  #tlsOffset = -1;
  readonly #headerOffsets = new Map<string, number>();

  constructor(metrics: WorkerMetrics, subject: string, labels: Labels, init: ObserveInit['metrics']) {
    this.#metrics = metrics;
    this.#subject = subject;
    this.#labels = labels;
    this.#buckets = init.buckets;
    this.#headerLabels = Object.entries(init.headerLabels).map(([label, header]) => [label, header.toLowerCase()]);
  }

  record(
    status: number,
    method: string,
    protocol: (typeof PROTOCOLS)[number],
    seconds: number,
    requestBytes: number,
    responseBytes: number,
    headers: HeaderView,
  ): void {
    const methodIndex = METHOD_INDEX.get(method) ?? 0;
    const protocolIndex = protocol === 'http' ? 0 : PROTOCOL_INDEX.get(protocol)!;
    const key = (status * 16 + methodIndex) * 8 + protocolIndex;
    const offset = this.#offsets.get(key) ?? this.#open(key, status, methodIndex, protocolIndex);
    if (offset >= 0) {
      const cells = this.#metrics.cells;
      const buckets = this.#buckets;
      cells[offset]! += 1;
      cells[offset + SUM]! += seconds;
      // Each request lands in one bucket here; they are made cumulative when read.
      for (let index = 0; index < buckets.length; index++) {
        if (seconds <= buckets[index]!) {
          cells[offset + BUCKETS + index]! += 1;
          break;
        }
      }
      const bytes = offset + BUCKETS + buckets.length;
      cells[bytes]! += requestBytes;
      cells[bytes + 1]! += responseBytes;
    }
    if (this.#headerLabels.length > 0) this.#countByHeaders(key, status, methodIndex, protocolIndex, headers);
  }

  /** Besides `record`, for requests that came over TLS. */
  recordTls(version: string, cipher: string): void {
    if (version !== this.#tlsVersion || cipher !== this.#tlsCipher) {
      this.#tlsOffset = this.#tlsOffsetOf(version, cipher);
      this.#tlsVersion = version;
      this.#tlsCipher = cipher;
    }
    if (this.#tlsOffset >= 0) this.#metrics.cells[this.#tlsOffset]! += 1;
  }

  #tlsOffsetOf(version: string, cipher: string): number {
    const key = `${version} ${cipher}`;
    let offset = this.#tlsOffsets.get(key);
    if (offset === undefined) {
      offset = this.#metrics.counter(`${this.#subject}_requests_tls_total`, {
        tls_version: version,
        tls_cipher: cipher,
        ...this.#labels,
      });
      this.#tlsOffsets.set(key, offset);
    }
    return offset;
  }

  #labelsOf(status: number, methodIndex: number, protocolIndex: number): Labels {
    return {
      code: String(status),
      method: METHODS[methodIndex - 1] ?? 'EXTENSION_METHOD',
      protocol: PROTOCOLS[protocolIndex]!,
      ...this.#labels,
    };
  }

  #open(key: number, status: number, methodIndex: number, protocolIndex: number): number {
    const width = BUCKETS + this.#buckets.length;
    const offset = this.#metrics.allocate(width + 2);
    this.#offsets.set(key, offset);
    if (offset < 0) return offset;
    const labels = this.#labelsOf(status, methodIndex, protocolIndex);
    if (this.#headerLabels.length === 0) {
      this.#metrics.announce(offset + COUNT, `${this.#subject}_requests_total`, labels);
    }
    this.#metrics.announce(offset, `${this.#subject}_request_duration_seconds`, labels);
    this.#metrics.announce(offset + width, `${this.#subject}_requests_bytes_total`, labels);
    this.#metrics.announce(offset + width + 1, `${this.#subject}_responses_bytes_total`, labels);
    return offset;
  }

  #countByHeaders(key: number, status: number, methodIndex: number, protocolIndex: number, headers: HeaderView): void {
    const values = this.#headerLabels.map(([, header]) => headers.get(header) ?? '');
    const text = `${key} ${values.join('\0')}`;
    let offset = this.#headerOffsets.get(text);
    if (offset === undefined) {
      if (this.#headerOffsets.size >= MAX_HEADER_SERIES) return;
      const extra = Object.fromEntries(this.#headerLabels.map(([label], index) => [label, values[index]!]));
      offset = this.#metrics.counter(`${this.#subject}_requests_total`, {
        ...this.#labelsOf(status, methodIndex, protocolIndex),
        ...extra,
      });
      this.#headerOffsets.set(text, offset);
    }
    if (offset >= 0) this.#metrics.cells[offset]! += 1;
  }
}

/** All request series of a worker, one object per subject for as long as the worker lives. */
export class RequestMetrics {
  readonly #metrics: WorkerMetrics;
  readonly #init: ObserveInit['metrics'];
  readonly #series = new Map<string, RequestSeries>();
  readonly #counters = new Map<string, number>();

  constructor(metrics: WorkerMetrics, init: ObserveInit['metrics']) {
    this.#metrics = metrics;
    this.#init = init;
  }

  forEntryPoint(name: string): RequestSeries {
    return this.#get('entrypoint', { entrypoint: name });
  }

  forRouter(router: string, service: string): RequestSeries {
    return this.#get('router', { router, service });
  }

  forService(service: string): RequestSeries {
    return this.#get('service', { service });
  }

  countFailure(service: string, flag: string): void {
    this.#count('service_failures_total', { service, flag });
  }

  countRetries(service: string, retries: number): void {
    this.#count('service_retries_total', { service }, retries);
  }

  countHandshakeFailure(entryPoint: string, reason: string): void {
    this.#count('tls_handshake_failures_total', { entrypoint: entryPoint, reason });
  }

  countProxyHeaderFailure(entryPoint: string, reason: string): void {
    this.#count('proxy_protocol_failures_total', { entrypoint: entryPoint, reason });
  }

  #get(subject: string, labels: Labels): RequestSeries {
    const key = `${subject} ${Object.values(labels).join('\0')}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new RequestSeries(this.#metrics, subject, labels, this.#init);
      this.#series.set(key, series);
    }
    return series;
  }

  #count(metric: string, labels: Labels, amount = 1): void {
    const key = `${metric} ${Object.values(labels).join('\0')}`;
    let offset = this.#counters.get(key);
    if (offset === undefined) {
      offset = this.#metrics.counter(metric, labels);
      this.#counters.set(key, offset);
    }
    if (offset >= 0) this.#metrics.cells[offset]! += amount;
  }
}
