import { randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AVAILABLE, SyncCompressor, type Coding, type Output } from './sync-compressor.ts';

const DECODE: Readonly<Record<Coding, (bytes: Buffer) => Buffer>> = {
  gzip: zlib.gunzipSync,
  br: zlib.brotliDecompressSync,
  zstd: (bytes) => (zlib as { zstdDecompressSync?: (bytes: Buffer) => Buffer }).zstdDecompressSync!(bytes),
};

function gather(): { parts: Buffer[]; keep: Output } {
  const parts: Buffer[] = [];
  return { parts, keep: (chunk, length) => parts.push(Buffer.from(chunk.subarray(0, length))) };
}

function compressed(coding: Coding, chunks: readonly Uint8Array[], flushes: boolean): Buffer {
  const { parts, keep } = gather();
  const compressor = SyncCompressor.take(coding);
  for (const chunk of chunks) {
    expect(compressor.write(Buffer.from(chunk), 0, chunk.length, keep)).toBe(true);
    if (flushes) expect(compressor.flush(keep)).toBe(true);
  }
  expect(compressor.finish(keep)).toBe(true);
  compressor.release();
  return Buffer.concat(parts);
}

test('gzip and brotli are there in every release of Node', () => {
  expect(AVAILABLE).toEqual(expect.arrayContaining(['gzip', 'br']));
});

test.each([...AVAILABLE])(
  '%s: what goes in comes out, however it is cut, from compressors that are used again',
  (coding) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 6 }), fc.boolean(), (chunks, flushes) => {
        const whole = Buffer.concat(chunks);
        expect(DECODE[coding](compressed(coding, chunks, flushes)).equals(whole)).toBe(true);
      }),
      { numRuns: 60 },
    );
  },
);

test.each([...AVAILABLE])('%s: more than fits the output at once, and what cannot be compressed', (coding) => {
  const noise = randomBytes(1_000_000);
  expect(DECODE[coding](compressed(coding, [noise], false)).equals(noise)).toBe(true);
  const zeros = Buffer.alloc(5_000_000);
  expect(DECODE[coding](compressed(coding, [zeros], false)).equals(zeros)).toBe(true);
});

test('after a flush everything so far can be read', () => {
  const { parts, keep } = gather();
  const compressor = SyncCompressor.take('gzip');
  compressor.write(Buffer.from('first event'), 0, 11, keep);
  compressor.flush(keep);
  const { Z_SYNC_FLUSH } = zlib.constants;
  expect(zlib.gunzipSync(Buffer.concat(parts), { finishFlush: Z_SYNC_FLUSH }).toString()).toBe('first event');
  compressor.release();
});

test('one that is released while its output is passed on stops, and does not disturb who uses it next', () => {
  const compressor = SyncCompressor.take('gzip');
  let calls = 0;
  const noise = randomBytes(1_000_000);
  compressor.write(noise, 0, noise.length, () => {
    calls++;
    if (calls === 1) compressor.release();
  });
  expect(calls).toBe(1);
  const text = Buffer.from('somebody else');
  expect(zlib.gunzipSync(compressed('gzip', [text], false)).equals(text)).toBe(true);
});
