import { expect, test } from 'vitest';
import { changedSecrets } from '../../../model/secrets.ts';
import type { KeyedCertificate } from '../../../model/tls.ts';
import { separateSecrets } from './separate-secrets.ts';

function keyed(name: string, hosts: readonly string[], more: Partial<KeyedCertificate> = {}): KeyedCertificate {
  return {
    name,
    certificate: `certificate ${name}`,
    key: `key ${name}`,
    hosts,
    keyType: 'ec',
    notBefore: 1,
    notAfter: 2,
    isDefault: false,
    ...more,
  };
}

test('a renewal changes a secret and no specification', () => {
  const before = separateSecrets([keyed('a1', ['a.test', 'b.test'])], []);
  const after = separateSecrets([keyed('a2', ['b.test', 'a.test'], { hosts: ['a.test', 'b.test'], notAfter: 9 })], []);
  expect(after.specs).toEqual(before.specs);
  const [name] = Object.keys(before.specs);
  expect(changedSecrets(before.secrets, after.secrets)).toEqual({
    changed: {
      [name!]: { id: 'a2', certificate: 'certificate a2', key: 'key a2', notBefore: 1, notAfter: 9 },
    },
    removed: [],
  });
  expect(changedSecrets(after.secrets, after.secrets)).toBeNull();
});

test('nothing of a key, nor of a certificate, is in a specification', () => {
  const { specs } = separateSecrets([keyed('a', ['a.test'])], [keyed('web@file#0', [])]);
  expect(Object.values(specs).map((spec) => Object.keys(spec).toSorted())).toEqual([
    ['hosts', 'isDefault', 'keyType', 'name'],
    ['hosts', 'isDefault', 'keyType', 'name'],
  ]);
});

test('certificates for other hosts, with other types of keys and beside each other have names of their own', () => {
  const { specs, secrets } = separateSecrets(
    [
      keyed('c', ['a.test']),
      keyed('b', ['a.test'], { keyType: 'rsa' }),
      keyed('a', ['a.test']),
      keyed('d', ['d.test'], { isDefault: true }),
    ],
    [],
  );
  expect(Object.keys(specs)).toHaveLength(4);
  expect(Object.values(secrets).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
  expect(Object.values(specs).map(({ isDefault }) => isDefault)).toEqual([false, false, false, true]);
});

test('names do not depend on the order', () => {
  const all = [keyed('a', ['a.test']), keyed('b', ['a.test']), keyed('c', ['c.test'])];
  expect(separateSecrets(all.toReversed(), [])).toEqual(separateSecrets(all, []));
});

test('what is shown to servers keeps the name of its place', () => {
  const { specs, secrets } = separateSecrets([], [keyed('web@file#0', [])]);
  expect(Object.keys(specs)).toEqual(['web@file#0']);
  expect(secrets['web@file#0']).toMatchObject({ key: 'key web@file#0' });
});

test('a secret that nobody names any more is removed', () => {
  const { secrets } = separateSecrets([keyed('a', ['a.test'])], []);
  expect(changedSecrets(secrets, {})).toEqual({ changed: {}, removed: Object.keys(secrets) });
});
