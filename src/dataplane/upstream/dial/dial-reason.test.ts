// Why there is no connection, as a log says it.

import { expect, test } from 'vitest';
import { reasonOf } from './dial-reason.ts';

function error(message: string, rest: object = {}): Error {
  return Object.assign(new Error(message), rest);
}

test.each([
  ['10.0.0.1', 4, '10.0.0.1:80'],
  ['fd00::1', 6, '[fd00::1]:80'],
  ['/run/a.sock', 4, '/run/a.sock'],
] as const)('names the address %s', (host, family, shown) => {
  expect(reasonOf({ host, family }, 80, null)).toBe(`${shown}: closed by the server`);
});

test.each([
  [
    'a code that has a meaning',
    error('connect ECONNREFUSED', { code: 'ECONNREFUSED' }),
    'connection refused (ECONNREFUSED)',
  ],
  ['another code', error('connect EWHAT 1', { code: 'EWHAT' }), 'connect EWHAT 1'],
  [
    'one that the message does not have',
    error('certificate has expired', { code: 'CERT' }),
    'certificate has expired (CERT)',
  ],
  ['none', error('something'), 'something'],
  ['no text', error('something', { code: 5 }), 'something'],
  [
    'OpenSSL’s words',
    error('error:0A:x', { code: 'ERR_SSL', reason: 'no shared cipher' }),
    'TLS: no shared cipher (ERR_SSL)',
  ],
])('says %s', (_, its, words) => {
  expect(reasonOf({ host: 'a', family: 4 }, 1, its)).toBe(`a:1: ${words}`);
});
