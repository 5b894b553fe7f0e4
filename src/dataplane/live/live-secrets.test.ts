import { expect, test } from 'vitest';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { LiveSecrets } from './live-secrets.ts';

const whole = (name: string, hash: string) => ({ name, kind: 'basicAuth', options: { users: [hash] } });

function delta(...named: readonly (readonly [name: string, secret: string | null])[]): SnapshotDelta {
  const middlewares = Object.fromEntries(
    named.map(([name, secret]) => [name, { ...whole(name, 'xxxx'), ...(secret === null ? {} : { secret }) }]),
  );
  return { baseVersion: 1, version: 2, digest: '', changed: { middlewares }, removed: {} };
}

test('what a snapshot hides is put in its place, and what is sent is left as it is', () => {
  const secrets = new LiveSecrets();
  secrets.set({ changed: { one: { object: whole('a', 'hash') } }, removed: [] });
  const given = delta(['a', 'one'], ['b', null]);
  const built = secrets.whole(given);
  expect(built.changed.middlewares).toEqual({ a: whole('a', 'hash'), b: whole('b', 'xxxx') });
  expect(given).toEqual(delta(['a', 'one'], ['b', null]));
  const plain = delta(['b', null]);
  expect(secrets.whole(plain)).toBe(plain);
});

test('a snapshot whose secrets have not come, or are gone, is not put into force', () => {
  const secrets = new LiveSecrets();
  const missing = 'what a hides is not here: the secret one was not sent before its snapshot';
  expect(() => secrets.whole(delta(['a', 'one']))).toThrow(missing);
  const certificate = { id: 'i', certificate: 'c', key: 'k', notBefore: 0, notAfter: 1 };
  secrets.set({ changed: { one: certificate }, removed: [] });
  expect(() => secrets.whole(delta(['a', 'one']))).toThrow(missing);
  secrets.set({ changed: { one: { object: whole('a', '') }, two: { object: whole('b', '') } }, removed: [] });
  secrets.set({ changed: {}, removed: ['one'] });
  expect(() => secrets.whole(delta(['a', 'one']))).toThrow(missing);
  expect(() => secrets.whole(delta(['b', 'two']))).not.toThrow();
  secrets.set({ changed: {}, removed: [] }, true);
  expect(() => secrets.whole(delta(['b', 'two']))).toThrow('what b hides');
});
