// Both directions of header compression: the examples of RFC 7541 appendix C, round trips of random lists through a
// pair of tables that have to stay equal, and blocks that were made to hurt.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Field, FIELD_MALFORMED, FIELD_REGULAR } from './field.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder, MAX_UPDATE_BYTES, maxEncodedBytes } from './hpack-encoder.ts';
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts';
import { COMPRESSION_ERROR, NO_ERROR } from '../protocol.ts';
import { STATIC_ENTRIES } from './static-table.ts';

type Pair = readonly [name: string, value: string];

class Gathering {
  readonly fields: Field[] = [];
  field(field: Field): void {
    this.fields.push(field);
  }
  get pairs(): Pair[] {
    return this.fields.map(({ name, value }) => [name, value]);
  }
}

function decode(decoder: HpackDecoder, block: Buffer, maxBytes = 65_536, maxCount = 200): Pair[] | number {
  const gathering = new Gathering();
  const code = decoder.decode(block, 0, block.length, gathering, maxBytes, maxCount);
  return code === NO_ERROR ? gathering.pairs : code;
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

function encode(encoder: HpackEncoder, list: readonly Pair[]): Buffer {
  const lines = list.map(([name, value]) => `${name}: ${value}\r\n`);
  const out = Buffer.alloc(lines.reduce((sum, line) => sum + maxEncodedBytes(line), MAX_UPDATE_BYTES));
  let at = encoder.begin(out, 0);
  list.forEach(([name], index) => (at = encoder.encode(out, at, name, lines[index]!)));
  return out.subarray(0, at);
}

describe('RFC 7541 appendix C', () => {
  const GET: Pair[] = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ];
  const SECOND: Pair[] = [...GET, ['cache-control', 'no-cache']];
  const THIRD: Pair[] = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ];
  const DATE = 'Mon, 21 Oct 2013 20:13:21 GMT';
  const REDIRECT: Pair[] = [
    [':status', '302'],
    ['cache-control', 'private'],
    ['date', DATE],
    ['location', 'https://www.example.com'],
  ];
  const TEMPORARY: Pair[] = [[':status', '307'], ...REDIRECT.slice(1)];
  const COOKIE: Pair[] = [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    ['location', 'https://www.example.com'],
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ];

  test.each([
    ['C.2.1', '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key', 'custom-header'], 55],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path'], 0],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret'], 0],
    ['C.2.4', '82', [':method', 'GET'], 0],
  ] as const)('%s: one field', (_, block, field, tableBytes) => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, hex(block))).toEqual([field]);
    expect(decoder.tableBytes).toBe(tableBytes);
  });

  test.each([
    [
      'C.3',
      4096,
      [
        ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', GET, 57],
        ['8286 84be 5808 6e6f 2d63 6163 6865', SECOND, 110],
        ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', THIRD, 164],
      ],
    ],
    [
      'C.4',
      4096,
      [
        ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', GET, 57],
        ['8286 84be 5886 a8eb 1064 9cbf', SECOND, 110],
        ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', THIRD, 164],
      ],
    ],
    [
      'C.5',
      256,
      [
        [
          '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
          REDIRECT,
          222,
        ],
        ['4803 3330 37c1 c0bf', TEMPORARY, 222],
        [
          '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
          COOKIE,
          215,
        ],
      ],
    ],
    [
      'C.6',
      256,
      [
        [
          '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
          REDIRECT,
          222,
        ],
        ['4883 640e ffc1 c0bf', TEMPORARY, 222],
        [
          '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
          COOKIE,
          215,
        ],
      ],
    ],
  ] as const)('%s: lists that share a table of %i bytes', (_, tableBytes, lists) => {
    const decoder = new HpackDecoder();
    decoder.allow(tableBytes);
    // The examples take the size for agreed: the peer's acknowledgement of it.
    const update = tableBytes < 4096 ? [Buffer.from([0x3f, 0xe1, 0x01])] : [];
    lists.forEach(([block, list, size], index) => {
      expect(decode(decoder, Buffer.concat([...(index === 0 ? update : []), hex(block)]))).toEqual(list);
      expect(decoder.tableBytes).toBe(size);
    });
  });
});

describe('Huffman code', () => {
  test('every octet makes the round trip, alone and among others', () => {
    const all = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet));
    for (const text of [...all, all.join(''), all.toReversed().join(''), '']) {
      const out = Buffer.alloc(huffmanLength(text));
      expect(encodeHuffman(text, out, 0)).toBe(out.length);
      expect(decodeHuffman(out, 0, out.length)).toBe(text);
    }
  });

  test.each([
    ['padding of a whole octet', 'ff'],
    ['padding with zeros', 'f100'],
    ['EOS', '3fffffff'],
    ['EOS in the middle', 'f8ffffffff'],
    ['a code cut short', 'fffe'],
  ])('refuses %s', (_, text) => {
    const bytes = hex(text);
    expect(decodeHuffman(bytes, 0, bytes.length)).toBeNull();
  });
});

describe('blocks that break the connection', () => {
  test.each([
    ['index 0', '80'],
    ['an index behind the table', 'be'],
    ['an index that does not end', 'ffffffff'],
    ['an index that overflows', 'ffffffffff0f'],
    ['a name index behind the table', '7f00 00'],
    ['a length behind the block', '4005 6162'],
    ['a length that overflows', '40ff ffff ffff 7f61'],
    ['a block that ends within a field', '40 0161'],
    ['a size update above what was allowed', '3fe21f'],
    ['a size update behind a field', '8220'],
    ['a size update that does not end', '3fff'],
    ['Huffman code that is none', '4081ff 0161'],
  ])('%s', (_, block) => {
    expect(decode(new HpackDecoder(), hex(block))).toBe(COMPRESSION_ERROR);
  });

  test('a smaller table has to be acknowledged with the next block', () => {
    const decoder = new HpackDecoder();
    decoder.allow(100);
    expect(decode(decoder, hex('82'))).toBe(COMPRESSION_ERROR);
    const other = new HpackDecoder();
    other.allow(100);
    expect(decode(other, hex('3f45 82'))).toEqual([[':method', 'GET']]);
  });
});

test('a list beyond a limit is decoded to its end, for the table, but not delivered', () => {
  const decoder = new HpackDecoder();
  const gathering = new Gathering();
  const block = Buffer.concat([hex('4001 610a'), Buffer.alloc(10, 'x'), Buffer.alloc(1000, 0xbe)]);
  expect(decoder.decode(block, 0, block.length, gathering, 1000, 5000)).toBe(NO_ERROR);
  expect(decoder.isOverLimit).toBe(true);
  expect(gathering.fields).toHaveLength(Math.floor(1000 / 43));
  expect(decoder.listBytes).toBe(1001 * 43);
  // The table has the entry all the same.
  expect(decode(decoder, hex('be'))).toEqual([['a', 'x'.repeat(10)]]);
});

test('a bomb of references to one large entry costs counting, no memory', () => {
  const decoder = new HpackDecoder();
  const large = Buffer.concat([hex('4001 617f 81 1e'), Buffer.alloc(127 + 0x81 - 0x80 + 0x1e * 128, 'x')]);
  expect(decode(decoder, large)).toHaveLength(1);
  const references = Buffer.alloc(60_000, 0xbe);
  const gathering = new Gathering();
  expect(decoder.decode(references, 0, references.length, gathering, 65_536, 200)).toBe(NO_ERROR);
  expect(gathering.fields.length).toBeLessThan(20);
  expect(decoder.listBytes).toBeGreaterThan(200_000_000);
  expect(new Set(gathering.fields).size).toBe(1);
});

test.each([
  ['upper case', 'X-A', 'b'],
  ['a space in the name', 'x a', 'b'],
  ['a colon in the name', 'x:a', 'b'],
  ['an empty name', '', 'b'],
  ['an octet above ASCII in the name', 'x\xe4', 'b'],
  ['an unknown pseudo-header', ':path2', 'b'],
  ['connection', 'connection', 'x'],
  ['transfer-encoding', 'transfer-encoding', 'chunked'],
  ['upgrade', 'upgrade', 'h2c'],
  ['keep-alive', 'keep-alive', '5'],
  ['proxy-connection', 'proxy-connection', 'x'],
  ['CR in the value', 'x', 'a\rb'],
  ['LF in the value', 'x', 'a\nb'],
  ['NUL in the value', 'x', 'a\0b'],
  ['a space before the value', 'x', ' a'],
  ['a tab behind the value', 'x', 'a\t'],
  ['a line break in a path', ':path', '/\r\nX: 1'],
])('a field with %s is malformed and has no line', (_, name, value) => {
  const block = Buffer.concat([
    Buffer.from([0x00, name.length]),
    Buffer.from(name, 'latin1'),
    Buffer.from([value.length]),
    Buffer.from(value, 'latin1'),
  ]);
  const gathering = new Gathering();
  expect(new HpackDecoder().decode(block, 0, block.length, gathering, 65_536, 10)).toBe(NO_ERROR);
  expect(gathering.fields[0]!.kind).toBe(FIELD_MALFORMED);
  expect(gathering.fields[0]!.line).toBe('');
});

test('a regular field has its line, made once for all uses of the entry', () => {
  const decoder = new HpackDecoder();
  const gathering = new Gathering();
  const block = hex('4003 782d 6102 6869 be be');
  decoder.decode(block, 0, block.length, gathering, 65_536, 10);
  expect(gathering.fields[0]!.kind).toBe(FIELD_REGULAR);
  expect(gathering.fields[0]!.line).toBe('x-a: hi\r\n');
  expect(gathering.fields[1]).toBe(gathering.fields[0]);
  expect(gathering.fields[2]).toBe(gathering.fields[0]);
});

describe('the encoder', () => {
  test('spells a field out once and then refers to it, whatever its spelling', () => {
    const encoder = new HpackEncoder(4096);
    const decoder = new HpackDecoder();
    const list: Pair[] = [['x-proxy', 'signalbox']];
    const first = encode(encoder, list);
    const second = encode(encoder, list);
    expect(second).toHaveLength(1);
    expect(decode(decoder, first)).toEqual(list);
    expect(decode(decoder, second)).toEqual(list);
    const out = Buffer.alloc(100);
    const end = encoder.encode(out, 0, 'x-proxy', 'X-Proxy: other\r\n');
    expect(decode(decoder, out.subarray(0, end))).toEqual([['x-proxy', 'other']]);
  });

  test.each([
    ['authorization', 'Basic x'],
    ['set-cookie', 'a=1; Path=/'],
    ['cookie', 'pin=1234'],
  ])('never puts %s into a table, and says so', (name, value) => {
    const encoder = new HpackEncoder(4096);
    for (let round = 0; round < 3; round++) {
      const block = encode(encoder, [[name, value]]);
      expect(block[0]! & 0xf0).toBe(0x10);
      expect(decode(new HpackDecoder(), block)).toEqual([[name, value]]);
    }
  });

  test('leaves connection-specific fields out', () => {
    expect(encode(new HpackEncoder(4096), [['connection', 'close'], ['upgrade', 'x']])).toHaveLength(0); // prettier-ignore
  });

  test('uses static entries', () => {
    const block = encode(new HpackEncoder(4096), [[':status', '200'], ['accept-encoding', 'gzip, deflate']]); // prettier-ignore
    expect(block.toString('hex')).toBe('8890');
  });

  test('stops indexing a name whose values never repeat, and tries again later', () => {
    const encoder = new HpackEncoder(4096);
    const decoder = new HpackDecoder();
    const isIndexed: boolean[] = [];
    for (let index = 0; index < 2000; index++) {
      const list: Pair[] = [['x-request-number', `no. ${index} of a long row of numbers`]];
      const block = encode(encoder, list);
      isIndexed.push((block[0]! & 0xc0) === 0x40);
      expect(decode(decoder, block)).toEqual(list);
    }
    expect(isIndexed[0]).toBe(true);
    expect(isIndexed.filter(Boolean).length).toBeLessThan(100);
    expect(isIndexed.slice(500).some(Boolean)).toBe(true);
  });

  test('keeps to the table size of the peer, and announces each change that matters', () => {
    const encoder = new HpackEncoder(4096);
    const decoder = new HpackDecoder();
    const list: Pair[] = [['x-a', 'b'], ['x-c', 'd']]; // prettier-ignore
    expect(decode(decoder, encode(encoder, list))).toEqual(list);
    encoder.setPeerLimit(0);
    encoder.setPeerLimit(100_000);
    decoder.allow(0);
    decoder.allow(4096);
    const block = encode(encoder, list);
    // Down to nothing, which empties the table, and up again to what this side wants.
    expect(block.subarray(0, 4).toString('hex')).toBe('203fe11f');
    expect(decode(decoder, block)).toEqual(list);
    encoder.setPeerLimit(0);
    decoder.allow(0);
    expect(decode(decoder, encode(encoder, list))).toEqual(list);
    expect(decode(decoder, encode(encoder, list))).toEqual(list);
    expect(decoder.tableBytes).toBe(0);
  });
});

const name = fc.oneof(
  fc.constantFrom(...STATIC_ENTRIES.map(([one]) => one).filter((one) => !/^(?:transfer-encoding)$/.test(one))),
  fc.stringMatching(/^x-[a-z0-9-]{1,20}$/),
);
const value = fc.oneof(
  fc.stringMatching(/^[!-~](?:[ -~]{0,60}[!-~])?$/),
  fc.constantFrom('', 'gzip', '1', 'same value'),
);

test('what one side encodes the other decodes, however tables fill, shrink and grow', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          list: fc.array(fc.tuple(name, value), { maxLength: 20 }),
          limit: fc.option(fc.integer({ min: 0, max: 4096 }), { freq: 5 }),
        }),
        { maxLength: 30 },
      ),
      (rounds) => {
        const encoder = new HpackEncoder(4096);
        const decoder = new HpackDecoder();
        for (const { list, limit } of rounds) {
          if (limit !== null) {
            encoder.setPeerLimit(limit);
            decoder.allow(limit);
          }
          expect(decode(decoder, encode(encoder, list))).toEqual(list);
          expect(decoder.tableBytes).toBeLessThanOrEqual(limit ?? 4096);
        }
      },
    ),
    { seed: 7541, numRuns: 300 },
  );
});

test('mutated blocks end in fields or in an error, within the limits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 20 }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }),
      fc.nat(),
      (list, changes, cut) => {
        const block = Buffer.from(encode(new HpackEncoder(4096), list));
        for (const [at, octet] of changes) block[at % block.length] = octet;
        const decoder = new HpackDecoder();
        const gathering = new Gathering();
        const end = block.length - (cut % 3);
        const code = decoder.decode(block, 0, Math.max(0, end), gathering, 2000, 50);
        expect([NO_ERROR, COMPRESSION_ERROR]).toContain(code);
        expect(gathering.fields.length).toBeLessThanOrEqual(50);
        expect(gathering.fields.reduce((sum, field) => sum + field.size, 0)).toBeLessThanOrEqual(2000);
        expect(decoder.tableBytes).toBeLessThanOrEqual(4096);
      },
    ),
    { seed: 1, numRuns: 3000 },
  );
});
