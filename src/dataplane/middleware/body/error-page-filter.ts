// Takes the place of one response: lets the service's own end, asks another service for a page, and passes that on
// under the status of the first. Nothing has reached the client meanwhile.
//
//   service ──▶ [ discard ] ── end ──▶ page asked ──▶ page's head ──▶ outer hooks ──▶ next ──▶ client
//                                          └── no page ──▶ a line of text ──────────────┘

import { BODY_LENGTH, type BodySource, type ChunkOwner } from '../../http/body.ts';
import type { Exchange, Handler } from '../../http/exchange.ts';
import type { Failure } from '../../http/failure.ts';
import type { HeaderList } from '../../http/message/header-list.ts';
import { ResponseFilter } from '../../http/response-filter.ts';
import { hasNoBody } from '../../http/message/status.ts';
import { Subrequest, type Taker } from '../../http/subrequest.ts';

export interface ErrorPageSettings {
  readonly service: Handler;
  /** Lower-case names of fields that are sent along; null for all. */
  readonly requestFields: ReadonlySet<string> | null;
  /** Path and query of the page. */
  target(original: number, rewritten: number, url: string): string;
  /** Status of the answer. */
  rewrite(status: number): number;
  /** Body when there is no page. */
  fallback(status: number): string;
}

/** Of the service's own body that is read, to keep its connection; beyond, the connection is given up. */
const MAX_DISCARDED_BYTES = 64 * 1024;
/** Fields that would make the page something else than a whole page. */
const CONDITIONS = new Set([
  'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range', 'content-type', 'content-encoding',
]); // prettier-ignore

/**
 * Fields that go with a status and not with a body: RFC 9110 §15.5.2 (401), §15.5.6 (405), §15.5.8 (407), §15.5.17
 * (416), §15.5.16 (415), §15.5.22 (426), §10.2.3 (Retry-After), §15.4 (redirections).
 */
const NEEDED = new Set([
  'www-authenticate', 'proxy-authenticate', 'authentication-info', 'allow', 'content-range', 'accept-ranges', 'accept',
  'accept-encoding', 'accept-patch', 'accept-post', 'upgrade', 'sec-websocket-version', 'retry-after', 'location',
]); // prettier-ignore

export class ErrorPageFilter extends ResponseFilter implements BodySource, Taker {
  private readonly settings: ErrorPageSettings;
  private exchange: Exchange | null = null;
  private page: Subrequest | null = null;
  private discarded = 0;
  private hasStarted = false;
  private isOver = false;

  constructor(settings: ErrorPageSettings) {
    super();
    this.settings = settings;
  }

  // ── as the sink of both: first of the service's own response, then of the page ─────────────────────────────────

  override startResponse(exchange: Exchange): void {
    if (this.isOver) return;
    if (this.page === null) this.exchange = exchange;
    // An answer of the router's own says that there is no page.
    else if (exchange.failure === null) this.startPage(exchange);
    else this.giveUp(exchange.failure);
  }

  override write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean {
    if (this.isOver) return true;
    if (this.page !== null) return this.next!.write(chunk, start, end, owner);
    this.discarded += end - start;
    if (this.discarded > MAX_DISCARDED_BYTES) {
      this.exchange!.dropSource();
      this.ask();
    }
    return true;
  }

  override flush(): void {
    if (this.hasStarted && !this.isOver) this.next!.flush();
  }

  override end(trailers: HeaderList | null): void {
    if (this.isOver) return;
    if (this.page === null) {
      this.ask();
      return;
    }
    this.isOver = true;
    this.exchange!.responseSource = null;
    this.next!.end(trailers);
  }

  override abort(failure: Failure): void {
    if (this.isOver) return;
    if (this.page !== null && !this.hasStarted) {
      this.giveUp(failure);
      return;
    }
    this.isOver = true;
    this.next!.abort(failure);
  }

  /** A stage in front of the page's service threw: a defect, as one of the request's own would be. */
  handlerFailed(error: unknown): void {
    if (!this.isOver) this.exchange!.downstream.handlerFailed(this.exchange!, error);
  }

  // ── the page ───────────────────────────────────────────────────────────────────────────────────────────────────

  private ask(): void {
    const { settings } = this;
    const exchange = this.exchange!;
    const method = exchange.method === 'HEAD' ? 'HEAD' : 'GET';
    const target = settings.target(exchange.status, settings.rewrite(exchange.status), askedUrl(exchange));
    const page = new Subrequest(exchange, { method, target }, this);
    const { names, lines } = exchange.requestHeaders;
    for (const [index, name] of names.entries()) {
      if (settings.requestFields === null ? !CONDITIONS.has(name) : settings.requestFields.has(name)) {
        page.exchange.requestHeaders.appendLine(name, lines[index]!);
      }
    }
    this.page = page;
    exchange.responseSource = this;
    page.send(settings.service);
  }

  private startPage(page: Exchange): void {
    const exchange = this.exchange!;
    const { names, lines } = page.responseHeaders;
    this.keepNeeded(exchange);
    const own = new Set(names);
    if (own.size > 0) exchange.responseHeaders.deleteAll(own);
    for (const [index, name] of names.entries()) exchange.responseHeaders.appendLine(name, lines[index]!);
    exchange.responseFraming = page.responseFraming;
    exchange.responseLength = page.responseLength;
    this.begin(exchange);
  }

  /** Of the answer whose place is taken: the fields without which its status says nothing. */
  private keepNeeded({ status, responseHeaders }: Exchange): void {
    const isKept = this.settings.rewrite(status) === status;
    const dropped = responseHeaders.names.filter((name) => !isKept || !NEEDED.has(name));
    if (dropped.length > 0) responseHeaders.deleteAll(new Set(dropped));
  }

  private giveUp(failure: Failure): void {
    const exchange = this.exchange!;
    exchange.failure ??= failure;
    const status = this.settings.rewrite(exchange.status);
    const body = Buffer.from(this.settings.fallback(status));
    this.page!.cancel();
    this.keepNeeded(exchange);
    exchange.responseHeaders.append('Content-Type', 'text/plain; charset=utf-8');
    exchange.responseFraming = BODY_LENGTH;
    exchange.responseLength = body.length;
    exchange.responseSource = null;
    const hasBegun = this.begin(exchange);
    this.isOver = true;
    if (!hasBegun) return;
    if (!hasNoBody(exchange.method, status)) this.next!.write(body, 0, body.length, null);
    this.next!.end(null);
  }

  /** False when a stage further out threw, which has been answered. */
  private begin(exchange: Exchange): boolean {
    this.hasStarted = true;
    exchange.status = this.settings.rewrite(exchange.status);
    exchange.reason = '';
    if (!exchange.runHooksLeft()) return false;
    this.next!.startResponse(exchange);
    return true;
  }

  // ── asked by the client's side ─────────────────────────────────────────────────────────────────────────────────

  resume(): void {
    this.page?.resume();
  }

  cancel(): void {
    this.isOver = true;
    this.page?.cancel();
  }
}

/** The URL the client asked for, as far as the request names it. */
function askedUrl({ target, authority, scheme }: Exchange): string {
  return target.startsWith('/') && authority !== '' ? `${scheme}://${authority}${target}` : target;
}
