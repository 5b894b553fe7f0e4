import { expect, test } from 'vitest';
import { compileReplacement, unknownGroups } from './replacement.ts';

test.each([
  ['^/api/(.*)', '/$1', '/api/users', '/users'],
  ['^/(?P<area>\\w+)/(\\d+)$', '/x/${2}-${area}', '/shop/7', '/x/7-shop'],
  // The longest name counts: `$1x` is a group that does not exist.
  ['^/(\\w+)$', '/$1x', '/a', '/'],
  ['^/(\\w+)$', '/${1}x', '/a', '/ax'],
  ['a', '$$1', 'banana', 'b$1n$1n$1'],
  ['(z)?a', '[$1]', 'ba', 'b[]'],
  // One replacement, not a second one for the empty match at the end.
  ['.*', 'x', 'abc', 'x'],
  ['b*', '-', 'abc', '-a-c-'],
  ['$', '!', 'abc', 'abc!'],
  ['(é)', '<$1>', 'aéb', 'a<é>b'],
])('%s with %s turns %s into %s', (pattern, template, text, expected) => {
  const replace = compileReplacement(pattern, template);
  expect(replace(text)).toBe(expected);
  // From the cache.
  expect(replace(text)).toBe(expected);
});

test('says when there is nothing to replace', () => {
  const replace = compileReplacement('^/api/(.*)', '/$1');
  expect(replace('/other')).toBeNull();
  expect(replace('/other')).toBeNull();
});

test('encodes what the template brings, not what groups bring', () => {
  expect(compileReplacement('^/(.*)$', '/ü?/$1', encodeURIComponent)('/a%20b?')).toBe('%2F%C3%BC%3F%2Fa%20b?');
});

test('finds references to groups that do not exist', () => {
  expect(unknownGroups('^/(?P<a>x)(y)$', '$1 ${2} $a $$3 ${b} $3 $1x')).toEqual(['${b}', '$3', '$1x']);
});
