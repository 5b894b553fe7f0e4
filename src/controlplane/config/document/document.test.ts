import { expect, test } from 'vitest';
import fc from 'fast-check';
import { parseConfig } from './document.ts';
import { decodeInstall } from '../install/load-install.ts';
import { decodeRouting } from '../routing/routing-config.ts';

function said(name: string, text: string): string[] {
  return parseConfig(name, text).diagnostics.map(({ code, line, column }) => `${code} ${line}:${column}`);
}

test('YAML, JSON and TOML give the same values', () => {
  const value = { http: { routers: { a: { rule: 'Host(`a`)', priority: 5 } } } };
  expect(parseConfig('a.yml', 'http:\n  routers:\n    a: { rule: "Host(`a`)", priority: 5 }\n').value).toEqual(value);
  expect(parseConfig('a.json', JSON.stringify(value)).value).toEqual(value);
  expect(parseConfig('a.toml', '[http.routers.a]\nrule = "Host(`a`)"\npriority = 5\n').value).toEqual(value);
});

test.each([
  ['a.yml', 'a: [1', /^syntax 1:\d+$/],
  ['a.yml', 'a: 1\na: 2', /^duplicate-key 2:1$/],
  ['a.yml', 'a: 1\n---\nb: 2', /^syntax/],
  ['a.yml', 'a: {{ .Name }}', /^go-template 1:4$/],
  ['a.toml', 'a = ', /^syntax 1:\d+$/],
  ['a.json', '{"a": [}', /^syntax 1:\d+$/],
])('%s with %j is refused with its place', (name, text, expected) => {
  expect(said(name, text)[0]).toMatch(expected);
});

test('an empty file is an empty configuration', () => {
  expect(parseConfig('a.yml', '# nothing\n')).toMatchObject({ value: null, diagnostics: [] });
});

test('aliases that unfold without end and deep nesting are refused', () => {
  let bomb = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
  for (let level = 1; level < 9; level++) bomb += `a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}x]\n`;
  expect(said('bomb.yml', bomb)[0]).toMatch(/^(?:document-too-complex|syntax)/);
  expect(said('deep.yml', `a: ${'['.repeat(90)}${']'.repeat(90)}`)[0]).toMatch(/^(?:document-too-complex|syntax)/);
  expect(said('large.yml', `a: "${'x'.repeat(17 * 1024 * 1024)}"`)).toEqual(['file-too-large 0:0']);
});

test('places are found in YAML and in TOML', () => {
  const yaml = parseConfig(
    'a.yml',
    'http:\n  services:\n    s:\n      loadBalancer:\n        servers:\n          - url: a\n          - url: b\n',
  );
  expect(yaml.locate(['http', 'services', 's', 'loadBalancer', 'servers', 1, 'url'])).toEqual({ line: 7, column: 13 });
  expect(yaml.locate(['HTTP', 'Services', 's', 'missing'])).toEqual({ line: 3, column: 5 });
  const toml = parseConfig(
    'a.toml',
    '[http.routers.r]\n  rule = "x"\n[[http.services.s.loadBalancer.servers]]\nurl = "a"\n[[http.services.s.loadBalancer.servers]]\nurl = "b"\n',
  );
  expect(toml.locate(['http', 'routers', 'r', 'rule'])).toEqual({ line: 2, column: 3 });
  expect(toml.locate(['http', 'services', 's', 'loadBalancer', 'servers', 1, 'url'])).toEqual({ line: 6, column: 1 });
});

const VALID = `http:
  routers:
    one: { rule: "Host(\`a\`)", service: s, middlewares: [m] }
    two: { rule: "PathPrefix(\`/b\`)", service: s, priority: 7 }
  middlewares:
    m: { addPrefix: { prefix: /x } }
  services:
    s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } }
`;

test('random edits never throw, and an object that is not understood is named', () => {
  const edit = fc.tuple(
    fc.nat(VALID.length),
    fc.nat(8),
    fc.string({ maxLength: 6, unit: fc.constantFrom(...'{}[]:,"\'`&*!|>#%@- \n\tabz019'.split('')) }),
  );
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let text = VALID;
      for (const [at, length, insert] of edits) text = text.slice(0, at) + insert + text.slice(at + length);
      const config = decodeRouting('file', parseConfig('a.yml', text));
      for (const object of [...config.routers.values(), ...config.services.values(), ...config.middlewares.values()]) {
        if (object.value === null)
          expect(config.diagnostics.some((one) => one.severity === 'error' && one.path.includes(object.name))).toBe(
            true,
          );
      }
      decodeInstall('a.yml', text);
    }),
    { numRuns: 500 },
  );
});

test('an unchanged object keeps its decoded value from one reading to the next', () => {
  const first = decodeRouting('file', parseConfig('a.yml', VALID));
  const second = decodeRouting('file', parseConfig('a.yml', VALID.replace('/b', '/c')), { previous: first });
  expect(second.routers.get('one')!.value).toBe(first.routers.get('one')!.value);
  expect(second.routers.get('two')!.value).not.toBe(first.routers.get('two')!.value);
});

test('a substitution without quotes between braces is told', () => {
  const { diagnostics } = parseConfig('a.yml', 'log: { level: ${LEVEL} }\n');
  expect(diagnostics[0]).toMatchObject({ code: 'syntax', line: 1, message: expect.stringContaining('in quotes') as string });
}); // prettier-ignore

const SHARED = `x-shared:
  guard: &guard { middlewares: [m] }
http:
  routers:
    one: &base { rule: "Path(\`/one\`)", service: s, entryPoints: [web] }
    two: { <<: *base, rule: "Path(\`/two\`)" }
    three:
      rule: Path(\`/three\`)
      <<: [*base, *guard]
      servce: typo
    <<: { four: { <<: *base, priority: 4 } }
`;

test('merge keys are followed, own keys win, and places lead into what is merged', () => {
  const document = parseConfig('a.yml', SHARED);
  const config = decodeRouting('file', document);
  expect(config.diagnostics.map(({ path, line }) => `${path} ${line}`)).toEqual(['http.routers.three.servce 10']);
  expect([...config.routers.keys()]).toEqual(['one', 'two', 'three', 'four']);
  const two = config.routers.get('two')!.value!;
  expect([two.rule, two.service, two.entryPoints]).toEqual(['Path(`/two`)', 's', ['web']]);
  expect(config.routers.get('four')!.value!.priority).toBe(4);
  expect(document.locate(['http', 'routers', 'two', 'service'])?.line).toBe(5);
  expect(document.locate(['http', 'routers', 'three', 'middlewares', 0])?.line).toBe(2);
  expect(document.locate(['http', 'routers', 'three', 'rule'])?.line).toBe(8);
});

test('a merge bomb ends', () => {
  let bomb = `a0: &a0 { ${Array.from({ length: 1000 }, (_, index) => `k${index}: 1`).join(', ')} }\n`;
  for (let index = 1; index < 5_000; index++) bomb += `a${index}: &a${index} { <<: *a${index - 1} }\n`;
  expect(said('bomb.yml', bomb)[0]).toMatch(/^(?:document-too-complex|syntax)/);
});

const NUMBERS = `http:
  middlewares:
    m:
      headers:
        customRequestHeaders:
          X-Version: 1.10
          X-Long: 12345678901234567890
          X-Hex: 0x10
          X-Exponent: 1e3
          X-Zeros: 007
          X-Yes: True
          X-Plain: 5
          1.10: key
          0x1F: key
`;

test('text that looks like a number stays as it is written, values and keys', () => {
  const config = decodeRouting('file', parseConfig('a.yml', NUMBERS));
  expect(config.diagnostics).toEqual([]);
  expect(config.middlewares.get('m')!.value).toMatchObject({
    headers: {
      customRequestHeaders: {
        'X-Version': '1.10',
        'X-Long': '12345678901234567890',
        'X-Hex': '0x10',
        'X-Exponent': '1e3',
        'X-Zeros': '007',
        'X-Yes': 'True',
        'X-Plain': '5',
        '1.10': 'key',
        '0x1F': 'key',
      },
    },
  });
  const table = 'http.middlewares.m.headers.customRequestHeaders';
  const toml = `[${table}]\nX-Version = 1.10 # one\nX-Long = 12345678901234567890\nX-Day = 2024-01-01\nX-Hex = 0x10\n`;
  const json = '{"http":{"middlewares":{"m":{"headers":{"customRequestHeaders":{"X-Version":1.10,"X-E":1E2}}}}}}';
  const inline = `[http.middlewares]\nm = { headers = { customRequestHeaders = { X-Version = 1.10, X-E = 1E2 } } }\n`;
  const fields = (name: string, text: string): unknown => {
    const { headers } = decodeRouting('file', parseConfig(name, text)).middlewares.get('m')!.value as {
      headers: { customRequestHeaders: unknown };
    };
    return headers.customRequestHeaders;
  };
  expect(fields('a.toml', toml)).toEqual({
    'X-Version': '1.10',
    'X-Long': '12345678901234567890',
    'X-Day': '2024-01-01',
    'X-Hex': '0x10',
  });
  expect(fields('a.json', json)).toEqual({ 'X-Version': '1.10', 'X-E': '1E2' });
  expect(fields('a.toml', inline)).toEqual({ 'X-Version': '1.10', 'X-E': '1E2' });
});

test('options that are numbers take the number, however it is written', () => {
  const text = 'http: { routers: { r: { rule: "Path(`/`)", service: s, priority: 9223372036854774807 } } }\n';
  const { routers, diagnostics } = decodeRouting('file', parseConfig('a.yml', text));
  expect(routers.get('r')!.value!.priority).toBe(Number.MAX_SAFE_INTEGER - 1_000);
  expect(diagnostics.map(({ severity }) => severity)).toEqual(['warning']);
  const toml = '[http.routers.r]\nrule = "Path(`/`)"\nservice = "s"\npriority = 9223372036854774807\n';
  expect(decodeRouting('file', parseConfig('a.toml', toml)).routers.get('r')!.value!.priority).toBe(
    Number.MAX_SAFE_INTEGER - 1_000,
  );
});

test('an object whose number is written another way has changed', () => {
  const first = decodeRouting('file', parseConfig('a.yml', NUMBERS));
  const text = NUMBERS.replace('1.10\n', '"1.10"\n');
  const second = decodeRouting('file', parseConfig('a.yml', text), { previous: first });
  expect(second.middlewares.get('m')!.text).not.toBe(first.middlewares.get('m')!.text);
});

test.each([
  ['http:\n  routers:\n    {{ range .A }}\n    x: 1\n', 'error', 3],
  ['a: {{ .Name }}\n', 'error', 1],
  ['# {{ a comment }}\na: "{{ .Name }}"\n', 'warning', 2],
])('a template is told once: %j', (text, severity, line) => {
  const { diagnostics } = parseConfig('a.yml', text);
  expect(diagnostics).toMatchObject([{ code: 'go-template', severity, line }]);
});

test.each([
  ['a.yml', "providers: { docker: { defaultRule: 'Host(`{{ normalize .Name }}.test`)' } }"],
  ['a.yml', 'providers:\n  docker:\n    defaultRule: >-\n      Host(`{{ .Name }}`)\n'],
  ['a.toml', '[providers.docker]\ndefaultRule = "Host(`{{ .Name }}`)"\n'],
  ['a.json', '{"providers": {"docker": {"defaultRule": "Host(`{{ .Name }}`)"}}}'],
])('the default rule of a provider is a template (%s)', (source, text) => {
  expect(parseConfig(source, text).diagnostics).toEqual([]);
});

test('a template that reads a variable has a form here', () => {
  const { diagnostics } = parseConfig('a.yml', 'a: "{{ env `NAME` }}"\n');
  expect(diagnostics[0]!.message).toContain('write "${NAME}" for {{env "NAME"}}');
  expect(parseConfig('a.yml', '# {{ only a comment }}\na: 1 # {{ and one more }}\n').diagnostics).toEqual([]);
});

test('sections of routing configuration take true, false and an empty variable, and certificates a single one', () => {
  for (const text of [
    'http: true',
    'http:',
    'tcp: ""',
    'udp: { routers: false }',
    'tls: { certificates: "", stores: true }',
  ]) {
    expect(decodeRouting('file', parseConfig('a.yml', text)).diagnostics).toEqual([]);
  }
  const one = decodeRouting(
    'file',
    parseConfig('a.yml', 'tls: { certificates: { certFile: /gone.pem, keyFile: /gone.key } }'),
  );
  expect(one.diagnostics.map(({ path }) => path)).toEqual([
    'tls.certificates[0].certFile',
    'tls.certificates[0].keyFile',
  ]);
  expect(decodeRouting('file', parseConfig('a.yml', 'http: yes')).diagnostics).toHaveLength(1);
});

test('a token that an empty variable leaves opens nothing', () => {
  const { value, diagnostics } = decodeInstall(
    'a.yml',
    'entryPoints: { traefik: { address: ":0" } }\napi: { token: "" }\n',
  );
  expect(value).toBeNull();
  expect(diagnostics.map(({ message }) => message)).toEqual([
    'the token is empty, and everybody would have it; leave the option out, or set it',
  ]);
});

test('a level and a field mode that Traefik takes', () => {
  const { value, diagnostics } = decodeInstall(
    'a.yml',
    'log: { level: verbose, format: logfmt }\naccessLog: { fields: { names: { ClientUsername: redact } } }\n',
  );
  expect(value).toMatchObject({
    log: { level: 'info', format: 'common' },
    accessLog: { init: { fields: { names: { ClientUsername: 'drop' } } } },
  });
  expect(diagnostics.map(({ severity, path }) => `${severity} ${path}`)).toEqual([
    'warning log.level',
    'warning log.format',
  ]);
});
