// The section `tls` as people write it, and what routers and entry points say about TLS.

import type { ClientAuthMode, TlsOptionsSpec, TlsVersion } from '../../../model/tls.ts';
import type { DecodeContext } from '../../../schema/decode-context.ts';
import { didYouMean } from '../../../core/did-you-mean.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { pem } from '../../../schema/file-option.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { differingDefault, optional, required, withDefault } from '../../../schema/field.ts';
import { isEmptyText, isSwitchedOff, isSwitchedOn } from '../../../schema/input.ts';
import { checked, object } from '../../../schema/object.ts';
import { boolean, oneOf, string } from '../../../schema/scalar.ts';
import type { Infer, Schema } from '../../../schema/schema.ts';
import { parseCertificate } from '../certificate.ts';
import {
  cipherByName,
  CIPHER_NAMES,
  curveByName,
  CURVE_NAMES,
  DEFAULT_CIPHERS,
  TLS13_CIPHERS,
  type NameOutcome,
} from './tls-names.ts';

const flag = (fallback: boolean, doc: string) => withDefault(boolean(), fallback, doc);

const pair = {
  certFile: required(pem('certificate'), 'Certificate and those of its issuers: a path, or the PEM itself.'),
  keyFile: required(pem('key'), 'Its private key: a path, or the PEM itself.'),
};

function checkPair(value: { readonly certFile: string; readonly keyFile: string }, context: DecodeContext): void {
  const parsed = parseCertificate(value.certFile, value.keyFile);
  if (typeof parsed === 'string') context.report('error', 'bad-certificate', parsed);
}

export const certificateOptions = checked(
  object({
    ...pair,
    stores: withDefault(forgivingList(string()), [], 'Stores it belongs to; `default` is the only one.'),
  }),
  (value, context) => {
    checkPair(value, context);
    for (const [index, store] of value.stores.entries()) {
      if (store !== 'default') context.at('stores', () => context.at(index, () => reportOtherStore(store, context)));
    }
  },
);
export type CertificateOptions = Infer<typeof certificateOptions>;

/** A certificate that only servers' TLS uses. */
export const clientCertificateOptions = checked(object(pair), checkPair);

function reportOtherStore(store: string, context: DecodeContext): void {
  context.report(
    'warning',
    'option-without-effect',
    `there is no store but "default"; the certificate is in it, not in "${store}"`,
  );
}

const certificateDomains = object({
  main: required(string(), 'Main name of the certificate.'),
  sans: withDefault(forgivingList(string()), [], 'Further names.'),
});

export const storeOptions = object({
  defaultCertificate: optional(
    checked(object(pair), checkPair),
    'For clients that name no host, or one that no certificate has.',
  ),
  defaultGeneratedCert: optional(
    object({
      resolver: required(string(), 'Certificates resolver that gets it.'),
      domain: required(certificateDomains, 'What it is for.'),
    }),
    'The same, from a certificates resolver.',
  ),
});
export type StoreOptions = Infer<typeof storeOptions>;

export const TLS_VERSIONS: Readonly<Record<string, TlsVersion>> = {
  VersionTLS10: 'TLSv1',
  VersionTLS11: 'TLSv1.1',
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
};
const ORDER: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

export const tlsVersion = oneOf('VersionTLS10', 'VersionTLS11', 'VersionTLS12', 'VersionTLS13');

/** A name of Go's in OpenSSL's terms; '' for one this runtime lacks, which a warning says. */
function named(what: string, names: readonly string[], look: (name: string) => NameOutcome): Schema<string> {
  const text = string();
  return {
    ...text,
    label: what,
    decode(input, context) {
      const given = text.decode(input, context);
      if (given === INVALID) return INVALID;
      const name = names.find((known) => known.toLowerCase() === given.toLowerCase()) ?? given;
      const outcome = look(name);
      if (outcome === 'unknown') {
        const near = didYouMean(given, names);
        const hint = near === null ? `; names are those of Go, such as ${names.at(-1)!}` : `; did you mean "${near}"?`;
        return context.invalid(`there is no ${what} "${given}"${hint}`, `a ${what}`, given);
      }
      if (outcome === 'signal') {
        context.report(
          'warning',
          'option-without-effect',
          `"${given}" is no ${what}, but a sign that clients send; it is left out`,
        );
        return '';
      }
      if (outcome === 'missing') {
        context.report('warning', 'not-in-runtime', `this runtime's OpenSSL has no ${what} "${given}"; it is left out`);
        return '';
      }
      return outcome.name;
    },
  };
}

export const cipherSuites = forgivingList(named('cipher suite', CIPHER_NAMES, cipherByName));
const curvePreferences = forgivingList(named('curve', CURVE_NAMES, curveByName));

const CLIENT_AUTH: Readonly<Record<string, ClientAuthMode>> = {
  NoClientCert: 'none',
  RequestClientCert: 'request',
  RequireAnyClientCert: 'require',
  VerifyClientCertIfGiven: 'verifyIfGiven',
  RequireAndVerifyClientCert: 'requireAndVerify',
};

const clientAuth = checked(
  object({
    caFiles: withDefault(
      forgivingList(pem('certificate')),
      [],
      'Authorities that may have issued a client’s certificate.',
    ),
    clientAuthType: optional(
      oneOf(
        'NoClientCert',
        'RequestClientCert',
        'RequireAnyClientCert',
        'VerifyClientCertIfGiven',
        'RequireAndVerifyClientCert',
      ),
      'What is asked of clients. With authorities and nothing said here, RequireAndVerifyClientCert.',
    ),
  }),
  ({ caFiles, clientAuthType }, context) => {
    if (caFiles.length === 0 && clientAuthType !== undefined && clientAuthType.includes('Verify')) {
      context.at('caFiles', () => context.missing(`the authorities that ${clientAuthType} verifies by`));
    }
  },
);

/** Protocols an entry point can speak over TLS. */
const PROTOCOLS = ['http/1.1', 'h2', 'acme-tls/1'];

export const tlsOptions = checked(
  object({
    minVersion: withDefault(tlsVersion, 'VersionTLS12', 'Oldest version.'),
    maxVersion: withDefault(tlsVersion, 'VersionTLS13', 'Newest version.'),
    cipherSuites: differingDefault(
      optional(cipherSuites, 'Cipher suites up to TLS 1.2, by their names in Go. Those of TLS 1.3 are always on.'),
      'When left out, suites with forward secrecy and authenticated encryption only; CBC suites when they are named.',
    ),
    curvePreferences: optional(
      curvePreferences,
      'Key exchange groups, in order of preference; `X25519MLKEM768` where this Node.js has it, `X25519`, `CurveP256` and `CurveP384` when left out.',
    ),
    clientAuth: optional(clientAuth, 'Certificates of clients.'),
    sniStrict: flag(false, 'Refuse clients whose server name no certificate has.'),
    alpnProtocols: withDefault(
      forgivingList(string()),
      ['h2', 'http/1.1', 'acme-tls/1'],
      'Protocols that are offered, in order of preference.',
    ),
    disableSessionTickets: flag(false, 'Let no client resume a session.'),
    preferServerCipherSuites: withDefault(
      boolean(),
      true,
      'Deprecated: the server’s order of suites counts in any case.',
    ),
  }),
  (value, context) => {
    if (ORDER.indexOf(TLS_VERSIONS[value.minVersion]!) > ORDER.indexOf(TLS_VERSIONS[value.maxVersion]!)) {
      context.at('minVersion', () =>
        context.invalid('minVersion is newer than maxVersion', `at most ${value.maxVersion}`, value.minVersion),
      );
    }
    for (const option of ['cipherSuites', 'curvePreferences'] as const) {
      const names = value[option];
      if (names !== undefined && names.every((name) => name === '')) {
        context.at(option, () => context.invalid('nothing is left of this list', 'at least one name', 'none'));
      }
    }
    for (const [index, protocol] of value.alpnProtocols.entries()) {
      // Others are for TCP routers: any name may be right.
      const near = PROTOCOLS.includes(protocol) ? null : didYouMean(protocol, PROTOCOLS);
      if (near === null) continue;
      context.at('alpnProtocols', () =>
        context.at(index, () =>
          context.report('warning', 'invalid-value', `"${protocol}" is no protocol of HTTP; did you mean "${near}"?`),
        ),
      );
    }
  },
);
export type TlsOptions = Infer<typeof tlsOptions>;

/** OpenSSL 3 allows TLS 1.0 and 1.1, whose handshakes use SHA-1, at its lowest level only. */
export const ANY_STRENGTH = ':@SECLEVEL=0';

export function isOlderThanTls12(version: TlsVersion): boolean {
  return ORDER.indexOf(version) < ORDER.indexOf('TLSv1.2');
}

/** All that TLS 1.0 and 1.1 know of forward secrecy. */
const LEGACY_CIPHERS = ':ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA';

/** For OpenSSL: suites of TLS 1.3 are always on. '' for the runtime's. */
export function cipherList(suites: readonly string[] | undefined, fallback: string): string {
  if (suites === undefined) return fallback;
  return [...new Set([...TLS13_CIPHERS, ...suites.filter((name) => name !== '')])].join(':');
}

/** `name` is qualified. */
export function tlsOptionsSpec(name: string, options: TlsOptions): TlsOptionsSpec {
  const present = (names: readonly string[]): string[] => names.filter((entry) => entry !== '');
  const { cipherSuites: suites, curvePreferences: curves, clientAuth: client } = options;
  const isLegacy = isOlderThanTls12(TLS_VERSIONS[options.minVersion]!);
  const ciphers = cipherList(suites, DEFAULT_CIPHERS);
  return {
    name,
    minVersion: TLS_VERSIONS[options.minVersion]!,
    maxVersion: TLS_VERSIONS[options.maxVersion]!,
    ciphers: isLegacy ? `${ciphers}${suites === undefined ? LEGACY_CIPHERS : ''}${ANY_STRENGTH}` : ciphers,
    curves: curves === undefined ? 'auto' : present(curves).join(':'),
    protocols: options.alpnProtocols,
    clientAuth: {
      mode:
        client === undefined
          ? 'none'
          : CLIENT_AUTH[
              client.clientAuthType ?? (client.caFiles.length > 0 ? 'RequireAndVerifyClientCert' : 'NoClientCert')
            ]!,
      authorities: client?.caFiles ?? [],
    },
    sniStrict: options.sniStrict,
    sessionTickets: !options.disableSessionTickets,
  };
}

/** What a router says about TLS. `tls: true` stands for an empty section. */
const routerTlsFields = {
  options: optional(string(), 'TLS options: `name` or `name@provider`; the default ones when left out.'),
  certResolver: optional(string(), 'Certificates resolver that gets its certificates.'),
  domains: withDefault(
    forgivingList(certificateDomains),
    [],
    'Certificates to get, by their names; one for the hosts in the rule when left out.',
  ),
};
const routerTlsSection = object(routerTlsFields, {
  passthrough: 'is for TCP routers, which pass connections on as they come: write the router below "tcp:"',
});
export type RouterTls = Infer<typeof routerTlsSection>;

/** `true` stands for an empty section, `false` for none. */
function switchable<T>(section: Schema<T>): Schema<T | false> {
  return {
    ...section,
    isAbsent: isEmptyText,
    decode(input, context) {
      const given = context.substitute(input);
      if (given === INVALID) return INVALID;
      if (isSwitchedOn(given)) return section.decode({}, context);
      if (isSwitchedOff(given)) return false;
      return section.decode(given, context);
    },
  };
}

export const routerTls: Schema<RouterTls | false> = switchable(routerTlsSection);

/** What a TCP router says about TLS. */
export const tcpRouterTls = switchable(
  object({
    passthrough: flag(false, 'Connections go to the server as they come, and the server ends TLS.'),
    ...routerTlsFields,
  }),
);
