import { expect, test } from 'vitest';
import { hashError, impossibleHash, isCheapHash, verifyPassword } from './password-hash.ts';

const LONG = 'a very much longer text to encrypt.  This one even stretches over morethan one line.';

/** Made with openssl passwd and htpasswd -s. */
const HASHES: readonly (readonly [string, string])[] = [
  ['$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1', 'Hello world!'],
  ['$1$xx$xgZgTNxe8gvwoA8AG3hH71', 'é'],
  ['$apr1$saltstri$aGfuB7Lcvs2TUeFTqUVfN0', 'Hello world!'],
  ['$apr1$xx$z2pfKMy18hZoXKWOHKUOF/', 'a very much longer text to encrypt.  This one even'],
  ['$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5', 'Hello world!'],
  ['$5$saltsalt$k5ZVH4SHJzaezBZ5d3y.5vAmt9uCF72rMTXNWG4TeH3', LONG],
  ['$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1', 'Hello world!'],
  ['$6$anotherlongsalt1$KmXssroZXqEgdAit1B0MqpMSJtxxknbhbY2hAFJI/Zgh5/tg.cVZZ.zLxi9gljtp2c4W/44ajr94.X2bPzxrd/', LONG],
  ['$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.', 'Hello world!'],
  ['$2y$04$Ok/C4rUUHVLAl5NzwywLmOqbLHh8bLz2aEuL1bZFKk9JTMrAs/dku', 'Hello world!'],
  ['{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', 'secret'],
]; // prettier-ignore

test.each(HASHES)('%s', (hash, password) => {
  expect(hashError(hash)).toBeNull();
  expect(verifyPassword(hash, Buffer.from(password))).toBe(true);
  expect(verifyPassword(hash, Buffer.from(`${password}x`))).toBe(false);
  expect(verifyPassword(hash, Buffer.from(password.slice(1)))).toBe(false);
  expect(verifyPassword(hash, Buffer.alloc(0))).toBe(false);
});

test('a hash for unknown users has the same kind and cost, and no password', () => {
  for (const [hash, password] of HASHES) {
    const impossible = impossibleHash(hash);
    expect(hashError(impossible)).toBeNull();
    expect(isCheapHash(impossible)).toBe(isCheapHash(hash));
    expect(/^\$\d\$rounds=\d+\$|^\$\w+\$|^\{SHA\}/.exec(impossible)![0]).toBe(
      /^\$\d\$rounds=\d+\$|^\$\w+\$|^\{SHA\}/.exec(hash)![0],
    );
    expect(verifyPassword(impossible, Buffer.from(password))).toBe(false);
  }
});

test.each([
  ['plain', 'none of bcrypt'],
  ['', 'none of bcrypt'],
  ['{SHA}short', 'none of bcrypt'],
  ['$5$salt$short', 'none of bcrypt'],
  [`$5$salt$${'a'.repeat(86)}`, 'none of bcrypt'],
  [`$6$rounds=1000001$salt$${'a'.repeat(86)}`, 'more than 1000000 rounds'],
  ['$2y$31$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC', 'the cost of the bcrypt hash is 31'],
])('refuses %j', (hash, reason) => {
  expect(hashError(hash)).toContain(reason);
});
