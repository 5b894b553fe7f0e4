// Bytes that come in on a stream, with a sink that takes what it is told to.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_HELD_BYTES, heldMemory } from '../../core/held-memory.ts';
import type { Downstream } from '../http/exchange.ts';
import { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { HeaderList } from '../http/message/header-list.ts';
import { DataSender } from './data-sender.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameOutput } from './frame-output.ts';
import { HeaderBlockWriter } from './header-block-writer.ts';
import { HpackEncoder } from './hpack/hpack-encoder.ts';
import { IncomingStream, type StreamOwner } from './incoming-stream.ts';

const CLIENT = {
  ip: '127.0.0.1',
  port: 1,
  scheme: 'http',
  tls: null,
  isTrusted: false,
  bonds: null,
  identity: null,
} as const;

class LabStream extends IncomingStream {
  readonly owner: StreamOwner<LabStream>;
  readonly seen: string[] = [];
  credited = 0;
  sink = true;
  /** Bytes after which the sink asks for a pause. */
  room = Number.POSITIVE_INFINITY;
  /** What the bytes bring about. */
  onPass: () => void = () => {};

  constructor(owner: StreamOwner<LabStream>, length: number) {
    super(1, 0, new Exchange({} as Downstream, CLIENT), null); // Nobody asks it anything.
    this.owner = owner;
    this.incomingLeft = length;
  }
  receive(chunk: Buffer, start: number, end: number): boolean {
    if (!this.countIncoming(end - start)) return false;
    this.take(chunk, start, end);
    return true;
  }
  send(text: string): boolean {
    return this.receive(Buffer.from(`<${text}>`), 1, text.length + 1);
  }
  finish(trailers: HeaderList | null = null): boolean {
    return this.endIncoming(trailers);
  }
  get waits(): number {
    return this.incoming?.length ?? 0;
  }
  get hasSink(): boolean {
    return this.sink;
  }
  pass(chunk: Buffer, start: number, end: number): void {
    this.seen.push(chunk.latin1Slice(start, end));
    this.room -= end - start;
    this.isSinkReady = this.room > 0;
    this.onPass();
  }
  passEnd(): void {
    this.seen.push(this.peerTrailers === null ? 'END' : `END ${this.peerTrailers.get('x-sum')}`);
  }
  passPause(): void {
    this.seen.push('pause');
  }
  credit(bytes: number): void {
    this.credited += bytes;
  }
  giveUp(failure: Failure): void {
    this.seen.push(failure.flag);
    this.exchange = null;
    this.close();
  }
  hasRoom(): void {}
  sendEnd(): void {}
}

function lab(length = -1): { stream: LabStream; flushes: LabStream[] } {
  const output = new FrameOutput(
    { destroyed: false, write: () => true, cork: () => {}, uncork: () => {}, end: () => {} },
    () => {},
  );
  const flushes: LabStream[] = [];
  const stream = new LabStream(
    {
      output,
      sender: new DataSender(output, new FloodGuard(0)),
      headers: new HeaderBlockWriter(output, new HpackEncoder(4096)),
      flushLater: (one) => void flushes.push(one),
      completed: () => {},
      reset: () => {},
    },
    length,
  );
  return { stream, flushes };
}

let heldBefore = 0;
beforeEach(() => {
  heldBefore = heldMemory.bytes;
});
afterEach(() => {
  heldMemory.maxBytes = DEFAULT_HELD_BYTES;
  expect(heldMemory.bytes).toBe(heldBefore);
});

test('passes on at once what is wanted, credits it, and asks for a flush', () => {
  const { stream, flushes } = lab();
  stream.send('abc');
  expect([stream.seen, stream.credited, flushes]).toEqual([['abc'], 3, [stream]]);
  stream.deliver();
  expect(stream.seen).toEqual(['abc', 'pause']);
});

test('holds what nobody takes yet, without credit', () => {
  const { stream, flushes } = lab();
  stream.sink = false;
  stream.send('ab');
  stream.send('cd');
  stream.deliver();
  expect([stream.seen, stream.credited, flushes, stream.waits]).toEqual([[], 0, [], 4]);
  stream.sink = true;
  stream.deliver();
  expect([stream.seen, stream.credited, stream.waits]).toEqual([['abcd', 'pause'], 4, 0]);
});

test('keeps the order behind a sink that is full, and stops where it is full again', () => {
  const { stream } = lab();
  stream.room = 2;
  for (const text of ['ab', 'c'.repeat(40_000), 'd'.repeat(40_000)]) stream.send(text);
  expect([stream.seen, stream.waits]).toEqual([['ab'], 80_000]);
  stream.room = 1;
  stream.resume();
  // A piece of what is held, and it was too much.
  const taken = stream.seen[1]!.length;
  expect(taken).toBeLessThan(80_000);
  expect([stream.seen[2], stream.waits, stream.credited]).toEqual(['pause', 80_000 - taken, 2 + taken]);
  stream.room = Number.POSITIVE_INFINITY;
  stream.resume();
  expect(stream.seen.filter((text) => text !== 'pause').join('')).toBe(`ab${'c'.repeat(40_000)}${'d'.repeat(40_000)}`);
  expect([stream.waits, stream.credited]).toEqual([0, 80_002]);
});

describe('the end', () => {
  test('comes after what is held, once, with its trailers', () => {
    const { stream } = lab();
    stream.room = 1;
    stream.send('a');
    stream.send('b');
    const trailers = new HeaderList();
    trailers.appendLine('x-sum', 'X-Sum: 7\r\n');
    expect(stream.finish(trailers)).toBe(true);
    stream.deliver();
    expect(stream.seen).toEqual(['a', 'pause']);
    stream.room = 10;
    stream.resume();
    stream.resume();
    expect(stream.seen).toEqual(['a', 'pause', 'b', 'END 7']);
  });

  test('waits for somebody who takes it', () => {
    const { stream } = lab();
    stream.sink = false;
    expect(stream.finish()).toBe(true);
    stream.deliver();
    expect(stream.seen).toEqual([]);
    stream.sink = true;
    stream.deliver();
    expect(stream.seen).toEqual(['END']);
  });
});

describe('a length that was announced', () => {
  test('is not exceeded, and what is too much goes nowhere', () => {
    const { stream } = lab(5);
    expect([stream.send('abc'), stream.send('de'), stream.send('f')]).toEqual([true, true, false]);
    expect(stream.seen).toEqual(['abc', 'de']);
    expect(stream.send('f')).toBe(false);
  });

  test('is reached', () => {
    const { stream } = lab(5);
    stream.send('abc');
    expect([stream.finish(), stream.isPeerDone]).toEqual([false, false]);
    stream.send('de');
    expect([stream.finish(), stream.isPeerDone]).toEqual([true, true]);
  });

  test('may be none', () => {
    const { stream } = lab(0);
    expect([stream.send('a'), stream.finish()]).toEqual([false, true]);
  });
});

describe('a stream that is closed', () => {
  test('gives back what it holds, and says how much that was', () => {
    const { stream } = lab();
    stream.sink = false;
    stream.send('a'.repeat(100_000));
    expect(heldMemory.bytes - heldBefore).toBeGreaterThanOrEqual(100_000);
    expect([stream.close(), stream.close(), stream.isClosed]).toEqual([100_000, 0, true]);
  });

  test('by the bytes it passes on counts them with the rest, and passes nothing more', () => {
    const { stream } = lab();
    stream.sink = false;
    stream.send('a'.repeat(100_000));
    let held = 0;
    stream.onPass = () => {
      stream.exchange = null;
      held = stream.close();
    };
    stream.sink = true;
    stream.deliver();
    expect([stream.seen.length, held, stream.credited]).toEqual([1, 100_000, 0]);
  });

  test('by bytes that were not held asks for no flush', () => {
    const { stream, flushes } = lab();
    stream.onPass = () => {
      stream.exchange = null;
      stream.close();
    };
    stream.send('abc');
    expect([stream.credited, flushes]).toEqual([3, []]);
  });
});

test('is given up when there is no room for what it would hold', () => {
  const { stream } = lab();
  heldMemory.maxBytes = heldBefore;
  stream.send('taken at once');
  stream.sink = false;
  stream.send('held');
  expect([stream.seen, stream.waits]).toEqual([['taken at once', FAILURES.memoryFull.flag], 0]);
});
