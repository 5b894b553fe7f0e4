import { expect, test } from 'vitest';
import type { KeyedCertificate } from '../../model/tls.ts';
import { CertificateIndex } from './certificate-index.ts';

const NOW = 1_000;

function spec(name: string, hosts: readonly string[], rest: Partial<KeyedCertificate> = {}): KeyedCertificate {
  return {
    name,
    hosts,
    certificate: '',
    key: '',
    keyType: 'ec',
    notBefore: 0,
    notAfter: 2_000,
    isDefault: false,
    ...rest,
  };
}

function indexOf(...specs: readonly KeyedCertificate[]): CertificateIndex {
  const index = new CertificateIndex();
  for (const one of specs) index.add(one);
  return index;
}

function found(index: CertificateIndex, serverName: string): readonly string[] {
  return index.find(serverName, NOW).map(({ name }) => name);
}

test('the very name before a wildcard, which stands for one label', () => {
  const index = indexOf(spec('wild', ['*.a']), spec('exact', ['x.a', '127.0.0.1']));
  expect(found(index, 'x.a')).toEqual(['exact']);
  expect(found(index, 'y.a')).toEqual(['wild']);
  expect(found(index, 'x.y.a')).toEqual([]);
  expect(found(index, 'a')).toEqual([]);
  expect(found(index, '127.0.0.1')).toEqual(['exact']);
  expect(found(index, '')).toEqual([]);
});

test('valid before expired and before those of the future, the last one to end first', () => {
  const old = spec('old', ['x.a'], { notAfter: 500 });
  const early = spec('early', ['x.a'], { notBefore: 1_500, notAfter: 9_000 });
  const index = indexOf(old, early, spec('wild', ['*.a']));
  expect(found(index, 'x.a')).toEqual(['wild']);
  index.add(spec('short', ['x.a'], { notAfter: 1_200 }));
  expect(found(index, 'x.a')).toEqual(['short']);
  index.add(spec('long', ['x.a'], { notAfter: 1_900 }));
  expect(found(index, 'x.a')).toEqual(['long']);
  for (const name of ['short', 'long', 'wild', 'early']) index.remove(name);
  expect(found(index, 'x.a')).toEqual(['old']);
});

test('keys of different types side by side, an expired one not', () => {
  const index = indexOf(spec('rsa', ['a'], { keyType: 'rsa' }), spec('ec', ['a']));
  expect(found(index, 'a')).toEqual(['ec', 'rsa']);
  index.add(spec('ec', ['a'], { notAfter: 500 }));
  expect(found(index, 'a')).toEqual(['rsa']);
});

test('one name with other hosts is another certificate; what is removed leaves nothing', () => {
  const index = indexOf(spec('one', ['a', 'b'], { isDefault: true }));
  index.add(spec('one', ['b', 'c']));
  expect([found(index, 'a'), found(index, 'b'), found(index, 'c')]).toEqual([[], ['one'], ['one']]);
  expect(index.defaults()).toEqual([]);
  index.remove('one');
  index.remove('one');
  expect([index.size, found(index, 'b')]).toEqual([0, []]);
});
