import { expect, test } from 'vitest';
import { ContentDigest } from './content-digest.ts';

function digestOf(...objects: readonly [string, object][]): string {
  const digest = new ContentDigest();
  for (const [name, object] of objects) digest.add(['section', name], object);
  return digest.value();
}

test('is of the content alone, whatever the order and the way to it', () => {
  const digest = new ContentDigest();
  expect(digest.value()).toBe('0'.repeat(32));
  digest.add(['section', 'a'], { x: 1 });
  digest.add(['section', 'b'], { x: 2 });
  expect(digest.value()).toBe(digestOf(['b', { x: 2 }], ['a', { x: 1 }]));
  digest.remove(['section', 'a'], { x: 1 });
  expect(digest.value()).toBe(digestOf(['b', { x: 2 }]));
  digest.remove(['section', 'b'], { x: 2 });
  expect(digest.value()).toBe('0'.repeat(32));
});

test.each([
  [['a', { x: 1 }] as const, ['a', { x: 2 }] as const],
  [['a', { x: 1 }] as const, ['b', { x: 1 }] as const],
])('%j is not %j', (one, other) => {
  expect(digestOf([...one])).not.toBe(digestOf([...other]));
});

test('two objects that change places are another content', () => {
  expect(digestOf(['a', { x: 1 }], ['b', { x: 2 }])).not.toBe(digestOf(['a', { x: 2 }], ['b', { x: 1 }]));
});
