import { expect, test } from 'vitest';
import fc from 'fast-check';
import type { PathPolicy } from '../../model/entry-point.ts';
import { normalisePath, normaliseQuery, type NormalPath } from './request-target.ts';

const ALLOW: PathPolicy = {
  sanitize: true,
  encodeQuerySemicolons: false,
  allowEncoded: {
    slash: true,
    backSlash: true,
    semicolon: true,
    percent: true,
    questionMark: true,
    hash: true,
  },
};

function normal(raw: string, policy: PathPolicy = ALLOW): string {
  const out: NormalPath = { routing: '', forward: '' };
  const failure = normalisePath(raw, policy, out);
  return failure === null
    ? out.routing === out.forward
      ? out.forward
      : `${out.forward} as ${out.routing}`
    : failure.flag;
}

test.each([
  ['/', '/'],
  ['/a/b.c/~d', '/a/b.c/~d'],
  ['/a/../admin', '/admin'],
  ['/../../a', '/a'],
  ['/a/.', '/a/'],
  ['/a/..', '/'],
  ['/a/b/..', '/a/'],
  ['//admin', '/admin'],
  ['/a//b/', '/a/b/'],
  ['/%2e%2e/admin', '/admin'],
  ['/.%2E/admin', '/admin'],
  ['/%61b', '/ab'],
  ['/%2fadmin', '/%2Fadmin'],
  ['/a%20b', '/a%20b as /a b'],
  ['/%E4%BD%A0', '/%E4%BD%A0 as /你'],
  ['/a%252e', '/a%252e'],
  ['/a%5cb', '/a%5Cb as /a\\b'],
  ['/a{b}', '/a%7Bb%7D as /a{b}'],
  ['/...', '/...'],
  ['/.well-known/x', '/.well-known/x'],
  ['/a;v=1/b', '/a;v=1/b'],
  ['/a/..;/admin', 'bad_path'],
  ['/.;/admin', 'bad_path'],
  ['/a/..%2fadmin', 'bad_path'],
  ['/a%2f..%2fadmin', 'bad_path'],
  ['/a/%2e%2e%5cadmin', 'bad_path'],
  ['/a\\b', 'bad_path'],
  ['/%00', 'bad_path'],
  ['/%zz', 'bad_target'],
  ['/a%2', 'bad_target'],
])('%s becomes %s', (raw, expected) => {
  expect(normal(raw)).toBe(expected);
});

test('each encoded character can be refused', () => {
  const cases = { slash: '%2f', backSlash: '%5C', semicolon: '%3b', percent: '%25', questionMark: '%3F', hash: '%23' };
  for (const [name, escape] of Object.entries(cases)) {
    const policy = { ...ALLOW, allowEncoded: { ...ALLOW.allowEncoded, [name]: false } };
    expect(normal(`/a${escape}b`, policy)).toBe('bad_path');
    expect(normal('/ab', policy)).toBe('/ab');
  }
});

test('without sanitising, dot segments stay', () => {
  expect(normal('/a/../b//c', { ...ALLOW, sanitize: false })).toBe('/a/../b//c');
});

test('the normal form is stable, has no dot segment and no double slash', () => {
  const piece = fc.constantFrom(
    'a',
    '.',
    '..',
    '/',
    '//',
    '%2e',
    '%2F',
    '%41',
    ';',
    '%25',
    '{',
    '%5C',
    '%3B',
    'b c'.charAt(0),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const out: NormalPath = { routing: '', forward: '' };
      if (normalisePath(`/${pieces.join('')}`, ALLOW, out) !== null) return;
      const once = out.forward;
      expect(once).not.toMatch(/\/\/|\/\.\.?(\/|$)/);
      expect(normalisePath(once, ALLOW, out)).toBeNull();
      expect(out.forward).toBe(once);
    }),
    { numRuns: 2_000 },
  );
});

test('queries go on as they came', () => {
  expect(normaliseQuery('a=1&b=%20', ALLOW)).toBe('a=1&b=%20');
  expect(normaliseQuery('a;b', ALLOW)).toBe('a;b');
  expect(normaliseQuery('a;b', { ...ALLOW, encodeQuerySemicolons: true })).toBe('a%3Bb');
  for (const query of ['', 'f={"x":[1]}', 'a=100%', 'a=%zz', 'a=|^`\\<>', "a='b'", 'a=\xe9', 'a?b/../c']) {
    expect(normaliseQuery(query, ALLOW)).toBe(query);
  }
  for (const query of ['a b', 'a#b', 'a\0', 'a\x7f', 'a\tb']) expect(normaliseQuery(query, ALLOW)).toBeNull();
});
