import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { isPlainPattern, literalPrefix, toNativePattern } from './native-pattern.ts';
import { compilePattern, compilePrefix, patternError } from './pattern.ts';

/** Pieces chosen so that most combinations are plain and texts match often. */
const atom = fc.constantFrom(
  'a',
  'b',
  '/',
  '-',
  '\\.',
  '\\-',
  '\\/',
  '.',
  '\\d',
  '\\w',
  '[ab]',
  '[^a]',
  '[a-z0-9-]',
  '[^/]',
  '[-a]',
  '[a\\.]',
  '(a|b)',
  '(?:ab|ba)',
  '(ab)',
  '\\\\',
  '1',
  'v',
  '[\\d-]',
  '[a-]',
  '[+*]',
  '[^^]',
  '[a^]',
);
const quantifier = fc.constantFrom(
  '',
  '',
  '',
  '',
  '*',
  '+',
  '?',
  '{2}',
  '{1,2}',
  '{2,}',
  '{0,2}',
  '+?',
  '**',
  '{0}',
  '{,2}',
);
const anyPattern = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom('', '^', '^/'),
        fc
          .array(
            fc.tuple(atom, quantifier).map(([one, many]) => one + many),
            { maxLength: 5 },
          )
          .map((parts) => parts.join('')),
        fc.constantFrom('', '$', '\\$'),
      )
      .map((parts) => parts.join('')),
  },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...Array.from('ab^$\\.*+?()[]{}|-1,')), maxLength: 10 }) },
);
const text = fc.string({
  unit: fc.constantFrom(...Array.from('aabb/-.1v\\$^\n'), '\u{1F600}', 'é', '\ud83d', '\u2028'),
  maxLength: 9,
});

describe('native translation', () => {
  test('means what RE2 means', () => {
    let plain = 0;
    let matched = 0;
    fc.assert(
      fc.property(anyPattern, fc.array(text, { minLength: 4, maxLength: 12 }), (pattern, texts) => {
        const native = toNativePattern(pattern);
        if (native === null) return;
        plain++;
        const re2 = RE2JS.compile(pattern);
        for (const one of texts) {
          if (native.test(one)) matched++;
          expect([one, native.test(one)]).toEqual([one, re2.test(one)]);
        }
      }),
      { numRuns: 4000 },
    );
    expect(plain).toBeGreaterThan(1000);
    expect(matched).toBeGreaterThan(1000);
  });

  test('an anchored translation ends where RE2 ends', () => {
    let longer = 0;
    fc.assert(
      fc.property(anyPattern, fc.array(text, { minLength: 4, maxLength: 12 }), (pattern, texts) => {
        let matcher: RE2JS;
        try {
          matcher = RE2JS.compile(pattern);
        } catch {
          return;
        }
        const find = compilePrefix(pattern);
        for (const one of texts) {
          const found = matcher.matcher(one);
          const expected = found.find() && found.start() === 0 ? found.group(0) : '';
          if ((expected?.length ?? 0) > 1) longer++;
          expect([pattern, one, find(one)]).toEqual([pattern, one, expected]);
        }
      }),
      { numRuns: 4000 },
    );
    expect(longer).toBeGreaterThan(100);
  });

  test('accepts nothing RE2 refuses', () => {
    fc.assert(
      fc.property(anyPattern, (pattern) => {
        if (isPlainPattern(pattern)) expect(() => RE2JS.compile(pattern)).not.toThrow();
      }),
      { numRuns: 4000 },
    );
  });

  test.each([
    '^/api/v[0-9]+/.*$',
    '^[a-z0-9-]+\\.example\\.com$',
    '^.+\\.example\\.com$',
    '^/users/\\d+$',
    '/static/',
    '^/(img|css|js)/',
    '\\.(png|jpg)$',
    '.*\\.php$',
  ])('covers %s', (pattern) => {
    expect(toNativePattern(pattern)).not.toBeNull();
  });

  test.each([
    '(a+)+$',
    '^(a|ab)*c',
    '[a-z]+[a-z0-9]+x',
    '^.*a.*b$',
    '^a?a?.*b[0-9]{65}$',
    'x[a-z]*y',
    '(?i)abc',
    '^é$',
    'a|b',
    '[[:alpha:]]',
  ])('leaves %s to RE2', (pattern) => {
    expect(toNativePattern(pattern)).toBeNull();
  });

  test('knows a text every match begins with', () => {
    expect(literalPrefix('^/api/v[0-9]+/.*$')).toBe('/api/v');
    expect(literalPrefix('^/a\\.b?')).toBe('/a.');
    expect(literalPrefix('^/(img|css)/')).toBe('/');
    expect(literalPrefix('/api')).toBe('');
    fc.assert(
      fc.property(anyPattern, text, (pattern, one) => {
        const prefix = literalPrefix(pattern);
        if (prefix !== '' && RE2JS.compile(pattern).test(one)) expect(one.startsWith(prefix)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('patternError', () => {
  test('accepts RE2 beyond the plain part', () => {
    for (const pattern of ['(?i)abc', '\\pL+', '(?P<name>x)', 'a+?']) expect(patternError(pattern)).toBeNull();
  });

  test.each([
    ['(', /no RE2 regular expression: .*missing closing/],
    ['(?=a)', /RE2 has no look-around$/],
    ['(?<!a)b', /RE2 has no look-around$/],
    ['(a)\\1', /RE2 has no back-references$/],
    ['[z-a]', /invalid character class range/],
    ['a**', /invalid nested repetition operator/],
    ['(a{500}){500}', /invalid repeat count/],
  ])('says what is wrong with %s', (pattern, message) => {
    expect(patternError(pattern)).toMatch(message);
  });

  test('refuses a pattern of unreasonable length', () => {
    expect(patternError('a'.repeat(4097))).toBe('the pattern is longer than 4096 characters');
  });
});

/** Backtracking engines need 2^30 steps and more for these; a test that hangs runs into the runner's time limit. */
test.each([
  '^(a+)+$',
  '^(a|a)*$',
  '^(a*)*b$',
  '(x+x+)+y',
  '^([a-zA-Z0-9]+\\s?)*$',
  '^.*.*.*.*.*.*=$',
  '[a-z]+[a-z]+[a-z]+#',
  `^${'a?'.repeat(40)}${'a'.repeat(40)}b$`,
])('catastrophic pattern %s ends on a long text', (pattern) => {
  expect(patternError(pattern)).toBeNull();
  expect(compilePattern(pattern)(`${'a'.repeat(8000)}\n!`)).toBe(false);
});
