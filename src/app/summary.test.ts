import { expect, test } from 'vitest';
import { compile } from '../controlplane/compile/compile.ts';
import { decodeInstall } from '../controlplane/config/install/load-install.ts';
import { summaryLine, summaryOf, type Summary } from './summary.ts';

const PORTS =
  'entryPoints: { web: { address: ":80" }, websecure: { address: ":443", http: { tls: {} } }, dns: { address: ":53/udp" }, sql: { address: ":5432" } }';

function summary(routing: string): Summary {
  const install = decodeInstall('signalbox.yml', `${PORTS}\n${routing}`).value!;
  const result = compile(install, install.routing === null ? [] : [install.routing]);
  return summaryOf(result, result.sections);
}

const SERVICES = 'services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }';

test('what is in force is counted with what there is, by transport', () => {
  const routers = [
    'a: { rule: "Host(`a`)", service: s, entryPoints: [web] }',
    'b: { rule: "Host(`b`)", service: s, entryPoints: [web] }',
    ...['c', 'd', 'e'].map((name) => `${name}: { rule: "Host(\`${name}\`)", service: gone, entryPoints: [web] }`),
  ];
  const text = `http: { routers: { ${routers.join(', ')} }, ${SERVICES} }
tcp: { routers: { t: { rule: "HostSNI(\`*\`)", service: t, entryPoints: [sql] } }, services: { t: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } } } }
udp: { routers: { u: { service: u, entryPoints: [dns] } }, services: { u: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } } } }`;
  expect(summaryLine(summary(text))).toBe('2 of 5 routers, 1 TCP, 1 UDP (3 disabled), 3 services, 0 middlewares');
  expect(summaryLine(summary(''))).toBe('0 routers, 0 services, 0 middlewares');
});

test('an entry point is named after what its clients speak', () => {
  const { schemeOf } = summary(`http: { routers: { r: { rule: "Host(\`a\`)", service: s } }, ${SERVICES} }
tcp: { routers: { t: { rule: "HostSNI(\`*\`)", service: t, entryPoints: [sql] } }, services: { t: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } } } }`);
  // Every entry point that names none is a default one: the router stands on all.
  expect(['web', 'websecure', 'dns'].map(schemeOf)).toEqual(['http', 'https', 'udp']);
  const alone = summary(
    `tcp: { routers: { t: { rule: "HostSNI(\`*\`)", service: t, entryPoints: [sql] } }, services: { t: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } } } }`,
  );
  expect(alone.schemeOf('sql')).toBe('tcp');
  const secure = summary(
    `http: { routers: { r: { rule: "Host(\`a\`)", service: s, entryPoints: [web], tls: {} } }, ${SERVICES} }`,
  );
  expect(secure.schemeOf('web')).toBe('https');
});

test('the certificate of last resort is told of where there is no other', () => {
  expect(summary('').isSelfSigned).toBe(true);
  const ordered =
    summary(`certificatesResolvers: { le: { acme: { email: a@b.example, storage: acme.json, tlsChallenge: {} } } }
http: { routers: { r: { rule: "Host(\`a.example\`)", service: s, entryPoints: [websecure], tls: { certResolver: le } } }, ${SERVICES} }`);
  expect(ordered.isSelfSigned).toBe(false);
});
