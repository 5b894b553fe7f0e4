import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BodySink } from '../../http/body.ts';
import type { Downstream, Exchange } from '../../http/exchange.ts';
import { Exchange as RealExchange } from '../../http/exchange.ts';
import { Base64Decoder, Base64Encoder } from './base64-body.ts';

function recorder(): BodySink & { bytes: Buffer; ends: number; aborts: number } {
  return {
    bytes: Buffer.alloc(0),
    ends: 0,
    aborts: 0,
    write(chunk, start, end) {
      this.bytes = Buffer.concat([this.bytes, chunk.subarray(start, end)]);
      return true;
    },
    flush() {},
    end() {
      this.ends++;
    },
    abort() {
      this.aborts++;
    },
  };
}

/** One that is over: an answer to it has no effect. */
function exchange(): Exchange {
  const client = { ip: '', port: 0, scheme: 'http', tls: null, isTrusted: false, bonds: null, identity: null } as const;
  const made = new RealExchange({} as Downstream, client); // Never called: it is over.
  made.isFinished = true;
  return made;
}

function decode(pieces: readonly string[]): ReturnType<typeof recorder> {
  const sink = recorder();
  const decoder = new Base64Decoder(exchange());
  decoder.into(sink);
  for (const piece of pieces) decoder.write(Buffer.from(piece), 0, piece.length);
  decoder.end(null);
  return sink;
}

test('what is encoded in pieces, each padded or not, is decoded to the same bytes however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.uint8Array({ maxLength: 50 }), fc.boolean())),
      fc.integer({ min: 1, max: 9 }),
      (parts, size) => {
        const encoder = new Base64Encoder();
        let text = '';
        for (const [bytes, isFlushed] of parts) {
          const chunk = Buffer.from(bytes);
          text += encoder.encode(chunk, 0, chunk.length).toString();
          if (isFlushed) text += encoder.finish().toString();
        }
        text += encoder.finish().toString();
        const sink = decode(text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []);
        expect(sink.bytes.equals(Buffer.concat(parts.map(([bytes]) => bytes)))).toBe(true);
        expect([sink.ends, sink.aborts]).toEqual([1, 0]);
      },
    ),
  );
});

test.each([['a'], ['ab=='.slice(0, 3)], ['a==='], ['ab=c'], ['****'], ['abcd\nabc'], ['=abc']])(
  '%j is no Base64: the server does not see an end',
  (text) => {
    const sink = decode([text]);
    expect([sink.ends, sink.aborts]).toEqual([0, 1]);
  },
);
