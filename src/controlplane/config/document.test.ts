import { expect, test } from 'vitest';
import fc from 'fast-check';
import { parseConfig } from './document.ts';
import { decodeInstall } from './install-config.ts';
import { decodeRouting } from './routing-config.ts';

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
  ['a.yml', 'a: 1\na: 2', /^syntax 2:1$/],
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
