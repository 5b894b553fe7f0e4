// Takes the place of one response: lets the service's own end, asks another service for a page, and passes that on under
// the status of the first. Nothing has reached the client meanwhile.
//
//   service ──▶ [ discard ] ── end ──▶ page asked ──▶ page's head ──▶ outer hooks ──▶ next ──▶ client
//                                          └── no page ──▶ a line of text ──────────────┘

import { BODY_LENGTH, type BodySource, type ChunkOwner } from '../http/body.ts';
import { Exchange, type Downstream, type Handler } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import type { HeaderList } from '../http/header-list.ts';
import { ResponseFilter } from '../http/response-filter.ts';
import { hasNoBody } from '../http/status.ts';

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
 * Fields that go with a status and not with a body: RFC 9110 §15.5.2 (401), §15.5.6 (405), §15.5.8 (407), §15.5.17 (416),
 * §15.5.16 (415), §15.5.22 (426), §10.2.3 (Retry-After), §15.4 (redirections).
 */
const NEEDED = new Set([
  'www-authenticate', 'proxy-authenticate', 'authentication-info', 'allow', 'content-range', 'accept-ranges', 'accept',
  'accept-encoding', 'accept-patch', 'accept-post', 'upgrade', 'sec-websocket-version', 'retry-after', 'location',
]); // prettier-ignore

export class ErrorPageFilter extends ResponseFilter implements Downstream, BodySource {
  private readonly settings: ErrorPageSettings;
  private exchange: Exchange | null = null;
  private page: Exchange | null = null;
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
    if (this.page === null) {
      this.exchange = exchange;
      return;
    }
    exchange.isResponseStarted = true;
    // An answer of the router's own says that there is no page.
    if (exchange.failure === null) this.startPage(exchange);
    else this.giveUp(exchange.failure);
  }

  override write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean {
    if (this.isOver) return true;
    if (this.page !== null) return this.next!.write(chunk, start, end, owner);
    this.discarded += end - start;
    if (this.discarded > MAX_DISCARDED_BYTES) {
      const source = this.exchange!.responseSource;
      this.ask();
      source?.cancel();
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
    this.page.finish();
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
    this.page?.finish();
    this.next!.abort(failure);
  }

  // ── the page ───────────────────────────────────────────────────────────────────────────────────────────────────

  private ask(): void {
    const exchange = this.exchange!;
    const page = this.pageRequest(exchange);
    this.page = page;
    exchange.responseSource = this;
    try {
      const waiting = this.settings.service(page);
      if (waiting instanceof Promise) waiting.catch((error: unknown) => this.handlerFailed(page, error));
    } catch (error) {
      this.handlerFailed(page, error);
    }
  }

  private pageRequest(exchange: Exchange): Exchange {
    const { settings } = this;
    const page = new Exchange(this, exchange.client);
    const target = settings.target(exchange.status, settings.rewrite(exchange.status), askedUrl(exchange));
    const question = target.indexOf('?');
    const path = question < 0 ? target : target.slice(0, question);
    page.isSubrequest = true;
    page.method = exchange.method === 'HEAD' ? 'HEAD' : 'GET';
    page.forwardPath = path.startsWith('/') ? path : `/${path}`;
    page.path = page.forwardPath;
    page.target = target;
    page.query = question < 0 ? '' : target.slice(question + 1);
    page.hasQuery = question >= 0;
    page.host = exchange.host;
    page.authority = exchange.authority;
    page.entryPointName = exchange.entryPointName;
    page.routerName = exchange.routerName;
    page.appendForwardedFor = exchange.appendForwardedFor;
    page.hasForwarded = exchange.hasForwarded;
    page.startMs = performance.now();
    page.startWallMs = Date.now();
    const { names, lines } = exchange.requestHeaders;
    for (const [index, name] of names.entries()) {
      if (settings.requestFields === null ? !CONDITIONS.has(name) : settings.requestFields.has(name)) {
        page.requestHeaders.appendLine(name, lines[index]!);
      }
    }
    return page;
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
    this.page!.finish();
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

  // ── what a request needs of its connection; a page's has no body and no tunnel ─────────────────────────────────

  sendInformational(): void {}
  readBody(): void {}
  resumeBody(): void {}
  startTunnel(): void {
    this.abort(FAILURES.upgradeRefused);
  }
  resumeTunnel(): void {}
  /** A stage in front of the page's service threw: a defect, as one of the request's own would be. */
  handlerFailed(_: Exchange, error: unknown): void {
    if (!this.isOver) this.exchange!.downstream.handlerFailed(this.exchange!, error);
  }

  // ── asked by the client's side ─────────────────────────────────────────────────────────────────────────────────

  resume(): void {
    this.page?.responseSource?.resume();
  }

  cancel(): void {
    this.isOver = true;
    const source = this.page?.responseSource;
    this.page?.finish();
    source?.cancel();
  }
}

/** The URL the client asked for, as far as the request names it. */
function askedUrl({ target, authority, scheme }: Exchange): string {
  return target.startsWith('/') && authority !== '' ? `${scheme}://${authority}${target}` : target;
}
