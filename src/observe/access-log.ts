// Access log lines, made in the worker that served the request and sent to the main thread in chunks: one writer,
// however many workers. A line is printable ASCII; whatever else a client sends is escaped, so that no request can forge
// a line or move a terminal's cursor.

import type { AccessRecord, HeaderView } from '../model/access-record.ts';
import type { AccessLogInit } from '../model/sync.ts';
import { renderCommonLine } from './access-log-common.ts';
import { jsonString, timestampOf } from './access-log-text.ts';

const CHUNK_CHARS = 32 * 1024;
/** A worker's lines on their way to the writer: beyond this they are dropped and counted. */
const MAX_OUTSTANDING_BYTES = 8 * 1024 * 1024;
const HEADER_PREFIXES = ['request_', 'downstream_', 'origin_'] as const;

type Encode = (record: AccessRecord, count: number) => string;

const nanoseconds = (ms: number): string => String(Math.round(ms * 1e6));

/** Every JSON field and how it is written, in order. */
export const ACCESS_LOG_FIELDS: Readonly<Record<string, Encode>> = {
  ClientAddr: (record) => jsonString(`${bracketed(record.clientIp)}:${record.clientPort}`),
  ClientHost: (record) => jsonString(record.clientIp),
  ClientPort: (record) => `"${record.clientPort}"`,
  ClientUsername: (record) => jsonString(record.clientUser === '' ? '-' : record.clientUser),
  DownstreamContentSize: (record) => String(record.responseBytes),
  DownstreamStatus: (record) => String(record.status),
  Duration: (record) => nanoseconds(record.durationMs),
  EntryPointName: (record) => jsonString(record.entryPointName),
  OriginContentSize: (record) => String(record.originBytes),
  OriginDuration: (record) => nanoseconds(record.originDurationMs),
  OriginStatus: (record) => String(record.originStatus),
  Overhead: (record) => nanoseconds(record.durationMs - record.originDurationMs),
  RequestAddr: (record) => jsonString(record.authority),
  RequestContentSize: (record) => String(record.requestBytes),
  RequestCount: (_, count) => String(count),
  RequestHost: (record) => jsonString(record.authority.replace(/:[0-9]*$/, '')),
  RequestMethod: (record) => jsonString(record.method),
  RequestPath: (record) => jsonString(record.target),
  RequestPort: (record) => jsonString(/:([0-9]+)$/.exec(record.authority)?.[1] ?? '-'),
  RequestProtocol: (record) => jsonString(record.protocol),
  RequestScheme: (record) => jsonString(record.scheme),
  ResponseFlag: (record) => jsonString(record.responseFlag),
  RetryAttempts: (record) => String(record.retryAttempts),
  RouterName: (record) => jsonString(record.routerName),
  ServiceAddr: (record) => jsonString(record.serviceAddr),
  ServiceName: (record) => jsonString(record.serviceName),
  ServiceURL: (record) => jsonString(record.serviceUrl),
  StartLocal: (record) => timestampOf(record.startWallMs).local,
  StartUTC: (record) => timestampOf(record.startWallMs).utc,
};

function bracketed(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

/** The target with its query parameters' values, or the whole query, taken out. */
function withoutQuery(target: string, mode: 'drop' | 'redact'): string {
  const mark = target.indexOf('?');
  if (mark < 0) return target;
  if (mode === 'drop') return target.slice(0, mark);
  return target.slice(0, mark + 1) + target.slice(mark + 1).replace(/=[^&]*/g, '=REDACTED');
}

type HeaderMode = 'keep' | 'drop' | 'redact';

export class AccessLog {
  readonly #init: AccessLogInit;
  readonly #send: (lines: Uint8Array<ArrayBuffer>, count: number, dropped: number) => void;
  /** Bytes sent and not yet written; the writer subtracts. */
  readonly #outstanding: Int32Array;
  readonly #slot: number;
  readonly #fields: readonly (readonly [key: string, encode: Encode])[];
  readonly #headerModes: ReadonlyMap<string, HeaderMode>;
  readonly #logsHeaders: boolean;
  readonly #hasFilters: boolean;
  #text = '';
  #count = 0;
  #dropped = 0;
  #requests = 0;

  constructor(
    init: AccessLogInit,
    send: (lines: Uint8Array<ArrayBuffer>, count: number, dropped: number) => void,
    outstanding: SharedArrayBuffer,
    slot: number,
  ) {
    this.#init = init;
    this.#send = send;
    this.#outstanding = new Int32Array(outstanding);
    this.#slot = slot;
    const { fields, filters } = init;
    const query = fields.queryParameters.defaultMode;
    this.#fields = Object.entries(ACCESS_LOG_FIELDS)
      .filter(([name]) => (fields.names[name] ?? fields.defaultMode) === 'keep')
      .map(([name, encode], index) => [
        `${index === 0 ? '' : ','}"${name}":`,
        name === 'RequestPath' && query !== 'keep'
          ? (record) => jsonString(withoutQuery(record.target, query))
          : encode,
      ]);
    this.#headerModes = new Map(Object.entries(fields.headers.names).map(([name, mode]) => [name.toLowerCase(), mode]));
    this.#logsHeaders =
      fields.headers.defaultMode !== 'drop' || [...this.#headerModes.values()].some((mode) => mode !== 'drop');
    this.#hasFilters = filters.statusCodes.length > 0 || filters.retryAttempts || filters.minDurationMs > 0;
  }

  append(record: AccessRecord): void {
    this.#requests++;
    if (this.#hasFilters && !this.#passes(record)) return;
    this.#text +=
      this.#init.format === 'json' ? this.#json(record) : renderCommonLine(record, this.#init.format, this.#requests);
    this.#count++;
    if (this.#text.length >= CHUNK_CHARS) this.flush();
  }

  /** Sends what has gathered; the worker calls it every now and then and before it ends. */
  flush(): void {
    if (this.#count === 0 && this.#dropped === 0) return;
    const text = this.#text;
    this.#text = '';
    const count = this.#count;
    this.#count = 0;
    if (Atomics.load(this.#outstanding, this.#slot) + text.length > MAX_OUTSTANDING_BYTES) {
      this.#dropped += count;
      return;
    }
    Atomics.add(this.#outstanding, this.#slot, text.length);
    // A buffer of its own, so that it can be moved to the other thread.
    const bytes = new Uint8Array(text.length);
    Buffer.from(bytes.buffer).write(text, 'latin1');
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#send(bytes, count, dropped);
  }

  /** Filters are alternatives. */
  #passes(record: AccessRecord): boolean {
    const { statusCodes, retryAttempts, minDurationMs } = this.#init.filters;
    return (
      statusCodes.some(([from, to]) => record.status >= from && record.status <= to) ||
      (retryAttempts && record.retryAttempts > 0) ||
      (minDurationMs > 0 && record.durationMs >= minDurationMs)
    );
  }

  #json(record: AccessRecord): string {
    let line = '{';
    for (const [key, encode] of this.#fields) line += key + encode(record, this.#requests);
    if (this.#logsHeaders) {
      line += this.#headers(HEADER_PREFIXES[0], record.requestHeaders);
      line += this.#headers(HEADER_PREFIXES[1], record.responseHeaders);
      if (record.originHeaders !== null) line += this.#headers(HEADER_PREFIXES[2], record.originHeaders);
    }
    const separator = line === '{' ? '' : ',';
    return `${line}${separator}"level":"info","msg":"","time":${timestampOf(record.startWallMs).utc}}\n`;
  }

  #headers(prefix: string, headers: HeaderView): string {
    let text = '';
    headers.forEach((name, value) => {
      const mode = this.#headerModes.get(name.toLowerCase()) ?? this.#init.fields.headers.defaultMode;
      if (mode !== 'drop')
        text += `,${jsonString(prefix + name)}:${mode === 'redact' ? '"REDACTED"' : jsonString(value)}`;
    });
    return text;
  }
}
