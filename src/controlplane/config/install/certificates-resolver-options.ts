// Certificates resolvers as people write them, and what the certificate manager runs: an authority, an account, a key
// type and the challenges it may be asked to answer.

import { didYouMean } from '../../../core/did-you-mean.ts';
import { parseIp } from '../../../core/ip.ts';
import type { DecodeContext } from '../../../schema/decode-context.ts';
import { record } from '../../../schema/collection.ts';
import { differing, later, optional, required, withDefault } from '../../../schema/field.ts';
import { checked, object, defaultsOf } from '../../../schema/object.ts';
import { boolean, duration, integer, leaf, oneOf, secret, string, tolerant } from '../../../schema/scalar.ts';
import type { Infer } from '../../../schema/schema.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { DNS_PROVIDERS, isDnsProvider, type DnsProviderName } from './dns-provider-names.ts';

const HOUR_MS = 3_600_000;
/** A resolver that cannot work must not keep the router from serving what needs none. */
const OFF = 'the resolver is off until then, and its routers get no certificates from it';
const DEFAULT_DNS_PORT = 53;

const flag = (fallback: boolean, doc: string) => withDefault(boolean(), fallback, doc);

export const KEY_TYPES = ['EC256', 'EC384', 'RSA2048', 'RSA4096', 'RSA8192'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** `host`, `host:port` or `[address]:port`. */
const nameServer = leaf('name server', { type: 'string' }, (input, context) => {
  const text = typeof input === 'number' ? String(input) : input;
  const parsed = typeof text === 'string' ? parseNameServer(text) : null;
  return parsed === null
    ? context.invalid(
        `${context.show(input)} is no name server; write 1.1.1.1:53, [2606:4700:4700::1111]:53 or dns.example.com`,
        'host[:port]',
        context.show(input),
      )
    : (text as string); // A string, or it would not have parsed.
});

export interface NameServer {
  /** Name or address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Null when the text is none. */
export function parseNameServer(text: string): NameServer | null {
  const bare = parseIp(text);
  if (bare?.family === 6) return { host: text, port: DEFAULT_DNS_PORT };
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?$/.exec(text);
  if (match === null) return null;
  const host = match[1] ?? match[2]!;
  const port = match[3] === undefined ? DEFAULT_DNS_PORT : Number(match[3]);
  if (port < 1 || port > 65_535 || (match[1] !== undefined && parseIp(host)?.family !== 6)) return null;
  return { host, port };
}

const authority = leaf('URL', { type: 'string' }, (input, context) => {
  const url = typeof input === 'string' && URL.canParse(input) ? new URL(input) : null;
  return url?.protocol === 'https:' && url.username === '' && url.password === ''
    ? url.href
    : context.invalid(
        `${context.show(input)} is no directory of a certificate authority; its address begins with https:// (RFC 8555 §6.1)`,
        'an https URL',
        context.show(input),
      );
});

const propagation = object({
  delayBeforeChecks: withDefault(duration(), 0, 'Wait this long before the record is looked for.'),
  disableChecks: flag(false, 'Do not look whether the record is there; the authority is told after the delay.'),
  requireAllRNS: flag(false, 'The record must be seen through every one of `resolvers`, too.'),
  disableANSChecks: flag(
    false,
    'Do not ask the name servers of the zone themselves; with `requireAllRNS` the resolvers alone count.',
  ),
});

const dnsChallenge = checked(
  object({
    provider: required(
      string(),
      `How the record is made: ${DNS_PROVIDERS.map((name) => `\`${name}\``).join(', ')}. Credentials come from its environment variables.`,
    ),
    resolvers: withDefault(
      forgivingList(nameServer),
      [],
      'Name servers that are asked for zones and CNAMEs; those of the system when empty.',
    ),
    propagation: withDefault(
      propagation,
      defaultsOf(propagation),
      'How the record is looked for before the authority does.',
    ),
    delayBeforeCheck: optional(duration(), 'Older name of `propagation.delayBeforeChecks`.'),
    disablePropagationCheck: optional(boolean(), 'Older name of `propagation.disableChecks`.'),
  }),
  (value, context) => {
    checkProvider(value.provider, context);
    const { propagation: checks } = value;
    const old = (name: string, present: string, isTwice: boolean): void =>
      context.at(name, () => {
        context.report('warning', 'deprecated-option', `the name of this option is propagation.${present} now`);
        if (isTwice)
          context.report('warning', 'option-without-effect', `propagation.${present} is given as well and counts`);
      });
    if (value.delayBeforeCheck !== undefined)
      old('delayBeforeCheck', 'delayBeforeChecks', checks.delayBeforeChecks > 0);
    if (value.disablePropagationCheck !== undefined) old('disablePropagationCheck', 'disableChecks', false);
    const isOff = checks.disableChecks || value.disablePropagationCheck === true;
    const without = (option: string, reason: string): void =>
      context.at('propagation', () =>
        context.at(option, () => context.report('warning', 'option-without-effect', reason)),
      );
    if (isOff && checks.requireAllRNS) without('requireAllRNS', 'nothing is looked for with disableChecks');
    if (isOff && checks.disableANSChecks) without('disableANSChecks', 'nothing is looked for with disableChecks');
    if (!isOff && checks.disableANSChecks && !checks.requireAllRNS) {
      without(
        'disableANSChecks',
        'nothing is left to look at: say requireAllRNS: true to look through the resolvers, or disableChecks: true to mean it',
      );
    }
  },
);

function checkProvider(provider: string, context: DecodeContext): void {
  if (isDnsProvider(provider)) return;
  const near = didYouMean(provider, DNS_PROVIDERS);
  const rest =
    near === null
      ? `; known: ${DNS_PROVIDERS.join(', ')}. For every other one, "exec" runs a program of yours and "httpreq" calls an address of yours`
      : `; did you mean "${near}"?`;
  context.at('provider', () =>
    context.report('warning', 'invalid-value', `there is no DNS provider "${provider}"${rest}; ${OFF}`, {
      expected: DNS_PROVIDERS.join(', '),
      received: provider,
    }),
  );
}

const httpChallenge = object({
  entryPoint: required(string(), 'Entry point that the authority reaches on port 80.'),
  delay: withDefault(duration(), 0, 'Wait this long between the answer being in place and the authority being told.'),
});

const tlsChallenge = object({
  delay: withDefault(duration(), 0, 'Wait this long between the answer being in place and the authority being told.'),
});

const externalAccount = object({
  kid: required(string(), 'Key identifier that the authority gave out.'),
  hmacEncoded: required(
    checked(secret(), (value, context) => {
      if (!/^[A-Za-z0-9_+/-]+={0,2}$/.test(value)) {
        context.invalid('the key is in base64url, without spaces or line breaks', 'base64url', 'something else');
      }
    }),
    'HMAC key that the authority gave out, in base64url.',
  ),
});

/** A PEM block in the configuration, or the path of a file. */
const acme = checked(
  object({
    email: withDefault(string(), '', 'Where the authority writes to; many need none.'),
    caServer: withDefault(
      authority,
      'https://acme-v02.api.letsencrypt.org/directory',
      'Directory of the certificate authority.',
    ),
    storage: differing(
      withDefault(
        string({ pattern: /^[^\0]+$/, expected: 'a path' }),
        'acme.json',
        'File that keeps account and certificates, mode 0600. A file of Traefik’s is taken over.',
      ),
      'A file of Traefik’s is taken over once, and kept beside with the ending `.traefik`; the file has a format of its own then. The way back to Traefik is that copy.',
    ),
    keyType: withDefault(tolerant(oneOf(...KEY_TYPES), 'RSA4096'), 'RSA4096', 'Kind of the certificates’ keys.'),
    certificatesDuration: withDefault(
      integer({ min: 1, max: 100 * 365 * 24, clamp: 'above', isZeroAbsent: true }),
      2160,
      'Hours that certificates live; says when to renew. One that lives shorter is judged by its own lifetime.',
    ),
    certificateTimeout: withDefault(duration(), 30_000, 'Longest time the authority may take to make the certificate.'),
    clientTimeout: withDefault(duration(), 120_000, 'Longest time for a request to the authority.'),
    clientResponseHeaderTimeout: withDefault(duration(), 30_000, 'Longest time to the head of its answer.'),
    preferredChain: withDefault(
      string(),
      '',
      'Common name of an issuer: the chain that has it is taken, where the authority offers several.',
    ),
    profile: withDefault(string(), '', 'Profile of the authority, as in `shortlived`.'),
    emailAddresses: withDefault(forgivingList(string()), [], 'Mail addresses that certificates are for, too.'),
    disableCommonName: flag(false, 'Leave the common name out of certificate requests.'),
    caCertificates: withDefault(
      forgivingList(string({ pattern: /^[^\0]+$/, expected: 'a path' })),
      [],
      'PEM files with roots that the authority’s own certificate may come from.',
    ),
    caSystemCertPool: differing(
      flag(false, 'With `caCertificates`: public roots are believed as well.'),
      'The roots of Node.js rather than those of the system.',
    ),
    caServerName: withDefault(
      string(),
      '',
      'Name in the authority’s own certificate, when it is another than its address.',
    ),
    eab: optional(externalAccount, 'Binds the account to one that exists with the authority.'),
    dnsChallenge: optional(dnsChallenge, 'Answer with a DNS record; the only one that gets wildcards.'),
    httpChallenge: optional(httpChallenge, 'Answer on port 80.'),
    tlsChallenge: optional(tlsChallenge, 'Answer on port 443, in the TLS handshake. An empty section switches it on.'),
  }),
  (value, context) => {
    if (value.dnsChallenge === undefined && value.httpChallenge === undefined && value.tlsChallenge === undefined) {
      context.report(
        'warning',
        'missing-option',
        `no challenge is configured; add dnsChallenge, httpChallenge or "tlsChallenge: {}"; ${OFF}`,
      );
    }
    const without = (option: string, reason: string): void =>
      context.at(option, () => context.report('warning', 'option-without-effect', reason));
    if (value.caSystemCertPool && value.caCertificates.length === 0) {
      without('caSystemCertPool', 'public roots are believed anyway without caCertificates');
    }
    if (value.clientResponseHeaderTimeout > value.clientTimeout) {
      without('clientResponseHeaderTimeout', 'it is longer than clientTimeout, which counts');
    }
  },
);

const resolver = checked(
  object({
    acme: optional(acme, 'An authority that speaks ACME (RFC 8555), as Let’s Encrypt.'),
    tailscale: later('Certificates of Tailscale. A resolver without `acme` is off.'),
  }),
  (value, context) => {
    if (value.acme === undefined) context.report('warning', 'missing-option', `the section "acme" is missing; ${OFF}`);
  },
);

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;

/** Name of the provider whose configuration the certificates of resolvers are. */
export const ACME_PROVIDER = 'acme';

export const certificatesResolversSection = record(resolver, (name) =>
  NAME.test(name) ? null : 'the name of a resolver has letters, digits, "-", "_" and ".", and at most 64 of them',
);

type Options = Infer<typeof certificatesResolversSection>;

export interface DnsChallengeConfig {
  readonly provider: DnsProviderName;
  readonly resolvers: readonly NameServer[];
  readonly delayMs: number;
  readonly isChecked: boolean;
  readonly checksAllResolvers: boolean;
  readonly checksAuthoritative: boolean;
}

/** One certificates resolver, every default filled in. */
export interface AcmeResolverConfig {
  readonly name: string;
  readonly email: string;
  readonly caServer: string;
  /** PEM files. */
  readonly caCertificates: readonly string[];
  readonly usesPublicRoots: boolean;
  /** '' for the host of `caServer`. */
  readonly caServerName: string;
  readonly storage: string;
  readonly keyType: KeyType;
  readonly certificatesDurationMs: number;
  readonly certificateTimeoutMs: number;
  readonly clientTimeoutMs: number;
  readonly responseHeaderTimeoutMs: number;
  /** '' for the authority's choice. */
  readonly preferredChain: string;
  /** '' for the authority's choice. */
  readonly profile: string;
  readonly emailAddresses: readonly string[];
  readonly hasCommonName: boolean;
  readonly externalAccount: { readonly kid: string; readonly hmacKey: string } | null;
  /** At least one of these is there. */
  readonly dns: DnsChallengeConfig | null;
  readonly http: { readonly entryPoint: string; readonly delayMs: number } | null;
  readonly tls: { readonly delayMs: number } | null;
}

/** What to say about the name of a resolver; null when it can be used. */
export function missingResolver(name: string, known: readonly string[], off: ReadonlySet<string>): string | null {
  if (known.includes(name)) return null;
  if (off.has(name)) return `the certificates resolver "${name}" is off`;
  const near = didYouMean(name, known);
  const hint = near === null ? `; known: ${known.join(', ') || 'none'}` : `; did you mean "${near}"?`;
  return `there is no certificates resolver "${name}"${hint}`;
}

export interface CertificatesResolvers {
  readonly usable: readonly AcmeResolverConfig[];
  /** Names of those that cannot get a certificate, which has been reported. */
  readonly off: ReadonlySet<string>;
}

/** Reports entry points that are named and do not exist. */
export function certificatesResolvers(
  options: Options,
  entryPoints: readonly string[],
  context: DecodeContext,
): CertificatesResolvers {
  const resolvers: AcmeResolverConfig[] = [];
  const off = new Set<string>();
  for (const [name, { acme: given }] of Object.entries(options)) {
    if (given === undefined || !hasChallenge(given)) {
      off.add(name);
      continue;
    }
    const at = ['certificatesResolvers', name, 'acme', 'httpChallenge', 'entryPoint'];
    const entryPoint = given.httpChallenge?.entryPoint;
    if (entryPoint !== undefined && !entryPoints.includes(entryPoint)) {
      reportMissing(context, at, entryPoint, entryPoints);
      off.add(name);
      continue;
    }
    resolvers.push({
      name,
      email: given.email,
      caServer: given.caServer,
      caCertificates: given.caCertificates,
      usesPublicRoots: given.caCertificates.length === 0 || given.caSystemCertPool,
      caServerName: given.caServerName,
      storage: given.storage,
      keyType: given.keyType,
      certificatesDurationMs: given.certificatesDuration * HOUR_MS,
      certificateTimeoutMs: given.certificateTimeout,
      clientTimeoutMs: given.clientTimeout,
      responseHeaderTimeoutMs: given.clientResponseHeaderTimeout,
      preferredChain: given.preferredChain,
      profile: given.profile,
      emailAddresses: given.emailAddresses,
      hasCommonName: !given.disableCommonName,
      externalAccount: given.eab === undefined ? null : { kid: given.eab.kid, hmacKey: given.eab.hmacEncoded },
      dns: given.dnsChallenge === undefined ? null : dnsConfig(given.dnsChallenge),
      http:
        given.httpChallenge === undefined
          ? null
          : { entryPoint: given.httpChallenge.entryPoint, delayMs: given.httpChallenge.delay },
      tls: given.tlsChallenge === undefined ? null : { delayMs: given.tlsChallenge.delay },
    });
  }
  return { usable: resolvers, off };
}

function hasChallenge({ dnsChallenge: dns, httpChallenge: http, tlsChallenge: tls }: Infer<typeof acme>): boolean {
  return dns === undefined ? http !== undefined || tls !== undefined : isDnsProvider(dns.provider);
}

function dnsConfig(given: Infer<typeof dnsChallenge>): DnsChallengeConfig {
  const { propagation: checks, delayBeforeCheck, disablePropagationCheck } = given;
  return {
    provider: given.provider as DnsProviderName, // Checked when it was decoded.
    resolvers: given.resolvers.map((text) => parseNameServer(text)!),
    delayMs: checks.delayBeforeChecks > 0 ? checks.delayBeforeChecks : (delayBeforeCheck ?? 0),
    isChecked: !checks.disableChecks && disablePropagationCheck !== true,
    checksAllResolvers: checks.requireAllRNS,
    checksAuthoritative: !checks.disableANSChecks,
  };
}

function reportMissing(
  context: DecodeContext,
  path: readonly string[],
  name: string,
  entryPoints: readonly string[],
): void {
  const [first, ...rest] = path;
  if (first !== undefined) {
    context.at(first, () => reportMissing(context, rest, name, entryPoints));
    return;
  }
  const near = didYouMean(name, entryPoints);
  const hint = near === null ? `; known: ${entryPoints.join(', ') || 'none'}` : `; did you mean "${near}"?`;
  context.report('warning', 'dangling-reference', `there is no entry point "${name}"${hint}; ${OFF}`);
}
