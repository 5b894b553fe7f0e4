// TLS options of the hosts of one entry point, by the server name of a handshake or the host of a request.

import { DEFAULT_TLS_OPTIONS, type TlsHostSpec } from '../../model/tls.ts';

export class TlsHosts {
  readonly #options = new Map<string, string>();

  /** Every host has the default options. */
  get isEmpty(): boolean {
    return this.#options.size === 0;
  }

  set(spec: TlsHostSpec): void {
    this.#options.set(spec.host, spec.options);
  }

  remove(host: string): void {
    this.#options.delete(host);
  }

  /** Name of the options; '' when handshakes for the host have to fail. `host` is in lower case. */
  optionsOf(host: string): string {
    const exact = this.#options.get(host);
    if (exact !== undefined) return exact;
    const dot = host.indexOf('.');
    const wild = dot > 0 ? this.#options.get(`*${host.slice(dot)}`) : undefined;
    return wild ?? this.#options.get('*') ?? DEFAULT_TLS_OPTIONS;
  }
}
