import { expect, test } from 'vitest';
import fc from 'fast-check';
import { ChunkedDecoder } from './chunked-decoder.ts';

function decode(pieces: readonly string[]): {
  body: string;
  rest: string;
  failed: boolean;
  done: boolean;
  trailers: string;
} {
  const decoder = new ChunkedDecoder();
  let body = '';
  const sink = {
    write(chunk: Buffer, start: number, end: number): boolean {
      body += chunk.latin1Slice(start, end);
      return true;
    },
    flush(): void {},
    end(): void {},
    abort(): void {},
  };
  let rest = '';
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1');
    if (decoder.isDone) {
      rest += piece;
      continue;
    }
    const at = decoder.feed(bytes, 0, bytes.length, null, sink);
    if (at < 0) return { body, rest: '', failed: true, done: false, trailers: '' };
    rest += bytes.latin1Slice(at);
  }
  return { body, rest, failed: false, done: decoder.isDone, trailers: decoder.trailers?.render() ?? '' };
}

test('any split of a valid body decodes to the same data and leaves the next message alone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 50 }),
      fc.boolean(),
      (chunks, cuts, withTrailer) => {
        const trailer = withTrailer ? 'X-Sum:  abc \r\n' : '';
        const text =
          chunks.map((chunk) => `${chunk.length.toString(16)};x=y\r\n${chunk}\r\n`).join('') +
          `0\r\n${trailer}\r\nGET /`;
        const pieces: string[] = [];
        let at = 0;
        for (let index = 0; at < text.length; index++) {
          const length = cuts[index % cuts.length]!;
          pieces.push(text.slice(at, at + length));
          at += length;
        }
        const result = decode(pieces);
        expect(result).toEqual({
          body: chunks.join(''),
          rest: 'GET /',
          failed: false,
          done: true,
          trailers: withTrailer ? 'X-Sum: abc\r\n' : '',
        });
      },
    ),
  );
});

test.each([
  '0x5\r\nhello\r\n0\r\n\r\n', '+5\r\nhello\r\n', '-5\r\nhello\r\n', '5_\r\nhello\r\n', ' 5\r\nhello\r\n', '5 \r\nhello\r\n',
  '\r\nhello\r\n', '00000000000000005\r\nhello\r\n', 'ffffffffffffffff\r\nhello', '5\nhello\r\n', '5\rhello\r\n',
  '5\r\nhello\n0\r\n\r\n', '5\r\nhelloo\r\n0\r\n\r\n', '5\r\nhell\r\n0\r\n\r\n', '5;a=\n\r\nhello\r\n', '5;a=\0\r\nhello\r\n',
  '5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n', '5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n',
  '5\r\nhello\r\n0\r\nbad name: x\r\n\r\n', '5\r\nhello\r\n0\r\nX: a\n\r\n\r\n', '5\r\nhello\r\n0\r\n X: a\r\n\r\n',
  '5\r\nhello\r\n\n\r0\r\n\r\n', `5;${'e'.repeat(17_000)}\r\nhello\r\n`, `0\r\nX: ${'e'.repeat(20_000)}\r\n\r\n`,
])('refuses %j', (text) => {
  expect(decode([text]).failed).toBe(true);
}); // prettier-ignore
