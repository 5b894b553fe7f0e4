// One server's health as an HTTP request tells it. A probe keeps its connection from check to check, as clients do; when
// a kept one turns out to be dead, the check goes on with a fresh one.
//
//   REST ──check──▶ DIAL ──▶ HEAD ──▶ BODY ──▶ REST (connection kept or closed)
//                     └────────┴────────┴──▶ REST, with what went wrong

import type net from 'node:net';
import { Deadline } from '../../core/timer-wheel.ts';
import type { HealthCheckSpec, ServerSpec, UpstreamTlsSpec } from '../../model/service.ts';
import { BODY_CLOSE, BODY_NONE, type BodySink } from '../../dataplane/http/body.ts';
import { BodyReader } from '../../dataplane/http1/body-reader.ts';
import { HEAD_COMPLETE, HEAD_PARTIAL, HeadReader } from '../../dataplane/http1/head-reader.ts';
import { HeaderList } from '../../dataplane/http/message/header-list.ts';
import { InterimLimit } from '../../dataplane/http/interim-limit.ts';
import { hasNoBody } from '../../dataplane/http/message/status.ts';
import { readPlainly, type Reading, type ReadTarget } from '../../dataplane/net/fixed-read.ts';
import { Http1ResponseParser } from '../../dataplane/http1/response-parser.ts';
import { INCONCLUSIVE, type Probe, type ProbeContext, type Verdict } from './probe.ts';
import { ProbeDial } from './probe-dial.ts';

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_HEAD_FIELDS = 200;
/** A longer answer is not read to its end: its connection is closed instead. */
const MAX_BODY_BYTES = 64 * 1024;
/** The wheel turns every 50 ms; what is later than this says that the thread was held up. */
const MAX_LATE_MS = 250;
const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

const STATE_REST = 0;
const STATE_DIAL = 1;
const STATE_HEAD = 2;
const STATE_BODY = 3;

/** Where a request goes. */
interface Target {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

/** Whether a check of the server goes over TLS. */
export function isSecureCheck(spec: HealthCheckSpec, server: ServerSpec): boolean {
  return (spec.scheme ?? server.scheme) === 'https';
}

/** Shared: it is read out before anything else is parsed. */
const parser = new Http1ResponseParser();
const NOWHERE: BodySink = { write: () => true, flush: () => {}, end: () => {}, abort: () => {} };

export class HttpProbe implements Probe {
  readonly #spec: HealthCheckSpec;
  readonly #server: ServerSpec;
  readonly #tls: UpstreamTlsSpec;
  readonly #context: ProbeContext;
  readonly #head = new HeadReader();
  readonly #body = new BodyReader();
  readonly #headers = new HeaderList();
  readonly #deadline: Deadline;
  readonly #request: string;
  /** Names looked up besides the server's: targets of redirects. */
  #elsewhere: string | null = null;
  #socket: net.Socket | null = null;
  #dialing: ProbeDial | null = null;
  /** When the check has taken too long, in the wheel's time. */
  #dueMs = 0;
  #state = STATE_REST;
  #done: ((verdict: Verdict) => void) | null = null;
  /** What is asked now: the check's own, or the target of a redirect. */
  #pending = '';
  #target: Target;
  #verdict: Verdict = null;
  #status = 0;
  #redirects = 0;
  readonly #interim = new InterimLimit();
  /** The connection has answered before: its death may say nothing about the server. */
  #isReused = false;
  #keepAlive = true;

  /** `tls` is the transport's. */
  constructor(spec: HealthCheckSpec, server: ServerSpec, tls: UpstreamTlsSpec, context: ProbeContext) {
    this.#spec = spec;
    this.#server = server;
    this.#tls = tls;
    this.#context = context;
    this.#target = this.#ownTarget();
    this.#request = this.#render(spec.path, spec.hostname === '' ? this.#authority(this.#target) : spec.hostname);
    this.#deadline = new Deadline(() => this.#expired());
    context.resolver.retain(server.host);
  }

  check(done: (verdict: Verdict) => void): void {
    this.#done = done;
    this.#redirects = 0;
    this.#arm(this.#spec.timeoutMs);
    this.#ask(this.#ownTarget(), this.#request);
  }

  stop(): void {
    this.#done = null;
    this.#context.wheel.remove(this.#deadline);
    this.#context.resolver.release(this.#server.host);
    this.#goElsewhere(null);
    this.#drop();
  }

  #goElsewhere(host: string | null): void {
    if (this.#elsewhere !== null) this.#context.resolver.release(this.#elsewhere);
    this.#elsewhere = host;
    if (host !== null) this.#context.resolver.retain(host);
  }

  #arm(ms: number): void {
    const { wheel } = this.#context;
    this.#dueMs = wheel.nowMs + ms;
    wheel.arm(this.#deadline, ms);
  }

  /**
   * A main thread that was busy, or had no core, has not read what servers have long answered: its own delay must not take
   * all of them down at once.
   */
  #expired(): void {
    const lateMs = this.#context.wheel.nowMs - this.#dueMs;
    if (lateMs > MAX_LATE_MS) {
      this.#arm(Math.min(lateMs, this.#spec.timeoutMs));
      return;
    }
    const done = this.#done;
    // Behind the reads that are due in this turn.
    setImmediate(() => {
      if (done !== null && this.#done === done && this.#deadline.atMs === Number.POSITIVE_INFINITY) {
        const isStarved = this.#dialing?.isStarved === true;
        this.#settle(isStarved ? INCONCLUSIVE : `no answer within ${this.#spec.timeoutMs} ms`);
      }
    });
  }

  #ownTarget(): Target {
    const port = this.#spec.port === 0 ? this.#server.port : this.#spec.port;
    return { host: this.#server.host, port, isSecure: isSecureCheck(this.#spec, this.#server) };
  }

  #authority({ host, port, isSecure }: Target): string {
    const name = host.includes(':') ? `[${host}]` : host;
    return port === (isSecure ? 443 : 80) ? name : `${name}:${port}`;
  }

  #render(path: string, host: string): string {
    const { method, headers } = this.#spec;
    let head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
    if (!Object.keys(headers).some((name) => name.toLowerCase() === 'user-agent'))
      head += 'User-Agent: signalbox-health-check\r\n';
    for (const [name, value] of Object.entries(headers)) {
      // The host is the option `hostname`'s affair; a body there is none.
      if (name.toLowerCase() !== 'host') head += `${name}: ${value}\r\n`;
    }
    if (['POST', 'PUT', 'PATCH'].includes(method)) head += 'Content-Length: 0\r\n';
    return `${head}\r\n`;
  }

  #ask(target: Target, request: string): void {
    const { host, port, isSecure } = this.#target;
    const isSame = target.host === host && target.port === port && target.isSecure === isSecure;
    if (!isSame) this.#drop();
    this.#target = target;
    this.#pending = request;
    this.#interim.reset();
    if (this.#socket !== null) {
      this.#isReused = true;
      this.#send();
      return;
    }
    this.#dial();
  }

  #dial(): void {
    this.#state = STATE_DIAL;
    this.#isReused = false;
    const { host, port, isSecure } = this.#target;
    const target = { host, port, tls: isSecure ? this.#tls : null, protocols: ['http/1.1'] };
    const dial = new ProbeDial(target, this.#context, {
      connected: (socket, reading) => {
        this.#dialing = null;
        this.#connected(socket, reading);
      },
      failed: (reason) => {
        this.#dialing = null;
        this.#settle(reason);
      },
    });
    this.#dialing = dial;
    dial.start(this.#deadline.atMs - this.#context.wheel.nowMs);
  }

  #connected(socket: net.Socket, reading: Reading): void {
    this.#socket = socket;
    // What a connection says after it was given up is not this check's.
    const isCurrent = (): boolean => this.#socket === socket;
    const target: ReadTarget = {
      onRead: (chunk, length) => isCurrent() && this.#onRead(chunk, length),
      onEnd: () => isCurrent() && this.#onEnd(),
      onDrain: () => {},
      onClose: (error) => isCurrent() && this.#onClose(error),
    };
    readPlainly(socket, target, reading);
    this.#send();
  }

  #send(): void {
    this.#state = STATE_HEAD;
    this.#socket!.write(this.#pending);
  }

  // ── what the socket says ───────────────────────────────────────────────────────────────────────────────────────

  #onRead(chunk: Buffer, length: number): void {
    if (this.#state === STATE_HEAD) this.#readHead(chunk, 0, length);
    else if (this.#state === STATE_BODY) this.#readBody(chunk, 0, length);
    // Bytes nobody asked for.
    else this.#drop();
  }

  #onEnd(): void {
    // The head was the answer; its body is nobody's.
    if (this.#state === STATE_BODY) this.#finish(false);
    else this.#lost('the connection was closed without an answer');
  }

  #onClose(error: Error | null): void {
    const code = error !== null && 'code' in error ? String(error.code) : '';
    this.#lost(code === '' ? 'the connection was closed without an answer' : `the connection failed (${code})`);
  }

  #lost(reason: string): void {
    const mayTryAgain = this.#isReused && this.#state === STATE_HEAD && !this.#head.isPartial;
    this.#drop();
    if (this.#done === null) return;
    if (mayTryAgain) this.#dial();
    else this.#settle(reason);
  }

  #readHead(chunk: Buffer, start: number, end: number): void {
    let at = start;
    do {
      const outcome = this.#head.read(chunk, at, end, MAX_HEAD_BYTES);
      if (outcome === HEAD_PARTIAL) return;
      this.#headers.clear();
      const { text, length } = this.#head;
      const failure =
        outcome === HEAD_COMPLETE
          ? parser.parse(text, length, this.#spec.method, MAX_HEAD_FIELDS, this.#headers)
          : undefined;
      this.#head.text = '';
      if (failure !== null) {
        this.#drop();
        this.#settle('the answer is no HTTP response');
        return;
      }
      at = this.#head.next;
      if (parser.status >= 200) {
        this.#answered(chunk, at, end);
        return;
      }
      if (parser.status === 101 || !this.#interim.allow(performance.now())) {
        this.#drop();
        this.#settle('the answer is no final response');
        return;
      }
    } while (at < end);
  }

  #answered(chunk: Buffer, at: number, end: number): void {
    const { status } = parser;
    this.#status = status;
    this.#keepAlive = parser.keepAlive;
    const framing = hasNoBody(this.#spec.method, status) ? BODY_NONE : parser.framing;
    this.#body.begin(framing, Math.max(0, parser.length));
    const isGood = this.#spec.status.some(([from, to]) => status >= from && status <= to);
    this.#verdict = isGood ? null : `it answered ${status}`;
    this.#state = STATE_BODY;
    if (this.#body.remaining > MAX_BODY_BYTES || framing === BODY_CLOSE) {
      this.#finish(false);
      return;
    }
    if (this.#body.isDone) this.#finish(at === end && this.#keepAlive);
    else if (at < end) this.#readBody(chunk, at, end);
  }

  #readBody(chunk: Buffer, start: number, end: number): void {
    const at = this.#body.feed(chunk, start, end, null, NOWHERE, MAX_BODY_BYTES);
    if (at < 0) this.#finish(false);
    else if (this.#body.isDone) this.#finish(at === end && this.#keepAlive);
  }

  /** The answer is there, and the connection may be used again or not. */
  #finish(canKeep: boolean): void {
    if (!canKeep) this.#drop();
    this.#state = STATE_REST;
    const location = REDIRECTS.has(this.#status) ? this.#headers.get('location') : undefined;
    if (location !== undefined && this.#spec.followRedirects && this.#follow(location)) return;
    this.#settle(this.#verdict);
  }

  /** False when there is nowhere to go: the redirect itself is the answer. */
  #follow(location: string): boolean {
    let url: URL;
    try {
      url = new URL(location, `${this.#target.isSecure ? 'https' : 'http'}://${this.#authority(this.#target)}`);
    } catch {
      return false;
    }
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return false;
    const isSecure = url.protocol === 'https:';
    if (++this.#redirects > MAX_REDIRECTS) {
      this.#settle(`more than ${MAX_REDIRECTS} redirects`);
      return true;
    }
    const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
    const target: Target = { host: url.hostname.replace(/^\[|\]$/g, ''), port, isSecure };
    if (target.host !== this.#server.host) this.#goElsewhere(target.host);
    this.#ask(target, this.#render(url.pathname + url.search, url.host));
    return true;
  }

  #settle(verdict: Verdict): void {
    if (verdict !== null && this.#state !== STATE_REST) this.#drop();
    this.#state = STATE_REST;
    this.#context.wheel.disarm(this.#deadline);
    this.#goElsewhere(null);
    const done = this.#done;
    this.#done = null;
    done?.(verdict);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#dialing?.stop();
    this.#dialing = null;
    this.#head.reset();
    socket?.destroy();
  }
}
