import { expect, test } from 'vitest';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { compilePattern, nativePattern } from './pattern.ts';

const piece = fc.constantFrom(
  'a',
  'b',
  '/',
  '-',
  '[a-c]',
  '[0-9]+',
  '[a-z]+',
  '.*',
  '.+',
  '\\.',
  '\\d+',
  'a*',
  'b?',
  '\\w',
  '.',
  '(a|b)',
  'x',
  '\\-',
  '[a-z0-9-]+',
  ' ',
);

test('a pattern run natively finds what RE2 finds', () => {
  let natives = 0;
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(piece, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      fc.array(
        fc.string({
          unit: fc.constantFrom('a', 'b', 'c', '/', '-', '.', '0', '9', 'x', '\n', '\u2028', 'é', '😀', ' '),
          maxLength: 12,
        }),
        { maxLength: 20 },
      ),
      (anchored, pieces, ends, texts) => {
        const pattern = `${anchored ? '^' : ''}${pieces.join('')}${ends ? '$' : ''}`;
        const native = nativePattern(pattern);
        if (native === null) return;
        natives++;
        const reference = RE2JS.compile(pattern);
        for (const text of texts) expect(native.test(text)).toBe(reference.matcher(text).find());
      },
    ),
    { numRuns: 3_000 },
  );
  expect(natives).toBeGreaterThan(300);
});

test.each(['^/api/v[0-9]+/.*$', '^[a-z0-9-]+\\.example\\.com$', '/admin', '^/static/'])(
  '%s runs natively',
  (pattern) => {
    expect(nativePattern(pattern)).not.toBeNull();
  },
);

test.each(['(a+)+$', '^(a|a)*b', 'a*a*b', '[a-z]+x', '^[a-z]+[a-z]+x', '^a{1,100}$', '(?i)abc', '^a+?b'])(
  '%s does not',
  (pattern) => {
    expect(nativePattern(pattern)).toBeNull();
  },
);

test('a pattern that makes backtracking engines hang is answered', () => {
  expect(compilePattern('^(a+)+$')(`${'a'.repeat(20_000)}!`)).toBe(false);
});
