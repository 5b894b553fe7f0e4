// Which hosts of routers are names of this machine that nobody has given a certificate for: a local authority makes
// one, in the place of the default certificate, which no client trusts.

import { TCP_RULES } from '../../../dataplane/match/tcp-matcher.ts';
import type { WantedCertificate } from '../../../model/certificate.ts';
import type { EntryPointSpec } from '../../../model/entry-point.ts';
import { isOverTls, type RouteSpec } from '../../../model/route.ts';
import type { SnapshotSections } from '../../../model/snapshot.ts';
import { DEFAULT_TLS_OPTIONS, type KeyedCertificate, type TlsOptionsSpec } from '../../../model/tls.ts';
import type { Compilation } from '../compilation.ts';
import { canonicalDomain, domainsOfRule } from '../wanted-certificates.ts';

export interface LocalCertificateSource {
  /** Beside those of this machine. */
  readonly names: readonly string[];
  /** A name of this machine, or one of `names`; lower case. */
  certifies(host: string): boolean;
  /** None for what cannot be had, which is no reason to serve nothing. */
  certificatesFor(hosts: readonly string[]): readonly KeyedCertificate[];
}

export const NO_LOCAL_CERTIFICATES: LocalCertificateSource = {
  names: [],
  certifies: () => false,
  certificatesFor: () => [],
};

export interface Surroundings {
  readonly routes: ReadonlyMap<string, RouteSpec>;
  readonly tcpRoutes: SnapshotSections['tcpRoutes'];
  readonly entryPoints: Readonly<Record<string, EntryPointSpec>>;
  readonly tlsOptions: ReadonlyMap<string, TlsOptionsSpec>;
  /** Of people, and of certificates resolvers. */
  readonly certificates: Iterable<KeyedCertificate>;
  readonly wanted: readonly WantedCertificate[];
}

/** Sorted. */
export function localNames(
  source: LocalCertificateSource,
  { objects: { tlsStores }, memory }: Compilation,
  { routes, tcpRoutes, entryPoints, tlsOptions, certificates, wanted }: Surroundings,
): readonly string[] {
  for (const { object } of tlsStores.values()) {
    // Somebody has said what clients get that no certificate fits.
    if (object.value?.defaultCertificate !== undefined || object.value?.defaultGeneratedCert !== undefined) return [];
  }
  const found = new Set<string>();
  const add = (names: readonly string[]): void => {
    for (const name of names) {
      // Addresses of IPv6 stand in brackets in a rule, and without them in a certificate.
      const canonical = canonicalDomain(name);
      if (canonical !== null && source.certifies(canonical)) found.add(canonical);
    }
  };
  // Options that cannot be used refuse everybody as well.
  const isStrict = (options: string): boolean => tlsOptions.get(options)?.sniStrict !== false;
  for (const route of routes.values()) {
    if (route.parents.length > 0) continue;
    const names = mentions(route.rule, source);
    if (names === 'other') continue;
    for (const name of route.entryPoints) {
      const entryPoint = entryPoints[name];
      if (entryPoint === undefined || !isOverTls(route, entryPoint)) continue;
      const own = route.tls === null ? (entryPoint.tls?.options ?? DEFAULT_TLS_OPTIONS) : route.tlsOptions;
      if (isStrict(own)) continue;
      if (names === 'local') add(memory.ruleDomains.of(route, () => domainsOfRule(route)));
      // Whoever asks there asks for this machine.
      else if (source.certifies(entryPoint.address.host)) add(['localhost']);
    }
  }
  for (const route of Object.values(tcpRoutes)) {
    if (route.tls === null || route.tls.passthrough || mentions(route.rule, source) !== 'local') continue;
    if (isStrict(route.tls.options)) continue;
    add(memory.ruleDomains.of(route, () => domainsOfRule(route, TCP_RULES)));
  }
  if (found.size === 0) return [];
  const given = new Set([...certificates].flatMap(({ hosts }) => hosts));
  for (const { domains } of wanted) for (const domain of domains) given.add(domain);
  return [...found].filter((name) => !given.has(name) && !given.has(name.replace(/^[^.]+/, '*'))).toSorted();
}

/** By the look of it: rules are not parsed for what nearly none of them says. */
function mentions(rule: string, { names }: LocalCertificateSource): 'local' | 'nobody' | 'other' {
  if (/localhost|\b127\.|::1|0:1\b/i.test(rule)) return 'local';
  const lower = rule.toLowerCase();
  if (names.some((name) => lower.includes(name))) return 'local';
  return lower.includes('host') ? 'other' : 'nobody';
}
