import { expect, test } from 'vitest';
import { substitute, type Substitutions } from './substitution.ts';

const FROM: Substitutions = {
  variable: (name) => ({ HOST: 'a.example', EMPTY: '', NESTED: '${HOST}' })[name],
  file(path) {
    if (path === '/run/secret') return 'hush\n';
    throw Object.assign(new Error('no'), { code: 'ENOENT' });
  },
};

test.each([
  ['http://${HOST}:80', 'http://a.example:80'],
  ['${HOST}${HOST}', 'a.examplea.example'],
  ['${MISSING:-else}', 'else'],
  ['${EMPTY:-else}', 'else'],
  ['${EMPTY}', ''],
  ['${MISSING:-}', ''],
  ['${file:/run/secret}', 'hush'],
  ['$${HOST}', '${HOST}'],
  ['${1}/$2', '${1}/$2'],
  ['${a-b}', '${a-b}'],
  ['$HOST ${', '$HOST ${'],
  // What a value holds is not looked at again.
  ['${NESTED}', '${HOST}'],
])('%s', (text, result) => {
  expect(substitute(text, FROM)).toBe(result);
});

test('says what cannot be substituted, and what to write', () => {
  expect(substitute('${MISSING}', FROM)).toEqual({
    message: 'the environment variable MISSING is not set; set it, or write a default as in ${MISSING:-value}',
  });
  expect(substitute('x${file:/gone}', FROM)).toEqual({ message: 'the file /gone cannot be read (ENOENT)' });
});
