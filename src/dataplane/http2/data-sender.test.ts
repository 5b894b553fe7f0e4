// Bodies under flow control, read back from the socket as frames.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DataSender, OutgoingStream } from './data-sender.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameOutput, type WritableSocket } from './frame-output.ts';
import { MAX_WINDOW } from './protocol.ts';

/** Takes a write only when told to. */
class SlowSocket implements WritableSocket {
  destroyed = false;
  bytes = Buffer.alloc(0);
  #done: (() => void) | null = null;
  write(chunk: Buffer, written?: (error?: Error | null) => void): boolean {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    if (written !== undefined) this.#done = () => written();
    return true;
  }
  cork(): void {}
  uncork(): void {}
  end(): void {}
  take(): boolean {
    const done = this.#done;
    this.#done = null;
    done?.();
    return done !== null;
  }
}

class TestStream extends OutgoingStream {
  rooms = 0;
  output: FrameOutput | null = null;
  hasRoom(): void {
    this.rooms++;
  }
  sendEnd(): void {
    this.output!.endStream(this.id, this.lastFrame);
  }
}

function setUp(): { socket: SlowSocket; output: FrameOutput; sender: DataSender } {
  const socket = new SlowSocket();
  let sender: DataSender | null = null;
  const output = new FrameOutput(socket, () => sender!.drain());
  sender = new DataSender(output, new FloodGuard(0));
  return { socket, output, sender };
}

function open(output: FrameOutput, id: number, window: number): TestStream {
  const stream = new TestStream(id, window);
  stream.output = output;
  return stream;
}

interface Sent {
  readonly id: number;
  readonly length: number;
  readonly ends: boolean;
  readonly text: string;
}

function framesIn(bytes: Buffer): Sent[] {
  const frames: Sent[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    const text = bytes.latin1Slice(at + 9, at + 9 + length);
    frames.push({ id: bytes.readUInt32BE(at + 5), length, ends: (bytes[at + 4]! & 1) !== 0, text });
    at += 9 + length;
  }
  return frames;
}

test('cuts a body into frames, ends the last one, and leaves in one write', () => {
  const { socket, output, sender } = setUp();
  const stream = open(output, 1, 100_000);
  const body = Buffer.alloc(40_000, 'x');
  expect(sender.write(stream, body, 0, body.length)).toBe(true);
  sender.end(stream);
  expect(socket.bytes).toHaveLength(0);
  output.flush();
  expect(framesIn(socket.bytes).map(({ length, ends }) => [length, ends])).toEqual([
    [16_384, false],
    [16_384, false],
    [7232, true],
  ]);
  expect(sender.window).toBe(65_535 - 40_000);
});

test('an end that comes after the write is a frame of its own', () => {
  const { socket, output, sender } = setUp();
  const stream = open(output, 1, 100);
  sender.write(stream, Buffer.from('hi'), 0, 2);
  output.flush();
  sender.end(stream);
  socket.take();
  output.flush();
  expect(framesIn(socket.bytes).map(({ text, ends }) => [text, ends])).toEqual([
    ['hi', false],
    ['', true],
  ]);
});

test('holds what the windows do not allow, and asks the source to go on when all of it is framed', () => {
  const { socket, output, sender } = setUp();
  const stream = open(output, 1, 3);
  expect(sender.write(stream, Buffer.from('0123456789'), 0, 10)).toBe(false);
  expect(stream.held!.length).toBe(7);
  sender.widenStream(stream, 4);
  expect(stream.rooms).toBe(0);
  sender.widenStream(stream, 100);
  expect(stream.rooms).toBe(1);
  sender.end(stream);
  output.flush();
  expect(framesIn(socket.bytes).map(({ text, ends }) => [text, ends])).toEqual([
    ['012', false],
    ['3456', false],
    ['789', true],
  ]);
});

test('the window of the connection holds all streams, and they share what opens by turns', () => {
  const { socket, output, sender } = setUp();
  sender.window = 0;
  const streams = [1, 3, 5].map((id) => open(output, id, 100_000));
  const body = Buffer.alloc(20_000, 'x');
  for (const stream of streams) expect(sender.write(stream, body, 0, body.length)).toBe(false);
  sender.widen(16_384 * 3 + 100);
  output.flush();
  expect(framesIn(socket.bytes).map(({ id, length }) => [id, length])).toEqual([
    [1, 16_384],
    [3, 16_384],
    [5, 16_384],
    [1, 100],
  ]);
});

test('a socket that takes nothing stops every source before much is framed', () => {
  const { socket, output, sender } = setUp();
  sender.window = MAX_WINDOW;
  const stream = open(output, 1, MAX_WINDOW);
  const body = Buffer.alloc(64 * 1024, 'x');
  let rounds = 0;
  while (sender.write(stream, body, 0, body.length)) rounds++;
  expect(rounds).toBeLessThan(5);
  expect(output.pending).toBeLessThan(256 * 1024);
  output.flush();
  while (socket.take()) output.flush();
  expect(stream.rooms).toBe(1);
  expect(output.pending).toBe(0);
});

test('a negative window, after a change of settings, waits until it is positive again', () => {
  const { output, sender } = setUp();
  const stream = open(output, 1, 10);
  sender.widenStream(stream, -30);
  expect(sender.write(stream, Buffer.from('ab'), 0, 2)).toBe(false);
  sender.widenStream(stream, 20);
  expect(stream.held!.length).toBe(2);
  sender.widenStream(stream, 1);
  expect(stream.held!.length).toBe(1);
});

test('windows that overflow are refused', () => {
  const { output, sender } = setUp();
  expect(sender.widen(MAX_WINDOW)).toBe(false);
  const stream = open(output, 1, 1);
  expect(sender.widenStream(stream, MAX_WINDOW)).toBe(false);
});

test('a stream that is removed sends nothing more, and its turn passes', () => {
  const { socket, output, sender } = setUp();
  const [first, second] = [open(output, 1, 0), open(output, 3, 0)];
  sender.write(first, Buffer.from('no'), 0, 2);
  sender.write(second, Buffer.from('yes'), 0, 3);
  sender.remove(first);
  sender.widenStream(second, 10);
  output.flush();
  expect(framesIn(socket.bytes).map(({ text }) => text)).toEqual(['yes']);
});

test('bodies arrive whole and in order, within windows, however windows, writes and the socket interleave', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), stream: fc.nat(2), size: fc.integer({ min: 1, max: 50_000 }) }),
    fc.record({ kind: fc.constant('stream' as const), stream: fc.nat(2), size: fc.integer({ min: 1, max: 40_000 }) }),
    fc.record({ kind: fc.constant('all' as const), stream: fc.nat(2), size: fc.integer({ min: 1, max: 60_000 }) }),
    fc.record({ kind: fc.constant('take' as const), stream: fc.nat(2), size: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { socket, output, sender } = setUp();
      const streams = [1, 3, 5].map((id) => open(output, id, 1000));
      const written = ['', '', ''];
      let allowed = 65_535;
      const allowedOf = [1000, 1000, 1000];
      for (const { kind, stream: index, size } of steps) {
        const stream = streams[index]!;
        if (kind === 'write') {
          // A source that was asked to stop does.
          if (stream.held !== null || stream.isWaiting) continue;
          const text = String.fromCharCode(97 + (written[index]!.length % 26)).repeat(size);
          written[index] += text;
          sender.write(stream, Buffer.from(text, 'latin1'), 0, size);
        } else if (kind === 'stream') {
          allowedOf[index]! += size;
          sender.widenStream(stream, size);
        } else if (kind === 'all') {
          allowed += size;
          sender.widen(size);
        } else {
          output.flush();
          socket.take();
        }
      }
      for (let round = 0; round < 1000 && streams.some((stream) => stream.held !== null); round++) {
        for (const [index, stream] of streams.entries()) {
          allowedOf[index]! += 10_000;
          sender.widenStream(stream, 10_000);
        }
        allowed += 30_000;
        sender.widen(30_000);
        output.flush();
        socket.take();
      }
      for (const stream of streams) sender.end(stream);
      output.flush();
      while (socket.take()) output.flush();
      const frames = framesIn(socket.bytes);
      for (const [index, stream] of streams.entries()) {
        const own = frames.filter(({ id }) => id === stream.id);
        expect(own.map(({ text }) => text).join('')).toBe(written[index]);
        expect(own.map(({ ends }) => ends)).toEqual(own.map((_, at) => at === own.length - 1));
        expect(written[index]!.length).toBeLessThanOrEqual(allowedOf[index]!);
      }
      expect(written.join('').length).toBeLessThanOrEqual(allowed);
    }),
    { seed: 5, numRuns: 300 },
  );
});
