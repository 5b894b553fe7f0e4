import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from './document.ts';
import { findMistake } from './yaml-mistakes.ts';

const FILE = `http:
  routers:
    a:
      rule: Host(\`a\`)
      service: s
      middlewares: [m]
  middlewares:
    m:
      headers:
        contentSecurityPolicy: "default-src 'self'"
    guard:
      basicAuth:
        users:
          - "one:$2y$05$abcdefghijklmnopqrstuv"
  services:
    s:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:1
          - url: http://127.0.0.1:2
`;

function said(text: string): string[] {
  return parseConfig('a.yml', text).diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

const RULE = 'rule: Host(`a`)';
const SIDE = 'what stands side by side begins in the same column';

test.each([
  ['indented by one more', '      service', '       service', `5:8 "service" is indented by 7 spaces, "rule" by 6: ${SIDE}`],
  ['indented by one less', '      service', '     service', `5:6 "service" is indented by 5 spaces, "rule" by 6: ${SIDE}`],
  ['a section too far left', '  services:', ' services:', `15:2 "services" is indented by 1 space, "middlewares" by 2: ${SIDE}`],
  ['a section too far right', '  services:', '   services:', `15:4 "services" is indented by 3 spaces, "s" by 4: ${SIDE}`],
  ['an entry too far left', '          - url: http://127.0.0.1:2', '         - url: http://127.0.0.1:2', `20:10 "url" is indented by 9 spaces, "url" by 10: ${SIDE}`],
  ['an entry too far right', '          - url: http://127.0.0.1:2', '            - url: http://127.0.0.1:2', `20:13 "url" is indented by 12 spaces, "url" by 10: ${SIDE}`],
  ['a key among entries', '          - url: http://127.0.0.1:2', '          weight: 3', `20:11 "weight" is indented by 10 spaces, "url" by 12: ${SIDE}`],
  ['a tab', '      service', '\tservice', '5:1 the line is indented with a tab; YAML takes spaces alone'],
  ['a tab behind spaces', '      service', '    \tservice', '5:5 the line is indented with a tab; YAML takes spaces alone'],
  ['a blank from the web', '      service', '     \u00a0service', '5:6 the line is indented with a blank that is no space (U+00A0), as copying from a web page leaves it; write spaces'],
  ['an open list', '[m]', '[m', '6:20 the "[" is never closed; write [m]'],
  ['an open map', '[m]', '[m]\n      tls: { options: x', '7:12 the "{" is never closed'],
  ['another bracket', '[m]', '[m}', '6:20 "}" closes what was opened by another bracket; write "]"; write [m]'],
  ['a bracket too many', '[m]', '[m]]', '6:20 "]" closes nothing; write [m]'],
  ['an open double quote', `'self'"`, `'self'`, `10:32 the double quote is never closed; write "default-src 'self'"`],
  ['an open double quote before others', RULE, 'rule: "Host(`a`)', '4:13 the double quote is never closed; write "Host(`a`)"'],
  ['an open single quote', RULE, "rule: 'Host(`a`)", "4:13 the single quote is never closed; write 'Host(`a`)'"],
  ['an open quote in a list', '[m]', '[m, "n]', '6:20 a quote (") in this line is never closed; write [m, "n"]'],
  ['text behind a quote', RULE, 'rule: "Host(`a`)" && Path(`/x`)', `4:13 the text goes on behind its closing quote; put all of it in quotes; write '"Host(\`a\`)" && Path(\`/x\`)'`],
  ['a backslash', RULE, 'rule: "HostRegexp(`\\d`)"', `4:13 "\\d" means nothing between double quotes; put the value in single quotes; write 'HostRegexp(\`\\d\`)'`],
  ['a backtick', RULE, 'rule: `Host(a)`', "4:13 YAML keeps the backtick for itself; put the value in quotes; write '`Host(a)`'"],
  ['a star', RULE, 'rule: *', `4:13 "*" begins a reference to something named before; put the value in quotes; write '*'`],
  ['a wildcard', RULE, 'rule: *.example.com', `4:13 "*" begins a reference to something named before; put the value in quotes; write '*.example.com'`],
  ['an exclamation mark', RULE, 'rule: !Path(`/a`)', `4:13 "!" begins a type; put the value in quotes; write '!Path(\`/a\`)'`],
  ['a percent sign', 'service: s', 'service: %s', `5:16 "%" begins a directive; put the value in quotes; write '%s'`],
  ['an at sign', '[m]', '@m', `6:20 YAML keeps "@" for itself; put the value in quotes; write '@m'`],
  ['an at sign in a list', '[m]', '[m, @n]', `6:20 YAML keeps "@" for itself; put the entry in quotes; write [m, '@n']`],
  ['a colon in the value', `"default-src 'self'"`, 'default-src: self', `10:32 a value that holds a colon and a blank has to be in quotes; write 'default-src: self'`],
  ['no blank behind the colon', 'service: s', 'service:s', '5:14 a space is missing behind the colon; write service: s'],
  ['no blank behind the dash', '- url: http://127.0.0.1:2', '-url: http://127.0.0.1:2', '20:11 a space is missing behind the dash'],
  ['no colon', 'service: s', 'service s', '5:14 a colon is missing behind "service"; write service: s'],
  ['no colon behind a section', 'routers:', 'routers', '2:10 a colon is missing behind "routers"'],
  ['an equals sign', 'service: s', 'service = s', '5:14 YAML writes a colon, not "="; write service: s'],
  ['a semicolon', 'service: s', 'service; s', '5:14 behind "service" stands a semicolon in place of a colon; write service: s'],
  ['a list in the line of its key', '[m]', '- m', '6:20 a list begins on a line of its own, or is written in brackets; write [m]'],
  ['no comma', '[m]', '["m" "n"]', '6:20 a comma is missing between two entries; write ["m", "n"]'],
  ['two commas', '[m]', '[m,, n]', '6:20 a comma too many; write [m, n]'],
  ['a substitution between braces', '[m]', '{ level: ${LEVEL} }', '6:20 put values that hold "${…}" in quotes: braces have a meaning of their own between braces; write { level: "${LEVEL}" }'],
  ['a comment of another language', '      service', '      // the service\n      service', '5:7 comments begin with "#"'],
  ['a merge conflict', '      service: s', '<<<<<<< HEAD\n      service: s\n=======\n      service: t\n>>>>>>> b', '5:1 the file holds a merge conflict that is not resolved (<<<<<<<, =======, >>>>>>>): keep one of the two sides'],
  ['bytes that no text has', 'service: s', 'service: \0', '5:16 the file holds bytes that no text has; save it as UTF-8'],
])('%s is told where it is, with what to write', (_, written, instead, expected) => {
  expect(said(FILE.replace(written, () => instead))).toEqual([expected]);
}); // prettier-ignore

test('mistakes that have nothing to do with each other are told at once', () => {
  const text = FILE.replace(RULE, 'rule: `Host(a)`').replace('service: s', 'service:s').replace('[m]', '[m');
  expect(said(text).map((one) => one.split(' ')[0])).toEqual(['4:13', '5:14', '6:20']);
});

test('what may be a secret is not repeated', () => {
  const secret = FILE.replace('uv"', 'uv').replace('- url: http://127.0.0.1:2', '- url: "http://me:word@127.0.0.1:2');
  expect(said(secret)).toEqual([
    '14:13 the double quote is never closed',
    '20:18 the double quote is never closed; write "http://xxxx@127.0.0.1:2"',
  ]);
});

test('no change of a character or two makes the parser speak for itself', () => {
  const words = /mapping|sequence|scalar|flow|alias|anchor|node|stream|token|indicator/;
  const edit = fc.tuple(
    fc.nat(FILE.length),
    fc.nat(2),
    fc.string({ maxLength: 2, unit: fc.constantFrom(...'{}[]:,"\'`&*!|>#%@-=\\ \n\ta/'.split('')) }),
  );
  fc.assert(
    fc.property(edit, ([at, length, insert]) => {
      for (const one of parseConfig('a.yml', FILE.slice(0, at) + insert + FILE.slice(at + length)).diagnostics) {
        expect(one.message).not.toMatch(words);
        expect(one.line).toBeGreaterThan(0);
      }
    }),
    { numRuns: 300, seed: 7 },
  );
});

test.each([
  ['a: 1\nb: 2\na: 3\n', { a: 1, b: 2 }, ['a 3:1']],
  ['{ a: 1, a: 2, b: 3 }', { a: 1, b: 3 }, ['a 1:9']],
  ['{"a": 1, "b": 2, "a": {"c": 3}}', { a: 1, b: 2 }, ['a 1:18']],
  ['x:\n  a:\n    b: 1\n  c: 2\n  a:\n    d: [1,\n     2]\ny: 3\n', { x: { a: { b: 1 }, c: 2 }, y: 3 }, ['x.a 5:3']],
  ['l:\n  - a: 1\n    a: 2\n  - b: 1\n', { l: [{ a: 1 }, { b: 1 }] }, ['l.0.a 3:5']],
  ['a: |\n  text\na: |\n  more\nb: 1\n', { a: 'text\n', b: 1 }, ['a 3:1']],
])('a key that stands twice costs the second one: %j', (text, value, told) => {
  const document = parseConfig('a.yml', text);
  expect(JSON.parse(JSON.stringify(document.value))).toEqual(value);
  expect(document.diagnostics.map(({ path, line, column }) => `${path} ${line}:${column}`)).toEqual(told);
  expect(document.diagnostics[0]).toMatchObject({ severity: 'warning', code: 'duplicate-key' });
});

test('an alias to a key that stands twice and is left out is an error', () => {
  expect(parseConfig('a.yml', 'a: 1\na: &x 2\nb: *x\n')).toMatchObject({ value: undefined });
});

test.each([
  ['[a]\nb = 1\n[a]\nc = 2\n[d]\ne = 3\n', { a: { b: 1 }, d: { e: 3 } }, ['3:1']],
  ['a = 1\na = 2\na = 3\n', { a: 1 }, ['2:1', '3:1']],
])('a name of TOML that is defined twice costs the second one: %j', (text, value, told) => {
  const document = parseConfig('a.toml', text);
  expect(document.value).toEqual(value);
  expect(document.diagnostics.map(({ line, column }) => `${line}:${column}`)).toEqual(told);
});

test.each([
  ['rule: x\n', 'TOML writes "=", not a colon: rule = x'],
  ['routers:\n', 'TOML has no "routers:"; write [routers] with all names above it, as in [http.routers]'],
  ['rule = Host(`a`)\n', "text stands in quotes: 'Host(`a`)'"],
  ['tls = True\n', 'write true'],
  ['[http.routers\n', 'the "]" of the name of a table is missing'],
  ['{ "a": 1 }\n', 'this is JSON or YAML in a file for TOML; call the file .json or .yml'],
  ['a = "b\n', 'a text in quotes is not closed in its line; text of several lines stands between three double quotes'],
  ['a = "b', 'the text in quotes is never closed'],
  ['a = [1, 2\n', 'a comma is missing, or a bracket is never closed'],
])('TOML: %j', (text, message) => {
  expect(parseConfig('a.toml', text).diagnostics.map((one) => one.message)).toEqual([message]);
});

test('a key that stands twice below a mistake is not told as another one', () => {
  const text = FILE.replace('service: s', 'service:s').replace('  services:', '    m: { compress: {} }\n  services:');
  expect(said(text)).toEqual(['5:14 a space is missing behind the colon; write service: s']);
});

test('what is wrong beside a key that stands twice is told at its place', () => {
  expect(said('a: 1\na: &x 2\nb: *x\n')).toEqual([
    '3:4 "*" begins a reference to something named before; put the value in quotes',
  ]);
});

test('guesses read no more than their budget, whatever is wrong', () => {
  const text = Array.from({ length: 300 }, (_, index) => `k${index}: "a" b\n`).join('');
  const budget = { left: 20 * text.length };
  let read = 0;
  const found = findMistake(text, 250, (tried) => ((read += tried.length), 250), budget);
  expect(found).toBeNull();
  expect(budget.left).toBeLessThanOrEqual(0);
  expect(read).toBeLessThan(22 * text.length);
});

test('what has to be merged costs nothing while guesses are tried', () => {
  const keys = Array.from({ length: 500 }, (_, index) => `k${index}: 1`).join(', ');
  const merges = Array.from({ length: 1_900 }, (_, index) => `a${index + 1}: &a${index + 1} { <<: *a${index} }\n`);
  expect(said(`a0: &a0 { ${keys} }\n${merges.join('')}z: "a" b\n`)).toEqual([
    '1902:4 the text goes on behind its closing quote; put all of it in quotes',
  ]);
});

test('lines that nobody writes cost nothing to look at', () => {
  const long = ' '.repeat(500_000);
  for (const text of [
    `a:${long}b: c\n"`,
    `a: [${'['.repeat(50)}${long}\n`,
    `x = ${long}y: "\n`,
    `${'- '.repeat(200_000)}"\n`,
  ]) {
    expect(parseConfig('a.yml', text).value).toBeUndefined();
    parseConfig('a.toml', text);
  }
});
