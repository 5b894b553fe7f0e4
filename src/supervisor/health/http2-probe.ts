// One server's health as an HTTP request tells it, for servers that speak HTTP/2 alone. Redirects are followed on the server
// itself; one that leads elsewhere is the answer.

import { EndpointProbe, type ProbeAnswer } from './endpoint-probe.ts';

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export class Http2Probe extends EndpointProbe {
  #redirects = 0;

  protected begin(): void {
    this.#redirects = 0;
    this.#askFor(this.spec.path);
  }

  #askFor(path: string): void {
    this.ask({ method: this.spec.method, path });
  }

  protected answered({ status, headers }: ProbeAnswer): void {
    const location = REDIRECTS.has(status) ? headers.get('location') : undefined;
    if (location !== undefined && this.spec.followRedirects && this.#follow(location)) return;
    const isGood = this.spec.status.some(([from, to]) => status >= from && status <= to);
    this.settle(isGood ? null : `it answered ${status}`);
  }

  /** False when it does not lead to the same server. */
  #follow(location: string): boolean {
    const base = `http://${this.authority}`;
    if (!URL.canParse(location, base)) return false;
    const url = new URL(location, base);
    if (url.origin !== new URL(base).origin) return false;
    if (++this.#redirects > MAX_REDIRECTS) this.settle(`more than ${MAX_REDIRECTS} redirects`);
    else this.#askFor(url.pathname + url.search);
    return true;
  }
}
