// Which certificates routers ask for: the names of `tls.domains`, or those their rule matches. Pure, and independent of
// which of them there are already; that is the certificate manager's.

import { formatIp, parseIp } from '../../core/ip.ts';
import { parseRule, type RuleLanguage } from '../../dataplane/match/rule/rule.ts';
import type { RuleNode } from '../../dataplane/match/rule/rule-tree.ts';
import { TCP_RULES } from '../../dataplane/match/tcp-matcher.ts';
import type { WantedCertificate } from '../../model/certificate.ts';
import type { RouteSpec } from '../../model/route.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import { missingResolver, type AcmeResolverConfig } from '../config/install/certificates-resolver-options.ts';
import type { CertificateDefaults, InstallConfig } from '../config/install/install-config.ts';
import type { RouterOptions } from '../config/routing/routing-options.ts';
import type { Compilation } from './compilation.ts';
import type { Compiled } from './compiled.ts';
import type { Findings } from './findings.ts';

/** Of the routers in force. What cannot be had is reported at the router and left out. */
export function compileWantedCertificates(
  { install, objects: { routers, tcpRouters, tlsStores }, findings, memory }: Compilation,
  routes: ReadonlyMap<string, RouteSpec>,
  tcpRoutes: SnapshotSections['tcpRoutes'],
): readonly WantedCertificate[] {
  const resolvers = new Map(install.certificatesResolvers.map((resolver) => [resolver.name, resolver]));
  const asking: RouterWithTls[] = [];
  const asked = new Map<string, Compiled<unknown>>();
  const ask = (
    name: string,
    router: Compiled<unknown> | undefined,
    wish: CertificateDefaults,
    route: Ruled,
    language?: RuleLanguage,
  ): void => {
    const { certResolver, domains } = wish;
    const missing = missingResolver(certResolver, [...resolvers.keys()], install.unusableResolvers);
    if (missing === null) {
      const ruleDomains = (): readonly string[] => memory.ruleDomains.of(route, () => domainsOfRule(route, language));
      asking.push({ name, certResolver, domains, ruleDomains });
    } else report(router, 'dangling-reference', missing, findings);
    if (router !== undefined) asked.set(name, router);
  };
  for (const route of routes.values()) {
    // What has been got before goes on being shown; nothing is ordered for what cannot be served.
    if (route.disabledStatus > 0) continue;
    if (route.parents.length > 0) continue;
    const router = routers.get(route.name);
    for (const wish of wishesOf(route, router, install)) ask(route.name, router, wish, route);
  }
  for (const route of Object.values(tcpRoutes)) {
    if (route.isDisabled) continue;
    const router = tcpRouters.get(route.name);
    const tls = router?.object.value?.tls;
    if (tls === undefined || tls === false || tls.passthrough || tls.certResolver === undefined) continue;
    // An HTTP router may have the same name.
    const { certResolver, domains } = tls;
    ask(`${route.name} (tcp)`, router, { certResolver, domains }, route, TCP_RULES);
  }
  for (const store of tlsStores.values()) {
    const { defaultGeneratedCert, defaultCertificate } = store.object.value ?? {};
    if (defaultGeneratedCert === undefined || defaultCertificate !== undefined) continue;
    const { resolver, domain } = defaultGeneratedCert;
    ask(`${store.name} (store)`, store, { certResolver: resolver, domains: [domain] }, { rule: '' });
  }
  const { wanted, problems } = wantedCertificates(asking);
  for (const { router, message } of problems) report(asked.get(router), 'no-certificate', message, findings);
  return wanted.filter(({ resolver, domains, routers: names }) => {
    const problem = unreachable(resolvers.get(resolver)!, domains);
    if (problem === null) return true;
    for (const name of names) report(asked.get(name), 'no-certificate', problem, findings);
    return false;
  });
}

function wishesOf(
  route: RouteSpec,
  router: Compiled<RouterOptions> | undefined,
  install: Pick<InstallConfig, 'entryPointCertificates'>,
): readonly CertificateDefaults[] {
  const tls = router?.object.value?.tls;
  if (tls === false) return [];
  if (tls !== undefined) {
    const { certResolver, domains } = tls;
    return certResolver === undefined ? [] : [{ certResolver, domains }];
  }
  return route.entryPoints.flatMap((name) => install.entryPointCertificates[name] ?? []);
}

function report(
  router: Compiled<unknown> | undefined,
  code: 'dangling-reference' | 'no-certificate',
  message: string,
  findings: Findings,
): void {
  // Of `tls.stores` the option has another name.
  const option = router?.object.path[1] === 'stores' ? ['defaultGeneratedCert', 'resolver'] : ['tls', 'certResolver'];
  if (router !== undefined) findings.report(router, 'warning', code, message, option);
}

/** Why none of the resolver's challenges can prove these names; null when one can. */
function unreachable({ name, dns, http, tls }: AcmeResolverConfig, domains: readonly string[]): string | null {
  const wildcard = domains.find((domain) => domain.startsWith('*.'));
  if (wildcard !== undefined && dns === null) {
    return `the resolver "${name}" needs a dnsChallenge to get a certificate for ${wildcard}`;
  }
  const address = domains.find((domain) => parseIp(domain) !== null);
  if (address !== undefined && http === null && tls === null) {
    return `the resolver "${name}" needs an httpChallenge or a tlsChallenge to get a certificate for ${address}`;
  }
  return null;
}

/** What names hosts. */
interface Ruled {
  readonly rule: string;
}

/** Hosts that the rule matches by name. */
export function domainsOfRule({ rule: text }: Ruled, language?: RuleLanguage): readonly string[] {
  const { rule } = parseRule(text, language);
  return rule === null ? [] : domainsIn(rule);
}

/** Arguments of `Host` and `HostSNI` that are not negated; patterns and `*` are no names. */
function domainsIn(rule: RuleNode): readonly string[] {
  const found = new Set<string>();
  const visit = (node: RuleNode): void => {
    if (node.kind !== 'matcher') for (const child of node.nodes) visit(child);
    else if (!node.negated && (node.name === 'Host' || node.name === 'HostSNI') && node.args[0] !== '*') {
      const name = node.args[0]!;
      // A host that no request has; the rule has been warned of.
      if (name.startsWith('[') || !/[:/{}@]/.test(name)) found.add(name);
    }
  };
  visit(rule);
  return [...found];
}

/** What of a router says which certificate it needs. */
export interface RouterWithTls {
  /** Qualified. */
  readonly name: string;
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

/**
 * Lower case, without a trailing dot, addresses in their shortest form and without brackets; null when it is no name.
 */
export function canonicalDomain(name: string): string | null {
  const lower = name.trim().toLowerCase();
  const address = parseIp(/^\[(.*)\]$/.exec(lower)?.[1] ?? lower);
  if (address !== null) return formatIp(address);
  const plain = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  const labels = (plain.startsWith('*.') ? plain.slice(2) : plain).split('.');
  return plain.length <= MAX_NAME && labels.every((label) => LABEL.test(label)) ? plain : null;
}
