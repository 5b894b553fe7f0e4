// Which certificates a client gets for the server name it sends. Changes come as deltas; a handshake only looks up.

import type { KeyedCertificate } from '../../model/tls.ts';

export class CertificateIndex {
  readonly #specs = new Map<string, KeyedCertificate>();
  readonly #byHost = new Map<string, KeyedCertificate[]>();

  get size(): number {
    return this.#specs.size;
  }

  get(name: string): KeyedCertificate | null {
    return this.#specs.get(name) ?? null;
  }

  add(spec: KeyedCertificate): void {
    this.remove(spec.name);
    this.#specs.set(spec.name, spec);
    for (const host of spec.hosts) {
      const others = this.#byHost.get(host);
      if (others === undefined) this.#byHost.set(host, [spec]);
      else others.push(spec);
    }
  }

  remove(name: string): void {
    const spec = this.#specs.get(name);
    if (spec === undefined) return;
    this.#specs.delete(name);
    for (const host of spec.hosts) {
      const left = this.#byHost.get(host)!.filter((other) => other !== spec);
      if (left.length === 0) this.#byHost.delete(host);
      else this.#byHost.set(host, left);
    }
  }

  /**
   * The best certificate of each type of key for a name in lower case; empty when there is none. One with the very name
   * goes before a wildcard (RFC 6125 §6.4.3: for one label), but one that is valid now before any that is not.
   */
  find(serverName: string, nowMs: number): readonly KeyedCertificate[] {
    if (serverName === '') return NONE;
    const exact = this.#byHost.get(serverName) ?? NONE;
    if (hasValid(exact, nowMs)) return best(exact, nowMs);
    const dot = serverName.indexOf('.');
    const wild = dot > 0 ? (this.#byHost.get(`*${serverName.slice(dot)}`) ?? NONE) : NONE;
    if (hasValid(wild, nowMs) || exact.length === 0) return best(wild, nowMs);
    return best(exact, nowMs);
  }

  /** The default certificate; empty when none is configured. */
  defaults(): readonly KeyedCertificate[] {
    for (const spec of this.#specs.values()) if (spec.isDefault) return [spec];
    return NONE;
  }
}

const NONE: readonly KeyedCertificate[] = [];

function isValid(spec: KeyedCertificate, nowMs: number): boolean {
  return spec.notBefore <= nowMs && nowMs <= spec.notAfter;
}

function hasValid(specs: readonly KeyedCertificate[], nowMs: number): boolean {
  return specs.some((spec) => isValid(spec, nowMs));
}

/**
 * Of each type of key the valid one that lasts longest; in an order that does not depend on that of the configuration.
 */
function best(specs: readonly KeyedCertificate[], nowMs: number): readonly KeyedCertificate[] {
  if (specs.length < 2) return specs;
  const chosen = new Map<string, KeyedCertificate>();
  for (const spec of specs) {
    const before = chosen.get(spec.keyType);
    if (before === undefined || isBetter(spec, before, nowMs)) chosen.set(spec.keyType, spec);
  }
  const usable = [...chosen.values()];
  // Beside a valid one, an expired one of another type would be given to some clients.
  const valid = usable.filter((spec) => isValid(spec, nowMs));
  return (valid.length > 0 ? valid : usable).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function isBetter(a: KeyedCertificate, b: KeyedCertificate, nowMs: number): boolean {
  const isValidA = isValid(a, nowMs);
  if (isValidA !== isValid(b, nowMs)) return isValidA;
  if (a.notAfter !== b.notAfter) return a.notAfter > b.notAfter;
  return a.name < b.name;
}
