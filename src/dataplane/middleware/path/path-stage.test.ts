import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normalisePath } from '../../http/request-target.ts';
import { encodePath, pathForms } from './path-stage.ts';

test.each([
  ['/a b/ü', '/a b/ü', '/a%20b/%C3%BC'],
  // Reserved characters mean something else when they are encoded.
  ['/a%2fb', '/a%2Fb', '/a%2Fb'],
  ['/100%', '/100%25', '/100%25'],
  ['/%41', '/A', '/A'],
  ['/[x]|', '/%5Bx%5D|', '/%5Bx%5D%7C'],
])('the path %s has the forms %s and %s', (path, routing, forward) => {
  expect(pathForms(path)).toEqual({ routing, forward });
});

test('what is no path has no forms', () => {
  expect(pathForms('/a%00')).toBeNull();
});

test('the decoded form of any path leads back to what is sent', () => {
  const policy = {
    sanitize: false,
    encodeQuerySemicolons: false,
    allowEncoded: {
      slash: true, backSlash: true, semicolon: true, percent: true, questionMark: true, hash: true,
    },
  }; // prettier-ignore
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      const out = { routing: '', forward: '' };
      if (normalisePath(`/${encodeURIComponent(text)}`, policy, out) !== null) return;
      expect(encodePath(out.routing)).toBe(out.forward);
    }),
  );
});

test('a lone surrogate is replaced', () => {
  expect(encodePath('/\ud800')).toBe('/%EF%BF%BD');
});
