import { expect, test } from 'vitest';
import { sniff } from './sniff.ts';

const MP4 = '\0\0\0\x18ftypisom\0\0\0\0mp41avc1';

test.each([
  ['', 'text/plain; charset=utf-8'],
  ['plain words\n', 'text/plain; charset=utf-8'],
  ['{"a":1}', 'text/plain; charset=utf-8'],
  ['caf\xe9', 'text/plain; charset=utf-8'],
  ['a\0b', 'application/octet-stream'],
  ['a\x1bb', 'text/plain; charset=utf-8'],
  ['\r\n\t <!doctype html>', 'text/html; charset=utf-8'],
  ['<A href=x>', 'text/html; charset=utf-8'],
  ['<!-- x', 'text/html; charset=utf-8'],
  ['<abc>', 'text/plain; charset=utf-8'],
  ['<html', 'text/plain; charset=utf-8'],
  ['  <?xml version="1.0"?>', 'text/xml; charset=utf-8'],
  ['%PDF-1.7', 'application/pdf'],
  ['\xfe\xff\0a', 'text/plain; charset=utf-16be'],
  ['\xef\xbb\xbfa', 'text/plain; charset=utf-8'],
  ['\x89PNG\r\n\x1a\n\0', 'image/png'],
  ['\xff\xd8\xff\xe0', 'image/jpeg'],
  ['GIF89a', 'image/gif'],
  ['RIFFxxxxWEBPVP8 ', 'image/webp'],
  ['RIFFxxxxWAVEfmt', 'audio/wave'],
  ['ID3\x03', 'audio/mpeg'],
  [MP4, 'video/mp4'],
  [MP4.replace('mp41', 'xxxx'), 'application/octet-stream'],
  ['\x1f\x8b\x08\0', 'application/x-gzip'],
  ['PK\x03\x04', 'application/zip'],
  [`${'x'.repeat(34)}LP`, 'application/vnd.ms-fontobject'],
  ['wOF2', 'font/woff2'],
  ['\0asm\x01', 'application/wasm'],
])('%j is %s', (text, type) => {
  const bytes = Buffer.from(text, 'latin1');
  expect(sniff(bytes, bytes.length)).toBe(type);
});

test('looks at 512 bytes and no further, and not at what lies behind the end', () => {
  const late = Buffer.from(`${'a'.repeat(512)}\0`, 'latin1');
  expect(sniff(late, late.length)).toBe('text/plain; charset=utf-8');
  expect(sniff(late.subarray(1), 512)).toBe('application/octet-stream');
  expect(sniff(Buffer.from('ab\0'), 2)).toBe('text/plain; charset=utf-8');
});
