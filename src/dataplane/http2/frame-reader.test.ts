// Frames as the reader splits and checks them: a table of good and bad ones, the same result however the bytes are cut,
// and mutations that may end in nothing but an error code.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FrameHandler, FrameReader } from './frame-reader.ts';
import { ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, NO_ERROR, PROTOCOL_ERROR } from './protocol.ts';

const SETTINGS = frame(4, 0, 0, '');

function frame(type: number, flags: number, streamId: number, payload: string | Buffer): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'hex') : payload;
  const header = Buffer.alloc(9);
  header.writeUIntBE(bytes.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, bytes]);
}

class Recorder implements FrameHandler {
  readonly events: string[] = [];
  #data = '';

  #note(text: string): number {
    this.events.push(text);
    return NO_ERROR;
  }
  onDataFrame(streamId: number, length: number): number {
    this.#data = '';
    return this.#note(`data ${streamId} ${length}`);
  }
  onDataBytes(chunk: Buffer, start: number, end: number): void {
    expect(end).toBeGreaterThan(start);
    this.#data += chunk.toString('hex', start, end);
  }
  onDataEnd(padding: number, endStream: boolean): number {
    return this.#note(`data end ${this.#data} padding ${padding} ${endStream}`);
  }
  onHeaders(
    streamId: number,
    block: Buffer,
    start: number,
    end: number,
    endStream: boolean,
    dependsOn: number,
  ): number {
    return this.#note(`headers ${streamId} ${block.toString('hex', start, end)} ${endStream} ${dependsOn}`);
  }
  onPriority(streamId: number, dependsOn: number): number {
    return this.#note(`priority ${streamId} ${dependsOn}`);
  }
  onReset(streamId: number, code: number): number {
    return this.#note(`reset ${streamId} ${code}`);
  }
  onSettings(isAck: boolean, payload: Buffer, start: number, end: number): number {
    return this.#note(`settings ${isAck} ${payload.toString('hex', start, end)}`);
  }
  onPing(isAck: boolean, payload: Buffer, start: number): number {
    return this.#note(`ping ${isAck} ${payload.toString('hex', start, start + 8)}`);
  }
  onGoaway(lastStreamId: number, code: number): number {
    return this.#note(`goaway ${lastStreamId} ${code}`);
  }
  onWindowUpdate(streamId: number, increment: number): number {
    return this.#note(`window ${streamId} ${increment}`);
  }
  onUnknownFrame(): number {
    return this.#note('unknown');
  }
}

interface Outcome {
  readonly events: readonly string[];
  readonly code: number;
}

function read(pieces: readonly Buffer[], maxBlockBytes = 65_536): Outcome {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, maxBlockBytes);
  for (const piece of pieces) {
    const code = reader.feed(piece, 0, piece.length);
    if (code !== NO_ERROR) return { events: recorder.events, code };
  }
  return { events: recorder.events, code: NO_ERROR };
}

const GOOD: readonly (readonly [string, Buffer, readonly string[]])[] = [
  ['DATA', frame(0, 1, 1, '6869'), ['data 1 2', 'data end 6869 padding 0 true']],
  ['empty DATA', frame(0, 0, 1, ''), ['data 1 0', 'data end  padding 0 false']],
  ['padded DATA', frame(0, 8, 3, '0268690000'), ['data 3 5', 'data end 6869 padding 3 false']],
  ['DATA of padding only', frame(0, 8, 3, '00'), ['data 3 1', 'data end  padding 1 false']],
  ['HEADERS', frame(1, 5, 1, '8284'), ['headers 1 8284 true -1']],
  ['padded HEADERS with priority', frame(1, 0x2c, 5, '0180000003108284ff'), ['headers 5 8284 false 3']],
  ['HEADERS and CONTINUATION', Buffer.concat([frame(1, 1, 1, '82'), frame(9, 0, 1, ''), frame(9, 4, 1, '84')]), ['headers 1 8284 true -1']],
  ['PRIORITY', frame(2, 0, 7, '0000000510'), ['priority 7 5']],
  ['PRIORITY of the wrong size', frame(2, 0, 7, '00000005'), ['priority 7 -1']],
  ['RST_STREAM', frame(3, 0, 1, 'fffffffe'), ['reset 1 4294967294']],
  ['SETTINGS', frame(4, 0, 0, '000300000064'), ['settings false 000300000064']],
  ['SETTINGS acknowledged', frame(4, 1, 0, ''), ['settings true ']],
  ['PING', frame(6, 0, 0, '0102030405060708'), ['ping false 0102030405060708']],
  ['GOAWAY with debug data', frame(7, 0, 0, '800000050000000b6869'), ['goaway 5 11']],
  ['WINDOW_UPDATE', frame(8, 0, 0, 'ffffffff'), ['window 0 2147483647']],
  ['an unknown type', frame(99, 255, 1, '00'), ['unknown']],
  ['a reserved bit', frame(6, 1, 0x8000_0000, '0102030405060708'), ['ping true 0102030405060708']],
]; // prettier-ignore

test.each(GOOD)('reads %s', (_, bytes, events) => {
  expect(read([SETTINGS, bytes])).toEqual({ events: ['settings false ', ...events], code: NO_ERROR });
});

test.each([
  ['a frame above the maximum size', frame(0, 0, 1, Buffer.alloc(16_385)), FRAME_SIZE_ERROR],
  ['DATA on stream 0', frame(0, 0, 0, '00'), PROTOCOL_ERROR],
  ['DATA with padding as long as the frame', frame(0, 8, 1, '026869'.slice(0, 4)), PROTOCOL_ERROR],
  ['padded DATA without a pad length', frame(0, 8, 1, ''), FRAME_SIZE_ERROR],
  ['HEADERS on stream 0', frame(1, 4, 0, '82'), PROTOCOL_ERROR],
  ['HEADERS with too much padding', frame(1, 12, 1, '0282'), PROTOCOL_ERROR],
  ['HEADERS too short for its priority', frame(1, 0x24, 1, '00000000'), FRAME_SIZE_ERROR],
  ['HEADERS too short for its pad length', frame(1, 12, 1, ''), FRAME_SIZE_ERROR],
  ['HEADERS whose padding reaches into its priority', frame(1, 0x2c, 1, '010000000010'), PROTOCOL_ERROR],
  ['PRIORITY on stream 0', frame(2, 0, 0, '0000000510'), PROTOCOL_ERROR],
  ['RST_STREAM on stream 0', frame(3, 0, 0, '00000000'), PROTOCOL_ERROR],
  ['RST_STREAM of the wrong size', frame(3, 0, 1, '000000'), FRAME_SIZE_ERROR],
  ['SETTINGS on a stream', frame(4, 0, 1, ''), PROTOCOL_ERROR],
  ['SETTINGS cut short', frame(4, 0, 0, '0003000000'), FRAME_SIZE_ERROR],
  ['an acknowledgement that holds settings', frame(4, 1, 0, '000300000064'), FRAME_SIZE_ERROR],
  ['PUSH_PROMISE', frame(5, 4, 1, '0000000282'), PROTOCOL_ERROR],
  ['PING on a stream', frame(6, 0, 1, '0102030405060708'), PROTOCOL_ERROR],
  ['PING of the wrong size', frame(6, 0, 0, '01020304050607'), FRAME_SIZE_ERROR],
  ['GOAWAY on a stream', frame(7, 0, 1, '0000000000000000'), PROTOCOL_ERROR],
  ['GOAWAY cut short', frame(7, 0, 0, '00000000000000'), FRAME_SIZE_ERROR],
  ['WINDOW_UPDATE of the wrong size', frame(8, 0, 0, '000001'), FRAME_SIZE_ERROR],
  ['CONTINUATION without HEADERS', frame(9, 4, 1, '82'), PROTOCOL_ERROR],
  ['another frame within a header block', Buffer.concat([frame(1, 0, 1, '82'), frame(6, 0, 0, '0102030405060708')]), PROTOCOL_ERROR],
  ['another stream within a header block', Buffer.concat([frame(1, 0, 1, '82'), frame(9, 4, 3, '82')]), PROTOCOL_ERROR],
  ['an unknown frame within a header block', Buffer.concat([frame(1, 0, 1, '82'), frame(77, 0, 1, '')]), PROTOCOL_ERROR],
] as const)('refuses %s', (_, bytes, code) => {
  expect(read([SETTINGS, bytes]).code).toBe(code);
  expect(read([SETTINGS, ...[...bytes].map((octet) => Buffer.from([octet]))]).code).toBe(code);
}); // prettier-ignore

test.each([frame(6, 0, 0, '0102030405060708'), frame(4, 1, 0, ''), frame(0, 0, 1, '')])(
  'the first frame has to be SETTINGS',
  (bytes) => {
    expect(read([bytes])).toEqual({ events: [], code: PROTOCOL_ERROR });
  },
);

test('a header block that does not end is given up: many small frames', () => {
  const small = Buffer.concat([frame(1, 0, 1, '82'), ...Array.from({ length: 100 }, () => frame(9, 0, 1, ''))]);
  expect(read([SETTINGS, small]).code).toBe(ENHANCE_YOUR_CALM);
});

test('a header block that does not end is given up: few large frames', () => {
  const large = Buffer.concat([
    frame(1, 0, 1, Buffer.alloc(16_384)),
    ...Array.from({ length: 4 }, () => frame(9, 0, 1, Buffer.alloc(16_384))),
  ]);
  expect(read([SETTINGS, large]).code).toBe(ENHANCE_YOUR_CALM);
});

/** Bytes cut at random places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

test('frames are the same however their bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...GOOD), { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (list, places) => {
        const bytes = Buffer.concat([SETTINGS, ...list.map(([, one]) => one)]);
        const expected = ['settings false ', ...list.flatMap(([, , events]) => events)];
        expect(read(cut(bytes, places))).toEqual({ events: expected, code: NO_ERROR });
      },
    ),
    { seed: 9113, numRuns: 500 },
  );
});

test('mutated frames end in an error code or in frames, the same for every cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...GOOD), { minLength: 1, maxLength: 8 }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(), { maxLength: 5 }),
      (list, changes, places) => {
        const bytes = Buffer.concat([SETTINGS, ...list.map(([, one]) => one)]);
        for (const [at, octet] of changes) bytes[at % bytes.length] = octet;
        const whole = read([bytes]);
        const inPieces = read(cut(bytes, places));
        expect(inPieces).toEqual(whole);
        expect([NO_ERROR, PROTOCOL_ERROR, FRAME_SIZE_ERROR, ENHANCE_YOUR_CALM]).toContain(whole.code);
      },
    ),
    { seed: 2, numRuns: 3000 },
  );
});

test('nothing is delivered after an error or a stop', () => {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, 1000);
  reader.feed(SETTINGS, 0, SETTINGS.length);
  reader.stop();
  const ping = frame(6, 0, 0, '0102030405060708');
  expect(reader.feed(ping, 0, ping.length)).toBe(NO_ERROR);
  expect(recorder.events).toEqual(['settings false ']);
});
