// Access log lines, made in the worker that served the request and sent to the main thread in chunks: one writer,
// however many workers. A line is printable ASCII; whatever else a client sends is escaped, so that no request can
// forge a line or move a terminal's cursor.

import type { AccessRecord, ConnectionRecord } from '../model/access-record.ts';
import type { AccessLogInit } from '../model/message/sync.ts';
import type { AccessLogBacklog } from './access-log-backlog.ts';
import { commonFields, renderCommonLine, type CommonFields } from './access-log-common.ts';
import { JsonLines } from './access-log-json.ts';
import { renderConnectionLine, connectionJsonLines } from './access-log-connection.ts';

const CHUNK_BYTES = 128 * 1024;
/** Longest line that is kept: heads are bounded, but their escapes grow. */
const MAX_LINE_CHARS = 64 * 1024;
/** A worker's lines on their way to the writer: beyond this they are dropped and counted. */
const MAX_OUTSTANDING_BYTES = 8 * 1024 * 1024;

export class AccessLog {
  readonly #init: AccessLogInit;
  readonly #send: (lines: Uint8Array<ArrayBuffer>, count: number, dropped: number) => void;
  readonly #backlog: AccessLogBacklog;
  readonly #json: JsonLines | null;
  readonly #renderConnection: (record: ConnectionRecord, count: number) => string;
  readonly #hasFilters: boolean;
  readonly #common: CommonFields;
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #used = 0;
  #count = 0;
  #dropped = 0;
  #requests = 0;

  constructor(
    init: AccessLogInit,
    send: (lines: Uint8Array<ArrayBuffer>, count: number, dropped: number) => void,
    backlog: AccessLogBacklog,
  ) {
    this.#init = init;
    this.#send = send;
    this.#backlog = backlog;
    this.#json = init.format === 'json' ? new JsonLines(init) : null;
    const { filters, format, responseFlag } = init;
    const common = commonFields(init.fields);
    this.#common = common;
    this.#renderConnection =
      format === 'json'
        ? connectionJsonLines(init)
        : (record, count) => renderConnectionLine(record, format, count, common, responseFlag);
    this.#hasFilters = filters.statusCodes.length > 0 || filters.retryAttempts || filters.minDurationMs > 0;
  }

  append(record: AccessRecord): void {
    this.#requests++;
    if (this.#hasFilters && !this.#passes(record)) return;
    const line =
      this.#json === null
        ? renderCommonLine(
            record,
            this.#init.format === 'genericCLF' ? 'genericCLF' : 'common',
            this.#requests,
            this.#common,
            this.#init.responseFlag,
          )
        : this.#json.render(record, this.#requests);
    this.#add(line);
  }

  /** Filters by status or retries let no connection through: it has neither. */
  appendConnection(record: ConnectionRecord): void {
    this.#requests++;
    const { minDurationMs } = this.#init.filters;
    if (this.#hasFilters && !(minDurationMs > 0 && record.durationMs >= minDurationMs)) return;
    this.#add(this.#renderConnection(record, this.#requests));
  }

  #add(line: string): void {
    if (line.length > MAX_LINE_CHARS) {
      this.#dropped++;
      return;
    }
    if (this.#used + line.length > CHUNK_BYTES) this.flush();
    this.#used += this.#chunk.latin1Write(line, this.#used);
    this.#count++;
  }

  /** Sends what has gathered; the worker calls it every now and then and before it ends. */
  flush(): void {
    if (this.#count === 0 && this.#dropped === 0) return;
    const bytes = this.#used;
    const count = this.#count;
    this.#used = 0;
    this.#count = 0;
    if (this.#backlog.bytes + bytes > MAX_OUTSTANDING_BYTES) {
      this.#dropped += count;
      return;
    }
    this.#backlog.sent(bytes);
    const dropped = this.#dropped;
    this.#dropped = 0;
    // A buffer of its own, so that it can be moved to the other thread.
    this.#send(new Uint8Array(this.#chunk.subarray(0, bytes)), count, dropped);
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
}
