import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isConfigFile, MAX_FILE_BYTES, parseConfig, placeOf } from './document.ts';

const problems = (source: string, text: string): string[] =>
  parseConfig(source, text).diagnostics.map((one) => `${one.line}:${one.column} ${one.code} ${one.message}`);

test.each([
  ['a.yml', 'http:\n  routers: [oops\n', /^\d+:\d+ syntax /],
  ['a.yml', 'a: 1\n b: 2\n', /^2:\d+ syntax /],
  ['a.yml', 'a: 1\na: 2\n', /^2:\d+ syntax .*duplicat/i],
  ['a.json', '{"a": 1,\n "b": ]}', /^\d+:\d+ syntax /],
  ['a.toml', '[http]\nx = \n', /^2:\d+ syntax /],
  ['a.toml', 'x = 1\nx = 2\n', /^2:\d+ syntax /],
  ['a.yml', 'a: 1\n---\nb: 2\n', /several documents/],
])('%s %j: the syntax error is told with its place', (source, text, expected) => {
  const found = problems(source, text);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(expected);
  expect(parseConfig(source, text).value).toBeUndefined();
});

test('an alias bomb is refused without unfolding it', () => {
  let bomb = 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n';
  for (let level = 1; level < 12; level++) {
    const one = `*a${level - 1}`;
    bomb += `a${level}: &a${level} [${Array.from({ length: 10 }, () => one).join(',')}]\n`;
  }
  const found = problems('bomb.yml', bomb);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/document-too-complex|syntax/);
});

test('a document that holds itself, or nests without end, is refused', () => {
  expect(problems('self.yml', 'a: &a [*a]\n')[0]).toMatch(/document-too-complex|syntax/);
  for (const depth of [100, 100_000]) {
    const found = problems('deep.yml', `a: ${'['.repeat(depth)}${']'.repeat(depth)}\n`);
    expect(found[0]).toMatch(/document-too-complex|syntax/);
    expect(problems('deep.toml', `a = ${'['.repeat(depth)}${']'.repeat(depth)}\n`)[0]).toMatch(
      /document-too-complex|syntax/,
    );
  }
});

test('a file beyond the limit is not parsed', () => {
  expect(problems('big.yml', `a: ${'x'.repeat(MAX_FILE_BYTES)}`)[0]).toContain('file-too-large');
});

test('a Go template warns with its place, and a syntax error it causes comes second', () => {
  expect(problems('t.yml', 'a: 1\nb: "{{ env `X` }}"\n')).toEqual([
    expect.stringMatching(/^2:5 go-template .*not run/) as string,
  ]);
  const broken = problems('t.yml', 'a:\n{{ range }}\n  b: [\n');
  expect(broken[0]).toContain('2:1 go-template');
  expect(broken[1]).toContain('syntax');
});

test('an empty file is an empty configuration', () => {
  for (const source of ['a.yml', 'a.json'])
    expect(parseConfig(source, '')).toMatchObject({ value: null, diagnostics: [] });
  expect(parseConfig('a.toml', '')).toMatchObject({ value: {}, diagnostics: [] });
  expect(parseConfig('a.yml', '# nothing\n')).toMatchObject({ value: null, diagnostics: [] });
});

const YAML = `http:
  routers:
    shop:
      rule: Host(\`a\`)
      entryPoints:
        - web
        - admin
  services: { s: { loadBalancer: { servers: [ { url: "http://a" }, { url: x } ] } } }
`;

test.each([
  [['http'], 1, 1],
  [['http', 'routers', 'shop'], 3, 5],
  [['http', 'ROUTERS', 'Shop', 'RULE'], 4, 7],
  [['http', 'routers', 'shop', 'entryPoints', 1], 7, 11],
  [['http', 'routers', 'shop', 'service'], 3, 5],
  [['http', 'services', 's', 'loadBalancer', 'servers', 1, 'url'], 8, 70],
])('YAML: %j stands at %i:%i', (path, line, column) => {
  expect(parseConfig('a.yml', YAML).locate(path)).toEqual({ line, column });
});

const TOML = `[http.routers.shop]
  rule = "Host(\`a\`)"
  service = "s"

[http.services."s".loadBalancer]
  passHostHeader = true
  [[http.services.s.loadBalancer.servers]]
    url = "http://a"
  [[http.services.s.loadBalancer.servers]]
    url = "x"
    weight = 2
[entryPoints]
web.address = ":80"
`;

test.each([
  [['http', 'routers', 'shop'], 1, 1],
  [['http', 'routers', 'shop', 'rule'], 2, 3],
  [['HTTP', 'routers', 'shop', 'Service'], 3, 3],
  [['http', 'services', 's', 'loadBalancer', 'servers', 0, 'url'], 8, 5],
  [['http', 'services', 's', 'loadBalancer', 'servers', 1, 'url'], 10, 5],
  [['http', 'services', 's', 'loadBalancer', 'servers', 1, 'wieght'], 9, 3],
  [['entryPoints', 'web', 'address'], 13, 1],
])('TOML: %j stands at %i:%i', (path, line, column) => {
  expect(parseConfig('a.toml', TOML).locate(path)).toEqual({ line, column });
});

test('TOML: a path that is not there has no place', () => {
  expect(parseConfig('a.toml', TOML).locate(['tcp'])).toBeNull();
});

test('files are told by their ending', () => {
  expect(['a.yml', 'A.YAML', 'a.toml', 'a.json', 'a.yml~', '.a.yml.swp', 'a.txt', 'yml'].filter(isConfigFile)).toEqual([
    'a.yml',
    'A.YAML',
    'a.toml',
    'a.json',
  ]);
});

test('an offset counts lines and columns from 1', () => {
  expect(placeOf('ab\ncd', 0)).toEqual({ line: 1, column: 1 });
  expect(placeOf('ab\ncd', 4)).toEqual({ line: 2, column: 2 });
});

test('no text makes the parser or its places throw', () => {
  const path = fc.array(fc.oneof(fc.constantFrom('http', 'routers', 'a'), fc.nat(3)), { maxLength: 4 });
  const text = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc
      .array(
        fc.constantFrom(
          'http:',
          '\n',
          '  ',
          '- ',
          'a',
          ': ',
          '[',
          ']',
          '{',
          '}',
          '"',
          '=',
          '&a ',
          '*a',
          '#',
          '<<: ',
          '!!x ',
          '| ',
        ),
        {
          maxLength: 40,
        },
      )
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(fc.constantFrom('a.yml', 'a.toml'), text, path, (source, content, where) => {
      const document = parseConfig(source, content);
      expect(document.value === undefined).toBe(document.diagnostics.some((one) => one.severity === 'error'));
      document.locate(where);
    }),
    { numRuns: 1_000 },
  );
});
