import { expect, test } from 'vitest';
import { KEY_TYPES, parseNameServer } from './certificates-resolver-options.ts';
import { decodeInstall } from './load-install.ts';

const EP = 'entryPoints: { web: { address: ":80" }, websecure: { address: ":443" } }\n';

function said(acme: string): readonly string[] {
  const { diagnostics } = decodeInstall('in.yml', `${EP}certificatesResolvers: { le: { acme: ${acme} } }\n`);
  return diagnostics.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

test('every option of the reference is decoded, none is left out', () => {
  const { value, diagnostics } = decodeInstall(
    'in.yml',
    `${EP}
certificatesResolvers:
  le:
    acme:
      email: a@example.com
      caServer: https://ca.example.com/directory
      caCertificates: [/etc/ca.pem]
      caSystemCertPool: true
      caServerName: ca.internal
      storage: /var/lib/acme.json
      keyType: ec384
      certificatesDuration: 720
      certificateTimeout: 40s
      clientTimeout: 50s
      clientResponseHeaderTimeout: 20s
      preferredChain: ISRG Root X1
      profile: shortlived
      emailAddresses: [b@example.com]
      disableCommonName: true
      eab: { kid: k, hmacEncoded: c2VjcmV0 }
      httpChallenge: { entryPoint: web, delay: 1s }
      tlsChallenge: { delay: 2s }
      dnsChallenge:
        provider: rfc2136
        resolvers: ["1.1.1.1", "[2606:4700:4700::1111]:5353", "dns.example.com:54"]
        propagation: { delayBeforeChecks: 3s, requireAllRNS: true, disableANSChecks: true }
`,
  );
  expect(diagnostics).toEqual([]);
  expect(value!.certificatesResolvers).toEqual([
    {
      name: 'le',
      email: 'a@example.com',
      caServer: 'https://ca.example.com/directory',
      caCertificates: ['/etc/ca.pem'],
      usesPublicRoots: true,
      caServerName: 'ca.internal',
      storage: '/var/lib/acme.json',
      keyType: 'EC384',
      certificatesDurationMs: 30 * 24 * 3_600_000,
      certificateTimeoutMs: 40_000,
      clientTimeoutMs: 50_000,
      responseHeaderTimeoutMs: 20_000,
      preferredChain: 'ISRG Root X1',
      profile: 'shortlived',
      emailAddresses: ['b@example.com'],
      hasCommonName: false,
      externalAccount: { kid: 'k', hmacKey: 'c2VjcmV0' },
      dns: {
        provider: 'rfc2136',
        resolvers: [
          { host: '1.1.1.1', port: 53 },
          { host: '2606:4700:4700::1111', port: 5353 },
          { host: 'dns.example.com', port: 54 },
        ],
        delayMs: 3_000,
        isChecked: true,
        checksAllResolvers: true,
        checksAuthoritative: false,
      },
      http: { entryPoint: 'web', delayMs: 1_000 },
      tls: { delayMs: 2_000 },
    },
  ]);
});

test('defaults are those of the reference', () => {
  const { value } = decodeInstall('in.yml', `${EP}certificatesResolvers: { le: { acme: { tlsChallenge: {} } } }`);
  expect(value!.certificatesResolvers[0]).toMatchObject({
    email: '',
    caServer: 'https://acme-v02.api.letsencrypt.org/directory',
    storage: 'acme.json',
    keyType: 'RSA4096',
    certificatesDurationMs: 2160 * 3_600_000,
    certificateTimeoutMs: 30_000,
    clientTimeoutMs: 120_000,
    responseHeaderTimeoutMs: 30_000,
    usesPublicRoots: true,
    hasCommonName: true,
    dns: null,
    http: null,
  });
  expect(KEY_TYPES).toEqual(['EC256', 'EC384', 'RSA2048', 'RSA4096', 'RSA8192']);
});

test.each([
  ['{}', 'warning certificatesResolvers.le.acme: no challenge is configured'],
  ['{ httpChallenge: {} }', 'error certificatesResolvers.le.acme.httpChallenge.entryPoint: this option is required'],
  ['{ httpChallenge: { entryPoint: wbe } }', 'entryPoint: there is no entry point "wbe"; did you mean "web"?'],
  ['{ dnsChallenge: { provider: cloudfare } }', 'there is no DNS provider "cloudfare"; did you mean "cloudflare"?'],
  ['{ dnsChallenge: { provider: gandiv5 } }', '"exec" runs a program of yours'],
  [
    '{ dnsChallenge: { provider: exec, resolvers: ["1.1.1.1:99999"] } }',
    'resolvers[0]: "1.1.1.1:99999" is no name server',
  ],
  ['{ dnsChallenge: { provider: exec, propagation: { disableANSChecks: true } } }', 'nothing is left to look at'],
  [
    '{ dnsChallenge: { provider: exec, propagation: { disableChecks: true, requireAllRNS: true } } }',
    'warning certificatesResolvers.le.acme.dnsChallenge.propagation.requireAllRNS: nothing is looked for',
  ],
  [
    '{ dnsChallenge: { provider: exec, delayBeforeCheck: 5 } }',
    'the name of this option is propagation.delayBeforeChecks now',
  ],
  [
    '{ dnsChallenge: { provider: exec, delayBeforeCheck: 5, propagation: { delayBeforeChecks: 6 } } }',
    'propagation.delayBeforeChecks is given as well and counts',
  ],
  [
    '{ dnsChallenge: { provider: exec, disablePropagationCheck: true } }',
    'the name of this option is propagation.disableChecks now',
  ],
  ['{ tlsChallenge: {}, caServer: "http://ca.example.com/" }', 'its address begins with https://'],
  ['{ tlsChallenge: {}, keyType: RSA1024 }', 'expected one of EC256'],
  ['{ tlsChallenge: {}, eab: { kid: k } }', 'eab.hmacEncoded: this option is required'],
  ['{ tlsChallenge: {}, eab: { kid: k, hmacEncoded: "not base64!" } }', 'the key is in base64url'],
  ['{ tlsChallenge: {}, caSystemCertPool: true }', 'warning certificatesResolvers.le.acme.caSystemCertPool'],
  ['{ tlsChallenge: {}, clientTimeout: 1s }', 'warning certificatesResolvers.le.acme.clientResponseHeaderTimeout'],
  ['{ tlsChallenge: {}, certificatesDuration: -1 }', 'at least 1'],
  ['{ tlsChallenge: {}, emial: x }', 'unknown option "emial"; did you mean "email"?'],
])('%s', (acme, expected) => {
  // Where the range has two ends, either wording is the schema's.
  const all = said(acme).join('\n');
  expect(all.replace('from 1 to', 'at least 1')).toContain(expected);
});

test('a resolver has a name that paths and messages can hold, and one kind', () => {
  const path = (text: string): readonly string[] =>
    decodeInstall('in.yml', EP + text).diagnostics.map(({ code, message }) => `${code} ${message}`);
  expect(path('certificatesResolvers: { "a/b": { acme: { tlsChallenge: {} } } }')[0]).toContain(
    'the name of a resolver',
  );
  expect(path('certificatesResolvers: { le: {} }')[0]).toContain('missing-option');
  expect(path('certificatesResolvers: { le: { tailscale: {} } }')[0]).toContain('not-supported-yet');
});

test('a secret does not come back in what is said about it', () => {
  expect(said('{ tlsChallenge: {}, eab: { kid: k, hmacEncoded: "top secret" } }').join()).not.toContain('top secret');
});

test('old names have the effect of the present ones', () => {
  const { value } = decodeInstall(
    'in.yml',
    `${EP}certificatesResolvers: { le: { acme: { dnsChallenge: { provider: exec, delayBeforeCheck: 5, disablePropagationCheck: true } } } }`,
  );
  expect(value!.certificatesResolvers[0]!.dns).toMatchObject({ delayMs: 5_000, isChecked: false });
});

test('an entry point with a challenge answers it, and leaves the others’ tokens to routers when told to', () => {
  const { value } = decodeInstall(
    'in.yml',
    `entryPoints: { a: { address: ":1" }, b: { address: ":2", allowACMEByPass: true }, c: { address: ":3" } }
certificatesResolvers: { x: { acme: { httpChallenge: { entryPoint: a } } }, y: { acme: { httpChallenge: { entryPoint: b } } } }`,
  );
  const modes = Object.values(value!.entryPoints).map(({ name, httpChallenges }) => [name, httpChallenges]);
  expect(modes).toEqual([
    ['a', 'all'],
    ['b', 'own'],
    ['c', 'none'],
  ]);
});

test.each([
  ['1.2.3.4', { host: '1.2.3.4', port: 53 }],
  ['::1', { host: '::1', port: 53 }],
  ['[::1]:54', { host: '::1', port: 54 }],
  ['ns.example.com:54', { host: 'ns.example.com', port: 54 }],
  ['[1.2.3.4]:54', null],
  ['a b', null],
  ['', null],
  ['1.2.3.4:0', null],
])('name server "%s"', (text, expected) => {
  expect(parseNameServer(text)).toEqual(expected);
});
