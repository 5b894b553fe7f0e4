import { expect, test } from 'vitest';
import { beginsLikeSslRequest, SSL_REQUEST } from './postgres.ts';

test('a request for TLS is known by as much of it as is there, and whatever follows', () => {
  const begins = [SSL_REQUEST, SSL_REQUEST.subarray(0, 1), Buffer.concat([SSL_REQUEST, Buffer.from('x')])];
  expect(begins.map(beginsLikeSslRequest)).toEqual([true, true, true]);
  // A start-up message without TLS, and a ClientHello.
  const others = [Buffer.from([0, 0, 0, 8, 0, 3, 0, 0]), Buffer.from([0x16, 3, 1])];
  expect(others.map(beginsLikeSslRequest)).toEqual([false, false]);
});
