import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';
import {
  MAX_V2_BODY_BYTES,
  parseProxyHeader,
  PROXY_MALFORMED,
  PROXY_NONE,
  PROXY_PARTIAL,
  renderProxyHeader,
} from './proxy-protocol.ts';

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

/** A version 2 header; `length` defaults to that of the body. */
function binary(command: number, family: number, body: number[], length = body.length): Buffer {
  return Buffer.concat([
    Buffer.from(SIGNATURE, 'latin1'),
    Buffer.from([command, family, length >> 8, length & 255]),
    Buffer.from(body),
  ]);
}

const IPV4 = [192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0x01, 0xbb];

test('computes the checksum of the published vectors', () => {
  // RFC 3720 §B.4, there in the byte order of the wire.
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

describe('version 1', () => {
  test.each([
    ['PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\nGET /', '192.0.2.1', 12_345, '198.51.100.2', 443],
    ['PROXY TCP6 2001:DB8::1 ::1 1 65535\r\n', '2001:db8::1', 1, '::1', 65_535],
    ['PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 0 0\r\n', '192.0.2.1', 0, '198.51.100.2', 0],
  ])('reads %j', (text, sourceIp, sourcePort, destinationIp, destinationPort) => {
    expect(parseProxyHeader(Buffer.from(text))).toEqual({
      length: text.indexOf('\n') + 1,
      addresses: { sourceIp, sourcePort, destinationIp, destinationPort },
    });
  });

  test.each(['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff::1 ::1 1 2\r\n'])('keeps the own addresses at %j', (text) => {
    expect(parseProxyHeader(Buffer.from(text))).toEqual({ length: text.length, addresses: null });
  });

  test.each([
    'PROXY TCP4 192.0.2.1 198.51.100.2 12345\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 12345 443 \r\n',
    'PROXY TCP4  192.0.2.1 198.51.100.2 12345 443\r\n',
    'PROXY TCP4 192.0.2.01 198.51.100.2 12345 443\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 012 443\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n',
    'PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n',
    `PROXY TCP4 ${'1'.repeat(110)}`,
    `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
  ])('refuses %j', (text) => {
    expect(parseProxyHeader(Buffer.from(text))).toBe(PROXY_MALFORMED);
  });
});

describe('version 2', () => {
  test('reads IPv4 and what may follow', () => {
    const header = binary(0x21, 0x11, [...IPV4, 4, 0, 1, 9]);
    expect(parseProxyHeader(Buffer.concat([header, Buffer.from('GET /')]))).toEqual({
      length: header.length,
      addresses: {
        sourceIp: '192.0.2.1',
        sourcePort: 12_345,
        destinationIp: '198.51.100.2',
        destinationPort: 443,
      },
    });
  });

  test.each([
    ['a LOCAL command', binary(0x20, 0x00, [])],
    ['a LOCAL command with addresses', binary(0x20, 0x11, IPV4)],
    ['an unspecified family', binary(0x21, 0x00, [])],
    [
      'a Unix socket',
      binary(
        0x21,
        0x31,
        Array.from({ length: 216 }, () => 0),
      ),
    ],
  ])('keeps the own addresses at %s', (_, header) => {
    expect(parseProxyHeader(header)).toEqual({ length: header.length, addresses: null });
  });

  test.each([
    ['version 1 in binary', binary(0x11, 0x11, IPV4)],
    ['an unknown command', binary(0x22, 0x11, IPV4)],
    ['an unknown family', binary(0x21, 0x41, IPV4)],
    ['an unknown transport', binary(0x21, 0x13, IPV4)],
    ['a body too short for its family', binary(0x21, 0x21, IPV4)],
    ['an outsized length', binary(0x21, 0x11, IPV4, MAX_V2_BODY_BYTES + 1)],
    ['the largest length', binary(0x21, 0x11, IPV4, 65_535)],
    ['an extension without its length', binary(0x21, 0x11, [...IPV4, 4, 0])],
    ['an extension past the end', binary(0x21, 0x11, [...IPV4, 4, 0, 2, 1])],
    ['a wrong checksum', binary(0x21, 0x11, [...IPV4, 3, 0, 4, 1, 2, 3, 4])],
    ['a short checksum', binary(0x21, 0x11, [...IPV4, 3, 0, 1, 1])],
  ])('refuses %s', (_, header) => {
    expect(parseProxyHeader(header)).toBe(PROXY_MALFORMED);
  });

  test('takes a header whose checksum is right', () => {
    const header = binary(0x21, 0x11, [...IPV4, 3, 0, 4, 0, 0, 0, 0]);
    header.writeUInt32BE(crc32c(header), header.length - 4);
    expect(parseProxyHeader(header)).toMatchObject({ addresses: { sourceIp: '192.0.2.1' } });
  });
});

test.each(['GET / HTTP/1.1\r\n', 'PROXZ', 'P GET', '\r\n\r\nGET', '\x16\x03\x01'])('leaves %j alone', (text) => {
  expect(parseProxyHeader(Buffer.from(text, 'latin1'))).toBe(PROXY_NONE);
});

const ip = fc.oneof(fc.ipV4(), fc.constantFrom('::1', '2001:db8::1:2', '::ffff:192.0.2.7'));
const port = fc.integer({ min: 0, max: 65_535 });

test('reads what it renders, and waits at every cut', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1 as const, 2 as const),
      fc.record({ sourceIp: ip, destinationIp: ip, sourcePort: port, destinationPort: port }),
      fc.nat(),
      (version, addresses, cut) => {
        const header = renderProxyHeader(version, addresses);
        const canonical = (text: string): string => text.replace('::ffff:', '');
        expect(parseProxyHeader(Buffer.concat([header, Buffer.from('x')]))).toEqual({
          length: header.length,
          addresses: {
            ...addresses,
            sourceIp: canonical(addresses.sourceIp),
            destinationIp: canonical(addresses.destinationIp),
          },
        });
        expect(parseProxyHeader(header.subarray(0, cut % header.length))).toBe(PROXY_PARTIAL);
      },
    ),
  );
});

test('speaks for nobody when there is no address', () => {
  const unknown = { sourceIp: '', sourcePort: 0, destinationIp: '', destinationPort: 0 };
  for (const version of [1, 2] as const) {
    const header = renderProxyHeader(version, unknown);
    expect(parseProxyHeader(header)).toEqual({ length: header.length, addresses: null });
  }
});
