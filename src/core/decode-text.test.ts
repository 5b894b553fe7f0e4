import { expect, test } from 'vitest';
import { decodeText } from './decode-text.ts';

const TEXT = 'http: # ä€\r\n';

test.each([
  ['UTF-8', Buffer.from(TEXT)],
  ['UTF-8 with a mark', Buffer.from(`\ufeff${TEXT}`)],
  ['UTF-16 little-endian', Buffer.from(`\ufeff${TEXT}`, 'utf16le')],
  ['UTF-16 big-endian', Buffer.from(`\ufeff${TEXT}`, 'utf16le').swap16()],
  ['UTF-16 without a mark', Buffer.from(TEXT, 'utf16le')],
  ['UTF-16 big-endian without a mark', Buffer.from(TEXT, 'utf16le').swap16()],
])('%s', (_, bytes) => {
  expect(decodeText(bytes)).toBe(TEXT);
});

test('an empty file, one byte, and half a character', () => {
  expect(decodeText(Buffer.alloc(0))).toBe('');
  expect(decodeText(Buffer.from('a'))).toBe('a');
  expect(decodeText(Buffer.from([0xfe, 0xff, 0, 0x61, 0]))).toBe('a');
});
