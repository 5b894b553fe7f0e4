import { expect, test } from 'vitest';
import { certificateFor } from '../../../../test/support/tls-client.ts';
import { operatorSubstitutions } from '../../config/install/operator-substitutions.ts';
import { decodeInstallDocument } from '../../config/install/load-install.ts';
import { parseConfig } from '../../config/document/document.ts';
import { compile } from '../compile.ts';
import type { LocalCertificateSource } from './local-names.ts';

/** What a local authority would be asked for. */
function asked(text: string, names: readonly string[] = []): readonly string[] {
  let hosts: readonly string[] = [];
  const source: LocalCertificateSource = {
    names,
    certifies: (host) => /(?:^|\.)localhost$|^127\.|^::1$/.test(host) || names.includes(host),
    certificatesFor(found) {
      hosts = found;
      return [];
    },
  };
  const { value } = decodeInstallDocument(parseConfig('signalbox.yml', text), operatorSubstitutions({}));
  compile(value!, [value!.routing!], undefined, undefined, source);
  return hosts;
}

const ENTRY_POINTS = `
entryPoints:
  web: { address: ":80" }
  secure: { address: ":443", http: { tls: {} } }
  own: { address: "127.0.0.1:8443", http: { tls: {} } }
`;
const SERVICES = `
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }
`;
const router = (rule: string, more = ''): string =>
  `${ENTRY_POINTS}http:\n  routers: { r: { rule: '${rule}', service: s${more === '' ? '' : `, ${more}`} } }\n${SERVICES}`;

test.each([
  ['Host(`app.localhost`)', ['app.localhost']],
  ['Host(`B.localhost`) || Host(`a.localhost`) && PathPrefix(`/x`)', ['a.localhost', 'b.localhost']],
  ['Host(`localhost`) || Host(`example.com`)', ['localhost']],
  ['Host(`127.0.0.1`) || Host(`[::1]`)', ['127.0.0.1', '::1']],
  ['Host(`example.com`)', []],
  ['!Host(`a.localhost`) && PathPrefix(`/`)', []],
  ['HostRegexp(`^.+\\.localhost$`)', []],
])('of the rule %s', (rule, expected) => {
  expect(asked(router(rule, 'entryPoints: [secure]'))).toEqual(expected);
});

test('a rule for every host asks for this machine where its entry point is reached from nowhere else', () => {
  expect(asked(router('PathPrefix(`/`)', 'entryPoints: [own]'))).toEqual(['localhost']);
  expect(asked(router('PathPrefix(`/`)', 'entryPoints: [secure]'))).toEqual([]);
});

test('routers without TLS ask for nothing', () => {
  expect(asked(router('Host(`app.localhost`)', 'entryPoints: [web]'))).toEqual([]);
  expect(asked(router('Host(`app.localhost`)', 'entryPoints: [web], tls: {}'))).toEqual(['app.localhost']);
  expect(asked(router('Host(`app.localhost`)', 'entryPoints: [secure], tls: false'))).toEqual([]);
});

test('names that were asked for count as those of this machine', () => {
  const rule = router('Host(`app.test`) || Host(`b.test`)', 'entryPoints: [secure]');
  expect(asked(rule, ['app.test'])).toEqual(['app.test']);
});

test('whoever has given a certificate, or said what the default one is, has the say', () => {
  const { certificate, key } = certificateFor(['app.localhost', '*.b.localhost']);
  const pair = `{ certFile: ${JSON.stringify(certificate)}, keyFile: ${JSON.stringify(key)} }`;
  const hosts = 'Host(`app.localhost`) || Host(`a.b.localhost`) || Host(`c.localhost`)';
  const routers = router(hosts, 'entryPoints: [secure]');
  expect(asked(`${routers}tls: { certificates: [${pair}] }\n`)).toEqual(['c.localhost']);
  expect(asked(`${routers}tls: { stores: { default: { defaultCertificate: ${pair} } } }\n`)).toEqual([]);
});

test('names that a certificates resolver sees to are its own', () => {
  const resolver = 'certificatesResolvers: { le: { acme: { storage: acme.json, tlsChallenge: {} } } }\n';
  const text = router('Host(`app.localhost`)', 'entryPoints: [secure], tls: { certResolver: le }');
  expect(asked(text + resolver)).toEqual([]);
});

test('where clients without a certificate of their name are refused, they stay so', () => {
  const strict = 'tls: { options: { default: { sniStrict: true } } }\n';
  expect(asked(router('Host(`app.localhost`)', 'entryPoints: [secure]') + strict)).toEqual([]);
});

test('TCP routers that end TLS', () => {
  const tcp = (tls: string): string => `${ENTRY_POINTS}tcp:
  routers: { r: { rule: 'HostSNI(\`db.localhost\`)', service: s, entryPoints: [secure], tls: ${tls} } }
  services: { s: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } } }
`;
  expect(asked(tcp('{}'))).toEqual(['db.localhost']);
  expect(asked(tcp('{ passthrough: true }'))).toEqual([]);
});
