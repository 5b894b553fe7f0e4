// Which certificates routers ask for: the names of `tls.domains`, or those their rule matches. Pure, and independent of
// which of them there are already; that is the certificate manager's.

import { formatIp, parseIp } from '../../core/ip.ts';
import type { WantedCertificate } from '../../model/certificate.ts';

/** What of a router says which certificate it needs. */
export interface RouterWithTls {
  /** Qualified. */
  readonly name: string;
  readonly rule: string;
  readonly certResolver: string;
  readonly domains: readonly { readonly main: string; readonly sans: readonly string[] }[];
  /** Names in the rule, once it is parsed; not called when there are `domains`. */
  readonly ruleDomains: () => readonly string[];
}

/** Names of one certificate that public authorities take; Let's Encrypt's limit. */
export const MAX_DOMAINS = 100;

export interface WantedProblem {
  readonly router: string;
  readonly message: string;
}

/** Certificates in the order of the routers, each once. Routers without a name to ask for are reported. */
export function wantedCertificates(routers: Iterable<RouterWithTls>): {
  readonly wanted: readonly WantedCertificate[];
  readonly problems: readonly WantedProblem[];
} {
  const found = new Map<string, { resolver: string; domains: readonly string[]; routers: string[] }>();
  const problems: WantedProblem[] = [];
  for (const router of routers) {
    for (const names of namesOf(router)) {
      const problem = addSet(router, names, found);
      if (problem !== null) problems.push({ router: router.name, message: problem });
    }
  }
  return { wanted: [...found.values()], problems };
}

function namesOf(router: RouterWithTls): readonly (readonly string[])[] {
  if (router.domains.length > 0) return router.domains.map(({ main, sans }) => [main, ...sans]);
  return [router.ruleDomains()];
}

function addSet(
  router: RouterWithTls,
  names: readonly string[],
  into: Map<string, { resolver: string; domains: readonly string[]; routers: string[] }>,
): string | null {
  const domains = new Set<string>();
  for (const name of names) {
    const domain = canonicalDomain(name);
    if (domain === null) return `"${name}" is no name a certificate can be for`;
    domains.add(domain);
  }
  if (domains.size === 0) {
    return 'the rule names no host a certificate could be for; list them under tls.domains';
  }
  if (domains.size > MAX_DOMAINS) return `one certificate has at most ${MAX_DOMAINS} names, found ${domains.size}`;
  const list = [...domains];
  const key = `${router.certResolver}\0${certificateKey(list)}`;
  const known = into.get(key);
  if (known === undefined) {
    into.set(key, { resolver: router.certResolver, domains: list, routers: [router.name] });
  } else if (!known.routers.includes(router.name)) known.routers.push(router.name);
  return null;
}

/** The same for every order of the names. */
export function certificateKey(domains: readonly string[]): string {
  return domains.toSorted().join(',');
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_NAME = 253;

/** Lower case, without a trailing dot, addresses in their shortest form and without brackets; null when it is no name. */
export function canonicalDomain(name: string): string | null {
  const lower = name.trim().toLowerCase();
  const address = parseIp(/^\[(.*)\]$/.exec(lower)?.[1] ?? lower);
  if (address !== null) return formatIp(address);
  const plain = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  const labels = (plain.startsWith('*.') ? plain.slice(2) : plain).split('.');
  return plain.length <= MAX_NAME && labels.every((label) => LABEL.test(label)) ? plain : null;
}
