// One server's health as an HTTP request tells it, in HTTP/1.1, or in HTTP/2 where the server speaks that alone.
// Redirects are followed; of a server of HTTP/2 on the server itself, since nobody knows what another one speaks.

import type { HealthCheckSpec, ServerSpec, UpstreamTlsSpec } from '../../model/service.ts';
import type { Exchange } from '../../dataplane/http/exchange.ts';
import { FAILURES, type Failure } from '../../dataplane/http/failure.ts';
import type { Endpoint } from '../../dataplane/upstream/endpoint.ts';
import { EndpointProbe, type ProbeAnswer, type ProbeProtocol } from './endpoint-probe.ts';
import type { ProbeContext, Verdict } from './probe.ts';

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Whether a check of the server goes over TLS. */
export function isSecureCheck(spec: HealthCheckSpec, server: ServerSpec): boolean {
  return (spec.scheme ?? server.scheme) === 'https';
}

/** Where a request goes. */
interface Target {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

export class HttpProbe extends EndpointProbe {
  readonly #isHttp2: boolean;
  readonly #own: Target;
  /** Where the present question went. */
  #target: Target;
  /** Of a redirect that leads away. */
  #elsewhere: Endpoint | null = null;
  #redirects = 0;

  /** `tls` is the transport's. */
  constructor(spec: HealthCheckSpec, server: ServerSpec, tls: UpstreamTlsSpec, context: ProbeContext) {
    const isHttp2 = server.scheme === 'h2c' && spec.scheme === null;
    // The path of a check is whole, and not below that of the server.
    super(spec, isHttp2 ? server : { ...server, path: '' }, tls, context, protocolOf(spec, server, isHttp2));
    this.#isHttp2 = isHttp2;
    this.#own = { host: server.host, port: this.server.port, isSecure: isSecureCheck(spec, server) };
    this.#target = this.#own;
  }

  protected begin(): void {
    const { spec } = this;
    this.#redirects = 0;
    this.#target = this.#own;
    if (this.#isHttp2) this.ask({ method: spec.method, path: spec.path });
    else this.#ask(this.endpoint, spec.path, spec.hostname === '' ? authorityOf(this.#own) : spec.hostname);
  }

  #ask(endpoint: Endpoint, path: string, authority: string): void {
    this.ask({ method: this.spec.method, path, target: { endpoint, authority }, prepare: nameItself });
  }

  protected judge({ status, headers }: ProbeAnswer): void {
    const location = REDIRECTS.has(status) ? headers.get('location') : undefined;
    if (location !== undefined && this.spec.followRedirects && this.#follow(location)) return;
    const isGood = this.spec.status.some(([from, to]) => status >= from && status <= to);
    this.settle(isGood ? null : `it answered ${status}`);
  }

  /** The head was the answer; its body is nobody's. */
  protected judgesHead(head: ProbeAnswer, failure: Failure): boolean {
    if (this.#isHttp2 || failure === FAILURES.upstreamReset) return false;
    this.judge(head);
    return true;
  }

  /** False when there is nowhere to go: the redirect itself is the answer. */
  #follow(location: string): boolean {
    const from = this.#target;
    const base = this.#isHttp2 ? `http://${this.authority}` : `${schemeOf(from)}://${authorityOf(from)}`;
    if (!URL.canParse(location, base)) return false;
    const url = new URL(location, base);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return false;
    if (this.#isHttp2 && url.origin !== new URL(base).origin) return false;
    if (++this.#redirects > MAX_REDIRECTS) {
      this.settle(`more than ${MAX_REDIRECTS} redirects`);
      return true;
    }
    const path = url.pathname + url.search;
    if (this.#isHttp2) this.ask({ method: this.spec.method, path });
    else this.#ask(this.#endpointAt(targetOf(url)), path, url.host);
    return true;
  }

  #endpointAt(target: Target): Endpoint {
    const isSame = isEqual(target, this.#target);
    this.#target = target;
    if (isEqual(target, this.#own)) return this.endpoint;
    if (isSame && this.#elsewhere !== null) return this.#elsewhere;
    const { host, port } = target;
    const scheme = schemeOf(target);
    const before = this.#elsewhere;
    const url = `${scheme}://${authorityOf(target)}`;
    this.#elsewhere = this.endpointOf({ ...this.server, url, scheme, host, port });
    // Afterwards: a name that both have stays known.
    before?.retire();
    return this.#elsewhere;
  }

  protected override settle(verdict: Verdict): void {
    const elsewhere = this.#elsewhere;
    this.#elsewhere = null;
    super.settle(verdict);
    elsewhere?.retire();
  }
}

function protocolOf(spec: HealthCheckSpec, server: ServerSpec, isHttp2: boolean): ProbeProtocol {
  if (isHttp2) return { scheme: 'h2c', isHttp2, maxHeadBytes: 16 * 1024, maxHeadFields: 100 };
  const scheme = isSecureCheck(spec, server) ? 'https' : 'http';
  return { scheme, isHttp2, maxHeadBytes: 64 * 1024, maxHeadFields: 200 };
}

function nameItself({ requestHeaders }: Exchange): void {
  requestHeaders.set('User-Agent', 'signalbox-health-check');
}

function schemeOf({ isSecure }: Target): 'http' | 'https' {
  return isSecure ? 'https' : 'http';
}

/** As a client names it: without the port that its scheme has in any case. */
function authorityOf({ host, port, isSecure }: Target): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (isSecure ? 443 : 80) ? name : `${name}:${port}`;
}

function targetOf({ hostname, port, protocol }: URL): Target {
  const isSecure = protocol === 'https:';
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (isSecure ? 443 : 80) : Number(port),
    isSecure,
  };
}

function isEqual(a: Target, b: Target): boolean {
  return a.host === b.host && a.port === b.port && a.isSecure === b.isSecure;
}
