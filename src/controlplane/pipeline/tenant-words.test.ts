// What a tenant writes reaches nothing of the process: no variable and no file, as it is published and as it is decoded
// again from what an earlier process has kept.

import { expect, test } from 'vitest';
import { NO_PLUGINS } from '../../schema/decode-context.ts';
import type { Substitutions } from '../../schema/substitution.ts';
import { parseConfig } from '../config/document/document.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';
import { decoderOf } from '../providers/define.ts';
import { restProvider } from '../providers/rest/rest-provider.ts';
import { decodeForms, WrittenForms } from './written-forms.ts';

/** Gives everything away, and remembers what it was asked for. */
class Secrets implements Substitutions {
  readonly asked: string[] = [];

  variable(name: string): string {
    this.asked.push(name);
    return 'the-secret';
  }

  file(path: string): string {
    this.asked.push(path);
    return 'the-secret';
  }
}

const FILE = import.meta.filename;
const WRITTEN = `
http:
  routers:
    r: { rule: "Host(\`\${HOST}\`)", service: s, middlewares: [plain] }
  services:
    s: { loadBalancer: { servers: [{ url: "http://a" }] } }
  middlewares:
    plain: { headers: { customRequestHeaders: { X-Variable: "\${TOKEN}", X-Default: "\${TOKEN:-x}", X-File: "\${file:${FILE}}" } } }
    basic: { basicAuth: { usersFile: "${FILE}" } }
    digest: { digestAuth: { usersFile: "\${file:${FILE}}" } }
  serversTransports:
    t: { rootCAs: ["${FILE}"] }
tls:
  certificates: [{ certFile: "${FILE}", keyFile: "${FILE}" }]
  options: { o: { clientAuth: { caFiles: ["${FILE}"], clientAuthType: RequireAndVerifyClientCert } } }
`;

/** Options as they are shown nowhere: what a value has become. */
function headersOf(config: RoutingConfig): unknown {
  return config.middlewares.get('plain')?.value?.['headers'];
}

function disabledIn({ middlewares, serversTransports, tlsOptions, certificates }: RoutingConfig): readonly string[] {
  return [middlewares, serversTransports, tlsOptions, certificates].flatMap((section) =>
    [...section.values()].filter(({ value }) => value === null).map(({ name }) => name),
  );
}

const PLAIN = {
  customRequestHeaders: { 'X-Variable': '${TOKEN}', 'X-Default': '${TOKEN:-x}', 'X-File': `\${file:${FILE}}` },
};

function installWith(substitutions: Secrets): InstallConfig {
  const install = decodeInstall('signalbox.yml', 'entryPoints: { web: { address: ":80" } }\n').value!;
  return {
    ...install,
    substitutions: { ...install.substitutions, ...bound(substitutions), known: bound(substitutions) },
  };
}

function bound(secrets: Secrets): Substitutions {
  return { variable: (name) => secrets.variable(name), file: (path) => secrets.file(path) };
}

test('what a tenant publishes is plain text, and no file that it names is looked for', () => {
  const secrets = new Secrets();
  const config = decoderOf(restProvider, secrets, NO_PLUGINS)(parseConfig('routing.yml', WRITTEN));
  expect(config.words).toBe('tenant');
  expect(headersOf(config)).toMatchObject(PLAIN);
  expect(disabledIn(config)).toEqual(['basic', 'digest', 't', 'o', 'routing.yml#0']);
  expect(secrets.asked).toEqual([]);
  expect([...config.filesRead]).toEqual([]);
  const said = new Set(config.diagnostics.map(({ message }) => message));
  expect([...said]).toEqual(['a file can be named only by whoever runs the router; write its content out']);
});

test('what is kept of it over a restart reads as little', () => {
  const secrets = new Secrets();
  const config = decoderOf(restProvider, secrets, NO_PLUGINS)(parseConfig('routing.yml', WRITTEN));
  const [again] = decodeForms(new WrittenForms().of([config]), installWith(secrets));
  expect(again!.words).toBe('tenant');
  expect(headersOf(again!)).toMatchObject(PLAIN);
  expect(disabledIn(again!)).toEqual(['basic', 'digest', 't', 'o']);
  expect(secrets.asked).toEqual([]);
  expect([...again!.filesRead]).toEqual([]);
});

test('the same words of the operator are substituted, and their files read', () => {
  const secrets = new Secrets();
  const decode = decoderOf({ ...restProvider, words: 'operator' }, secrets, NO_PLUGINS);
  const config = decode(parseConfig('routing.yml', WRITTEN));
  expect(config.words).toBe('operator');
  expect(headersOf(config)).toMatchObject({
    customRequestHeaders: { 'X-Variable': 'the-secret', 'X-File': 'the-secret' },
  });
  expect(secrets.asked).toContain('TOKEN');
  expect([...config.filesRead]).toContain(FILE);
});

test('what the operator lets a tenant do is what the options of today say, also of what was kept', () => {
  const secrets = new Secrets();
  const open = { ...restProvider, allowances: () => ({ mayNameFiles: true, internalServices: ['api@internal'] }) };
  const written = WRITTEN.replace('usersFile: "${file:', 'usersFile: "/nowhere/${file:');
  const config = decoderOf(open, secrets, NO_PLUGINS, open.allowances())(parseConfig('routing.yml', written));
  expect(config.words).toBe('tenant');
  expect(config.internalServices).toEqual(['api@internal']);
  expect([...config.filesRead]).toContain(FILE);
  // With what nobody substitutes.
  expect(headersOf(config)).toMatchObject(PLAIN);
  expect(secrets.asked).toEqual([]);
  const forms = new WrittenForms().of([config]);
  const [closed] = decodeForms(forms, installWith(secrets));
  expect(closed!.internalServices).toBeUndefined();
  expect([...closed!.filesRead]).toEqual([]);
  const [again] = decodeForms(forms, { ...installWith(secrets), providers: [{ definition: open, options: {} }] });
  expect(again!.internalServices).toEqual(['api@internal']);
  expect([...again!.filesRead]).toContain(FILE);
  expect(secrets.asked).toEqual([]);
});
