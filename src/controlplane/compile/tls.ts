// Certificates and TLS options of all providers, and which hosts of which entry points have options of their own.

import { indexTerms } from '../../dataplane/match/index-terms.ts';
import { parseRule } from '../../dataplane/match/rule/rule.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import { isOverTls, type RouteSpec } from '../../model/route.ts';
import { DEFAULT_TLS_OPTIONS, type KeyedCertificate, type TlsHostSpec, type TlsOptionsSpec } from '../../model/tls.ts';
import { ACME_PROVIDER } from '../config/install/certificates-resolver-options.ts';
import { parseCertificate } from '../config/certificate.ts';
import {
  tlsOptions,
  tlsOptionsSpec,
  type CertificateOptions,
  type StoreOptions,
} from '../config/routing/tls-options.ts';
import { clientCertificateName, type TransportOptions } from '../config/routing/transport-options.ts';
import { defaultsOf } from '../../schema/object.ts';
import type { Compilation } from './compilation.ts';
import type { CompileMemory, RuleHosts } from './compile-memory.ts';
import type { Compiled } from './compiled.ts';
import type { Referrer, Resolved } from './reference/references.ts';
import { canonicalDomain } from './wanted-certificates.ts';

const DEFAULT_STORE = 'default';

/** By name. The same pair from two places is one certificate. */
export function compileCertificates({
  objects: { certificates, tlsStores: stores },
  findings,
  memory,
}: Compilation): ReadonlyMap<string, KeyedCertificate> {
  const specs = new Map<string, KeyedCertificate>();
  const add = (pair: { certFile: string; keyFile: string }, isDefault: boolean): void => {
    const parsed = parseCertificate(pair.certFile, pair.keyFile);
    if (typeof parsed === 'string') return; // Decoding has said so, and left no value.
    const known = specs.get(parsed.name);
    const spec = { ...parsed, isDefault: isDefault || known?.isDefault === true };
    specs.set(parsed.name, memory.certificates.keep(parsed, spec));
  };
  for (const { object } of certificates.values()) if (object.value !== null) add(object.value, false);
  let chosen: Compiled<StoreOptions> | null = null;
  for (const store of stores.values()) {
    const name = store.object.name;
    if (name !== DEFAULT_STORE) {
      findings.report(
        store,
        'warning',
        'option-without-effect',
        `there is no store but "${DEFAULT_STORE}"; "${name}" has no effect`,
      );
      continue;
    }
    const { defaultCertificate: pair, defaultGeneratedCert: generated } = store.object.value ?? {};
    if (pair === undefined && generated === undefined) continue;
    if (chosen !== null) {
      findings.report(
        store,
        'error',
        'duplicate-object',
        `the default certificate is defined by ${chosen.name} already, which counts`,
      );
      continue;
    }
    chosen = store;
    if (pair !== undefined) {
      add(pair, true);
      if (generated === undefined) continue;
      const message = 'defaultCertificate counts; defaultGeneratedCert has no effect beside it';
      findings.report(store, 'warning', 'option-without-effect', message, ['defaultGeneratedCert']);
    } else if (generated !== undefined) {
      const { main, sans } = generated.domain;
      const own = findGenerated(certificates, [main, ...sans]);
      // Until there is one, it is as if none were configured.
      if (own !== null) add(own, true);
    }
  }
  return specs;
}

/** The certificate of a resolver that has all of the names. */
function findGenerated(
  certificates: ReadonlyMap<string, Compiled<CertificateOptions>>,
  domains: readonly string[],
): CertificateOptions | null {
  for (const { provider, object } of certificates.values()) {
    if (provider !== ACME_PROVIDER || object.value === null) continue;
    const parsed = parseCertificate(object.value.certFile, object.value.keyFile);
    if (typeof parsed === 'string') continue;
    if (domains.every((domain) => parsed.hosts.includes(canonicalDomain(domain) ?? domain))) return object.value;
  }
  return null;
}

/** Those that transports show to servers; see `UpstreamTlsSpec.certificates`. */
export function compileClientCertificates(
  transports: ReadonlyMap<string, Compiled<TransportOptions>>,
): ReadonlyMap<string, KeyedCertificate> {
  const specs = new Map<string, KeyedCertificate>();
  for (const { name, object } of transports.values()) {
    for (const spec of clientCertificates(name, object.value?.certificates ?? [])) specs.set(spec.name, spec);
  }
  return specs;
}

/** Of one transport, under the name they are filed under; pairs that cannot be used are left out. */
export function clientCertificates(
  transport: string,
  pairs: readonly { readonly certFile: string; readonly keyFile: string }[],
): readonly KeyedCertificate[] {
  return pairs.flatMap((pair, index) => {
    const parsed = parseCertificate(pair.certFile, pair.keyFile);
    if (typeof parsed === 'string') return [];
    return [{ ...parsed, name: clientCertificateName(transport, index), hosts: [], isDefault: false }];
  });
}

export class CompiledTlsOptions {
  readonly specs = new Map<string, TlsOptionsSpec>();
  readonly #compilation: Compilation;

  constructor(compilation: Compilation) {
    this.#compilation = compilation;
    const { findings, objects } = compilation;
    let isDefaultBroken = false;
    for (const compiled of objects.tlsOptions.values()) {
      const { name, value } = compiled.object;
      const isDefault = name === DEFAULT_TLS_OPTIONS;
      if (isDefault && value === null) isDefaultBroken = true;
      if (value === null) continue;
      // One name for all providers: the default options are those of every host that names none.
      const qualified = isDefault ? DEFAULT_TLS_OPTIONS : compiled.name;
      if (isDefault && this.specs.has(qualified)) {
        findings.report(
          compiled,
          'error',
          'duplicate-object',
          'the default TLS options are defined by another provider',
        );
        continue;
      }
      this.specs.set(qualified, tlsOptionsSpec(qualified, value));
    }
    // Broken ones must not be served as if nothing had been said: they may have asked for certificates of clients.
    if (!this.specs.has(DEFAULT_TLS_OPTIONS) && !isDefaultBroken) {
      this.specs.set(DEFAULT_TLS_OPTIONS, tlsOptionsSpec(DEFAULT_TLS_OPTIONS, defaultsOf(tlsOptions)));
    }
  }

  /** Those that are meant, from now on used by `from`. */
  resolve(reference: string, from: Referrer): Resolved {
    if (reference === '' || reference === DEFAULT_TLS_OPTIONS) return { name: DEFAULT_TLS_OPTIONS, problem: null };
    return this.#compilation.references.resolve('tlsOptions', reference, from, (name) => this.specs.has(name));
  }
}

function hostsOf(route: RouteSpec, memory: CompileMemory): RuleHosts {
  return memory.ruleHosts.of(route, () => {
    const { rule } = parseRule(route.rule);
    const hosts = rule === null ? [] : indexTerms(rule).terms.map((term) => term.host);
    return { hosts: hosts.filter((host) => host !== null), isWhole: !hosts.includes(null) };
  });
}

/**
 * Hosts with other options than the default ones. Options are chosen in the handshake, by the server name: two routers
 * for one host cannot have different ones, and get the default ones (as in Traefik).
 */
export function compileTlsHosts(
  { objects: { routers }, findings, memory, references }: Compilation,
  routes: ReadonlyMap<string, RouteSpec>,
  entryPoints: Readonly<Record<string, EntryPointSpec>>,
): Record<string, TlsHostSpec> {
  const isTenants = ({ name }: RouteSpec): boolean => references.isRestricted(routers.get(name)?.provider ?? '');
  const chosen = new Map<string, { spec: TlsHostSpec; by: string; isTenants: boolean }>();
  const conflicts = new Set<string>();
  const hasOptions = [...routes.values()].some((route) => route.tlsOptions !== DEFAULT_TLS_OPTIONS);
  const entryPointHasOptions = Object.values(entryPoints).some(
    ({ tls }) => tls !== null && tls.options !== DEFAULT_TLS_OPTIONS,
  );
  if (!hasOptions && !entryPointHasOptions) return {};
  // A tenant who names a host of the operator's must not take from it what its clients have to prove.
  const operatorsFirst = [...routes.values()].toSorted((a, b) => Number(isTenants(a)) - Number(isTenants(b)));
  for (const route of operatorsFirst) {
    for (const name of route.entryPoints) {
      const entryPoint = entryPoints[name];
      if (entryPoint === undefined || !isOverTls(route, entryPoint)) continue;
      const options = route.tls === null ? (entryPoint.tls?.options ?? DEFAULT_TLS_OPTIONS) : route.tlsOptions;
      const { hosts, isWhole } = hostsOf(route, memory);
      const router = routers.get(route.name);
      if (!isWhole && options !== DEFAULT_TLS_OPTIONS && router !== undefined) {
        findings.report(
          router,
          'warning',
          'option-without-effect',
          `TLS options are chosen by the server name: requests for hosts that the rule does not name come with the default ones`,
          ['tls', 'options'],
        );
      }
      for (const host of hosts) {
        const key = `${name}/${host}`;
        const before = chosen.get(key);
        if (before === undefined) {
          const spec = { name: key, entryPoint: name, host, options };
          chosen.set(key, { spec, by: route.name, isTenants: isTenants(route) });
          continue;
        }
        if (before.spec.options === options) continue;
        const isOverruled = !before.isTenants && isTenants(route);
        if (!isOverruled) conflicts.add(key);
        if (router === undefined) continue;
        findings.report(
          router,
          'warning',
          'tls-options-conflict',
          `on ${name} the host ${host} has other TLS options through ${before.by}; ${isOverruled ? 'those count' : 'both get the default ones'}`,
          ['tls', 'options'],
        );
      }
    }
  }
  const specs: Record<string, TlsHostSpec> = {};
  for (const [key, { spec }] of chosen) {
    // Broken options are no choice that another router's could replace.
    const options = conflicts.has(key) && spec.options !== '' ? DEFAULT_TLS_OPTIONS : spec.options;
    if (options !== DEFAULT_TLS_OPTIONS) specs[key] = { ...spec, options };
  }
  return specs;
}
