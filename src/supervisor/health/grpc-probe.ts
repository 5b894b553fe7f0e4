// One server's health as the gRPC health checking protocol tells it (grpc.health.v1.Health/Check for the whole server),
// over HTTP/2, with TLS or without. The session is kept from check to check.

import http2 from 'node:http2';
import type tls from 'node:tls';
import { isUntrusted, pinProblem } from '../../dataplane/tls/upstream-tls.ts';
import type { HealthCheckSpec, ServerSpec, UpstreamTlsSpec } from '../../model/service.ts';
import { isSecureCheck, type Probe, type ProbeContext, type Verdict } from './http-probe.ts';

/** A HealthCheckRequest without a service name: an empty message in its five-byte frame. */
const REQUEST = Buffer.from([0, 0, 0, 0, 0]);
/** The answer is two bytes in a frame. */
const MAX_ANSWER_BYTES = 1024;
const SERVING = 1;
const MAX_LATE_MS = 250;
const STATES = ['unknown', 'serving', 'not serving', 'service unknown'];

export class GrpcProbe implements Probe {
  readonly #spec: HealthCheckSpec;
  readonly #server: ServerSpec;
  readonly #tls: UpstreamTlsSpec;
  readonly #context: Pick<ProbeContext, 'tls'>;
  readonly #isSecure: boolean;
  readonly #origin: string;
  #session: http2.ClientHttp2Session | null = null;
  #done: ((verdict: Verdict) => void) | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** `tls` is the transport's. */
  constructor(spec: HealthCheckSpec, server: ServerSpec, tls: UpstreamTlsSpec, context: Pick<ProbeContext, 'tls'>) {
    this.#spec = spec;
    this.#server = server;
    this.#tls = tls;
    this.#context = context;
    this.#isSecure = isSecureCheck(spec, server);
    const host = server.host.includes(':') ? `[${server.host}]` : server.host;
    this.#origin = `${this.#isSecure ? 'https' : 'http'}://${host}:${spec.port === 0 ? server.port : spec.port}`;
  }

  check(done: (verdict: Verdict) => void): void {
    this.#done = done;
    this.#limit(this.#spec.timeoutMs);
    let session: http2.ClientHttp2Session;
    try {
      session = this.#connect();
    } catch (error) {
      this.#settle(`TLS cannot be used: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    const stream = session.request({
      ...this.#spec.headers,
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(this.#spec.hostname === '' ? {} : { ':authority': this.#spec.hostname }),
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let status = '';
    let httpStatus = 0;
    const readStatus = (headers: http2.IncomingHttpHeaders): void => {
      const found = headers['grpc-status'];
      if (found !== undefined) status = String(found);
    };
    stream.on('response', (headers) => {
      httpStatus = Number(headers[':status']);
      readStatus(headers);
    });
    stream.on('trailers', readStatus);
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
      else stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    stream.on('error', (error: Error) => this.#settle(reasonOf(error)));
    stream.on('close', () => this.#settle(verdictOf(httpStatus, status, Buffer.concat(chunks))));
    stream.end(REQUEST);
  }

  /** Grants what the thread itself was held up, as http-probe.ts does. */
  #limit(ms: number): void {
    const dueMs = performance.now() + ms;
    this.#timer = setTimeout(() => {
      const lateMs = performance.now() - dueMs;
      if (lateMs > MAX_LATE_MS) {
        this.#limit(Math.min(lateMs, this.#spec.timeoutMs));
        return;
      }
      this.#drop();
      this.#settle(`no answer within ${this.#spec.timeoutMs} ms`);
    }, ms);
    this.#timer.unref();
  }

  stop(): void {
    this.#done = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#drop();
  }

  #connect(): http2.ClientHttp2Session {
    if (this.#session !== null && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const options = this.#isSecure ? this.#context.tls.optionsFor(this.#tls, this.#server.host, ['h2']) : {};
    const session = http2.connect(this.#origin, options);
    session.unref();
    session.on('connect', (_, socket) => {
      const problem = this.#isSecure ? pinProblem(this.#tls, (socket as tls.TLSSocket).getPeerCertificate()) : null; // Of https, always.
      if (problem !== null) session.destroy(problem);
    });
    session.on('error', (error: Error) => {
      if (this.#session !== session) return;
      this.#session = null;
      this.#settle(reasonOf(error));
    });
    session.on('close', () => {
      if (this.#session === session) this.#session = null;
    });
    this.#session = session;
    return session;
  }

  #drop(): void {
    const session = this.#session;
    this.#session = null;
    session?.destroy();
  }

  #settle(verdict: Verdict): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const done = this.#done;
    this.#done = null;
    done?.(verdict);
  }
}

function reasonOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.message;
  if (isUntrusted(error))
    return `its certificate is not trusted (${code === 'SERVER_UNTRUSTED' ? error.message : code})`;
  return code === 'ECONNREFUSED' ? 'the connection was refused' : `no answer (${code})`;
}

function verdictOf(httpStatus: number, status: string, answer: Buffer): Verdict {
  if (httpStatus !== 200) return `it answered ${httpStatus || 'nothing'}`;
  if (status !== '0') return `it answered gRPC status ${status === '' ? 'none' : status}`;
  // Field 1, a varint: the serving status. Absent, it is 0.
  const state = answer.length >= 7 && answer[5] === 0x08 ? answer[6]! : 0;
  return state === SERVING ? null : `it says ${STATES[state] ?? state}`;
}
