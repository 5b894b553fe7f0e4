import { expect, test } from 'vitest';
import { AddressOrder } from './address-order.ts';
import type { Address } from '../name/address.ts';

const LIST: readonly Address[] = ['a', 'b', 'c'].map((host) => ({ host, family: 4 }));
const shown = (addresses: readonly Address[]): string => addresses.map(({ host }) => host).join('');

test('takes turns', () => {
  const order = new AddressOrder();
  expect([0, 1, 2, 3].map(() => shown(order.next(LIST, 0)))).toEqual(['abc', 'bca', 'cab', 'abc']);
});

test('puts an address that failed behind the others for a while, or until it works', () => {
  const order = new AddressOrder();
  order.failed(LIST[0]!, 1_000);
  expect(shown(order.next(LIST, 2_000))).toBe('bca');
  expect(shown(order.next(LIST, 2_000))).toBe('bca');
  expect(shown(order.next(LIST, 2_000))).toBe('cba');
  expect(shown(order.next(LIST, 40_000))).toBe('abc');
  order.failed(LIST[2]!, 40_000);
  order.worked(LIST[2]!);
  expect(shown(order.next(LIST, 40_000))).toBe('bca');
  expect(shown(order.next(LIST, 40_000))).toBe('cab');
});

test('leaves none out when all have failed', () => {
  const order = new AddressOrder();
  for (const address of LIST) order.failed(address, 0);
  expect(order.next(LIST, 1)).toHaveLength(3);
});
