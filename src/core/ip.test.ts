import fc from 'fast-check';
import { BlockList } from 'node:net';
import { describe, expect, test } from 'vitest';
import { formatIp, IpSet, parseIp, parseNetwork } from './ip.ts';

describe('parseIp', () => {
  test.each([
    ['0.0.0.0', [0]],
    ['255.255.255.255', [0xffffffff]],
    ['10.0.0.1', [0x0a000001]],
    ['::ffff:10.0.0.1', [0x0a000001]],
    ['::FFFF:0a00:0001', [0x0a000001]],
    ['::', [0, 0, 0, 0]],
    ['::1', [0, 0, 0, 1]],
    ['2001:db8::8:800:200c:417a', [0x20010db8, 0, 0x00080800, 0x200c417a]],
    ['1:2:3:4:5:6:7:8', [0x10002, 0x30004, 0x50006, 0x70008]],
    ['64:ff9b::192.0.2.33', [0x0064ff9b, 0, 0, 0xc0000221]],
    ['1:2:3:4:5:6:7::', [0x10002, 0x30004, 0x50006, 0x70000]],
  ])('reads %s', (text, words) => {
    expect(parseIp(text)?.words).toEqual(words);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '1..3.4',
    '1.2.3.',
    '.1.2.3',
    '0x7f.0.0.1',
    '2130706433',
    'fe80::1%eth0',
    '[::1]',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::12345',
    '::g',
    '1.2.3.4::',
    '::1.2.3.4:5',
    ':1:2:3:4:5:6:7',
    '1.2.3.4:80',
    '1.2.3.4/8',
  ])('refuses %j', (text) => {
    expect(parseIp(text)).toBeNull();
  });

  test('reads every address it formats as the same address', () => {
    const word = fc.oneof(fc.constant(0), fc.nat(0xffff), fc.integer({ min: 0, max: 0xffffffff }));
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), ([a, b, c, d]) => {
        fc.pre(!(a === 0 && b === 0 && c === 0xffff));
        expect(parseIp(formatIp({ family: 6, words: [a, b, c, d] }))).toEqual({ family: 6, words: [a, b, c, d] });
        expect(parseIp(formatIp({ family: 4, words: [d] }))).toEqual({ family: 4, words: [d] });
      }),
    );
  });

  test('formats the shortest form of RFC 5952', () => {
    const format = (text: string): string => formatIp(parseIp(text)!);
    expect(format('2001:0DB8:0:0:0:0:0:1')).toBe('2001:db8::1');
    expect(format('2001:db8:0:1:1:1:1:1')).toBe('2001:db8:0:1:1:1:1:1');
    expect(format('2001:0:0:1:0:0:0:1')).toBe('2001:0:0:1::1');
    expect(format('::')).toBe('::');
  });
});

describe('parseNetwork', () => {
  test('clears the bits after the prefix', () => {
    expect(parseNetwork('10.1.2.3/8')).toEqual({ address: { family: 4, words: [0x0a000000] }, bits: 8 });
    expect(parseNetwork('2001:db8::1/33')?.address.words).toEqual([0x20010db8, 0, 0, 0]);
  });

  test('counts the prefix of an IPv4-mapped network in the IPv4 address', () => {
    expect(parseNetwork('::ffff:10.0.0.0/104')).toEqual({ address: { family: 4, words: [0x0a000000] }, bits: 8 });
    expect(parseNetwork('::ffff:10.0.0.0/95')).toBeNull();
  });

  test.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '::/129',
    '10/8',
    '/8',
    'fe80::%1/64',
    '1.2.3.4/8/9',
  ])('refuses %j', (text) => {
    expect(parseNetwork(text)).toBeNull();
  });
});

describe('IpSet', () => {
  test('reports the texts that are no address and keeps the others', () => {
    const set = new IpSet(['10.0.0.0/8', 'localhost', '1.2.3.4/40', '::1']);
    expect(set.invalid).toEqual(['localhost', '1.2.3.4/40']);
    expect(set.has('10.255.0.1')).toBe(true);
    expect(set.has('::1')).toBe(true);
    expect(set.has('11.0.0.1')).toBe(false);
  });

  test('knows an IPv4 client by its IPv4-mapped address, and an IPv6 network holds no IPv4 address', () => {
    expect(new IpSet(['10.0.0.0/8']).has('::ffff:10.0.0.1')).toBe(true);
    expect(new IpSet(['::/0']).has('10.0.0.1')).toBe(false);
    expect(new IpSet(['0.0.0.0/0']).has('10.0.0.1')).toBe(true);
    expect(new IpSet(['0.0.0.0/0']).has('::1')).toBe(false);
  });

  test('holds nothing when empty', () => {
    const set = new IpSet([]);
    expect(set.isEmpty).toBe(true);
    expect(set.has('10.0.0.1')).toBe(false);
  });

  test('agrees with the platform block list for small and large sets', () => {
    const ipv4 = fc.tuple(fc.constantFrom(10, 11), fc.nat(3), fc.nat(1), fc.nat(255)).map((octets) => octets.join('.'));
    const ipv6 = fc
      .tuple(fc.constantFrom('2001', 'fd00'), fc.nat(3), fc.nat(0xffff))
      .map(([head, middle, tail]) => `${head}:${middle}::${tail.toString(16)}`);
    const network = fc.oneof(
      fc.tuple(ipv4, fc.integer({ min: 6, max: 32 })),
      fc.tuple(ipv6, fc.integer({ min: 14, max: 128 })),
    );
    fc.assert(
      fc.property(
        fc.array(network, { maxLength: 24 }),
        fc.array(fc.oneof(ipv4, ipv6), { minLength: 1, maxLength: 10 }),
        (networks, addresses) => {
          const set = new IpSet(networks.map(([address, bits]) => `${address}/${bits}`));
          const reference = new BlockList();
          for (const [address, bits] of networks) {
            reference.addSubnet(address, bits, address.includes(':') ? 'ipv6' : 'ipv4');
          }
          for (const address of [...addresses, ...addresses]) {
            expect(set.has(address)).toBe(reference.check(address, address.includes(':') ? 'ipv6' : 'ipv4'));
          }
        },
      ),
    );
  });
});
