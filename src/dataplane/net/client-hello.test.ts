import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { expect, test } from 'vitest';
import { HELLO_MALFORMED, HELLO_PARTIAL, MAX_CLIENT_HELLO_BYTES, parseClientHello } from './client-hello.ts';

/** What a real client sends first. */
async function helloOf(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo; // A TCP server.
  const first = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => {
      socket.once('data', (chunk) => {
        resolve(chunk);
        socket.destroy();
      });
    });
  });
  const client = tls.connect({ host: '127.0.0.1', port, ...options });
  client.on('error', () => {});
  const bytes = await first;
  client.destroy();
  server.close();
  return bytes;
}

const BYTES = await helloOf({ servername: 'Shop.Example', ALPNProtocols: ['h2', 'http/1.1'] });

/** The same message in records of this size. */
function inRecords(bytes: Buffer, size: number): Buffer {
  const message = bytes.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
  }
  return Buffer.concat(records);
}

test('server name in lower case, protocols in order', () => {
  expect(parseClientHello(BYTES)).toEqual({ serverName: 'shop.example', protocols: ['h2', 'http/1.1'] });
});

test('a client that names nothing', async () => {
  expect(parseClientHello(await helloOf({ servername: '' }))).toEqual({ serverName: '', protocols: [] });
});

test('every beginning asks for more, and bytes behind it do not matter', () => {
  for (let length = 0; length < BYTES.length; length++) {
    expect([length, parseClientHello(BYTES.subarray(0, length))]).toEqual([length, HELLO_PARTIAL]);
  }
  expect(parseClientHello(Buffer.concat([BYTES, Buffer.from('more')]))).toMatchObject({ serverName: 'shop.example' });
});

test.each([1, 2, 3, 4, 5, 100])('in records of %i bytes', (size) => {
  const bytes = inRecords(BYTES, size);
  expect(parseClientHello(bytes)).toMatchObject({ serverName: 'shop.example' });
  for (let length = 0; length < bytes.length; length++) {
    expect([length, parseClientHello(bytes.subarray(0, length))]).toEqual([length, HELLO_PARTIAL]);
  }
});

/** A ClientHello with these extensions and nothing else of interest. */
function withExtensions(...extensions: readonly Buffer[]): Buffer {
  const sized = (width: 1 | 2 | 3, body: Buffer): Buffer => {
    const length = Buffer.alloc(width);
    length.writeUIntBE(body.length, 0, width);
    return Buffer.concat([length, body]);
  };
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32),
    sized(1, Buffer.alloc(0)),
    sized(2, Buffer.from([0x13, 0x01])),
    sized(1, Buffer.from([0])),
    sized(2, Buffer.concat(extensions)),
  ]);
  const message = Buffer.concat([Buffer.from([1]), sized(3, body)]);
  return Buffer.concat([Buffer.from([22, 3, 1]), sized(2, message)]);
}

function extension(type: number, hex: string): Buffer {
  const body = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return Buffer.concat([Buffer.from([0, type, body.length >> 8, body.length & 255]), body]);
}

const NAME_A = '0004 00 0001 61';

test.each([
  ['a name', [extension(0, NAME_A)], { serverName: 'a', protocols: [] }],
  ['a trailing dot', [extension(0, '0005 00 0002 612e')], { serverName: 'a', protocols: [] }],
  ['a name of another type only', [extension(0, '0004 07 0001 61')], HELLO_MALFORMED],
  ['two names', [extension(0, '0008 00 0001 61 00 0001 62')], HELLO_MALFORMED],
  ['the extension twice', [extension(0, NAME_A), extension(0, NAME_A)], HELLO_MALFORMED],
  ['an empty name', [extension(0, '0003 00 0000')], HELLO_MALFORMED],
  ['an empty list', [extension(0, '0000')], HELLO_MALFORMED],
  ['a list that ends early', [extension(0, '0009 00 0001 61')], HELLO_MALFORMED],
  ['bytes behind the list', [extension(0, `${NAME_A} 00`)], HELLO_MALFORMED],
  ['a NUL in the name', [extension(0, '0006 00 0003 610062')], HELLO_MALFORMED],
  ['a blank in the name', [extension(0, '0006 00 0003 612062')], HELLO_MALFORMED],
  ['an empty protocol', [extension(16, '0001 00')], HELLO_MALFORMED],
  ['no protocol', [extension(16, '0000')], HELLO_MALFORMED],
  ['protocols twice', [extension(16, '0003 02 6832'), extension(16, '0003 02 6832')], HELLO_MALFORMED],
])('%s', (_, extensions, expected) => {
  expect(parseClientHello(withExtensions(...extensions))).toEqual(expected);
});

test.each([
  ['another content type', '15030100050100000000'],
  ['another version', '16020100050100000000'],
  ['another message', '160301000502000000 00'],
  ['an empty record', '1603010000'],
  ['a record beyond the limit', '1603014001'],
  ['a message beyond the limit', '1603010004 01ffffff'],
])('%s', (_, hex) => {
  expect(parseClientHello(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toBe(HELLO_MALFORMED);
});

test('records without end do not grow without end', () => {
  const message = Buffer.alloc(MAX_CLIENT_HELLO_BYTES - 4);
  message[0] = 1;
  message.writeUIntBE(MAX_CLIENT_HELLO_BYTES - 8, 1, 3);
  const bytes = inRecords(Buffer.concat([Buffer.alloc(5), message]), 1);
  expect(parseClientHello(bytes.subarray(0, 2 * MAX_CLIENT_HELLO_BYTES))).toBe(HELLO_MALFORMED);
});

test('any byte changed, at any place: an answer, never an exception', () => {
  for (let at = 0; at < BYTES.length; at++) {
    for (const value of [0, 1, 22, 127, 255]) {
      const bytes = Buffer.from(BYTES);
      bytes[at] = value;
      const hello = parseClientHello(bytes);
      if (typeof hello !== 'string') expect(hello.serverName).toMatch(/^[\x21-\x7e]*$/);
    }
  }
});
