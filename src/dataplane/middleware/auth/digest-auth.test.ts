import { expect, test } from 'vitest';
import { parseDigest } from './digest-auth.ts';
import { DigestNonces } from './digest-nonce.ts';

test('reads parameters, quoted or not, with any spacing', () => {
  expect(parseDigest('Digest username="a \\"b\\", c", nc=00000001 , QOP = auth,uri="/?a=1,2"')).toEqual(
    new Map([
      ['username', 'a "b", c'],
      ['nc', '00000001'],
      ['qop', 'auth'],
      ['uri', '/?a=1,2'],
    ]),
  );
  expect(parseDigest('digest ')).toEqual(new Map());
});

test.each(['Basic abc', 'Digest a', 'Digest a=', 'Digest a="b', 'Digest a=b c=d', 'Digest a=b, A=c', 'Digest , a=b'])(
  'refuses %j',
  (value) => {
    expect(parseDigest(value)).toBeNull();
  },
);

const KEY = Buffer.alloc(32, 7);
const NOW = 1_700_000_000_000;

test('a nonce is believed for five minutes, by everybody who has the key', () => {
  const nonce = new DigestNonces(KEY).create(NOW);
  const other = new DigestNonces(KEY);
  expect(other.inspect(nonce, NOW + 300_000)).toBe('good');
  expect(other.inspect(nonce, NOW + 300_001)).toBe('stale');
  expect(new DigestNonces(Buffer.alloc(32)).inspect(nonce, NOW)).toBe('forged');
});

test('what was not made here is forged', () => {
  const nonces = new DigestNonces(KEY);
  const [time, random, proof] = nonces.create(NOW).split('.');
  const later = (NOW + 1_000_000).toString(36);
  for (const forged of ['', 'x', `${later}.${random}.${proof}`, `${time}.${random}`, `${time}.${random}.${proof}x`]) {
    expect(nonces.inspect(forged, NOW)).toBe('forged');
  }
});

test('a use count counts once; counts may come out of order', () => {
  const nonces = new DigestNonces(KEY);
  const used = [1, 3, 2, 2, 3, 40, 9, 8, 40, 39, 200, 168, 169].map((count) => nonces.use('n', count));
  expect(used).toEqual([true, true, true, false, false, true, true, false, false, true, true, false, true]);
  expect(nonces.use('other', 1)).toBe(true);
});
