import { expect, test } from 'vitest';
import type { Downstream } from '../../http/exchange.ts';
import type { ClientInfo } from '../../http/client-info.ts';
import { Exchange } from '../../http/exchange.ts';
import { createIpStrategy, type IpStrategyOptions } from './ip-strategy.ts';

function addressOf(options: Partial<IpStrategyOptions> | undefined, lines: readonly string[], ip = '10.0.0.9'): string {
  const client: ClientInfo = { ip, port: 1, scheme: 'http', tls: null, isTrusted: true, bonds: null, identity: null };
  const exchange = new Exchange({} as Downstream, client); // Strategies look at headers and client alone.
  for (const line of lines) exchange.requestHeaders.append('X-Forwarded-For', line);
  const whole = options && { depth: 0, excludedIPs: [], ipv6Subnet: undefined, ...options };
  return createIpStrategy(whole)(exchange);
}

const LIST = ['1.1.1.1, 2.2.2.2', '10.0.0.1,10.0.0.2'];

test('without options, and with depth 0, it is the address of the connection', () => {
  expect(addressOf(undefined, LIST)).toBe('10.0.0.9');
  expect(addressOf({}, LIST)).toBe('10.0.0.9');
});

test.each([
  [1, '10.0.0.2'],
  [2, '10.0.0.1'],
  [3, '2.2.2.2'],
  [4, '1.1.1.1'],
  [5, ''],
])('depth %i counts from the right, over all lines', (depth, expected) => {
  expect(addressOf({ depth }, LIST)).toBe(expected);
});

test('a list that is not there has no address at any depth', () => {
  expect(addressOf({ depth: 1 }, [])).toBe('');
  expect(addressOf({ depth: 1 }, [''])).toBe('');
});

test('depth decides alone when both are given', () => {
  expect(addressOf({ depth: 1, excludedIPs: ['10.0.0.2'] }, LIST)).toBe('10.0.0.2');
});

test('excluded networks are passed over from the right', () => {
  expect(addressOf({ excludedIPs: ['10.0.0.0/8'] }, LIST)).toBe('2.2.2.2');
  expect(addressOf({ excludedIPs: ['10.0.0.0/8', '2.2.2.2'] }, LIST)).toBe('1.1.1.1');
  expect(addressOf({ excludedIPs: ['0.0.0.0/0'] }, LIST)).toBe('');
  expect(addressOf({ excludedIPs: ['10.0.0.2'] }, ['5.5.5.5, , 10.0.0.2,'])).toBe('5.5.5.5');
});

test('what is no address ends the search: what stands left of it may be invented', () => {
  expect(addressOf({ excludedIPs: ['10.0.0.0/8'] }, ['1.1.1.1, unknown, 10.0.0.1'])).toBe('');
  expect(addressOf({ depth: 2 }, ['1.1.1.1, unknown, 10.0.0.1'])).toBe('');
});

test('ports and brackets do not count', () => {
  expect(addressOf({ depth: 1 }, ['1.1.1.1:4711'])).toBe('1.1.1.1');
  expect(addressOf({ depth: 1 }, ['[2001:db8::1]:4711'])).toBe('2001:db8::1');
  expect(addressOf({ depth: 1 }, ['[2001:db8::1]'])).toBe('2001:db8::1');
  expect(addressOf({ depth: 1 }, ['2001:db8::1'])).toBe('2001:db8::1');
  expect(addressOf({ excludedIPs: ['10.0.0.1'] }, ['1.1.1.1, 10.0.0.1:80'])).toBe('1.1.1.1');
});

test('IPv6 addresses of one subnet are one address; IPv4 is left alone', () => {
  expect(addressOf({ ipv6Subnet: 64 }, [], '2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::');
  expect(addressOf({ ipv6Subnet: 64, depth: 1 }, ['2001:db8:1:2::9'])).toBe('2001:db8:1:2::');
  expect(addressOf({ ipv6Subnet: 64 }, [])).toBe('10.0.0.9');
  expect(addressOf({ ipv6Subnet: 64, depth: 1 }, ['::ffff:1.2.3.4'])).toBe('::ffff:1.2.3.4');
});
