import { expect, test } from 'vitest';
import { heldMemory } from '../../core/held-memory.ts';
import type { BodySink } from './body.ts';
import { FAILURES } from './failure.ts';
import { KeptBody } from './kept-body.ts';

class Sink implements BodySink {
  said = '';
  hasRoom = true;

  write(chunk: Buffer, start: number, end: number): boolean {
    this.said += chunk.latin1Slice(start, end);
    return this.hasRoom;
  }

  flush(): void {
    this.said += '_';
  }

  end(): void {
    this.said += '.';
  }

  abort(): void {
    this.said += '!';
  }
}

function write(body: KeptBody, text: string): boolean {
  const bytes = Buffer.from(text, 'latin1');
  return body.write(bytes, 0, bytes.length, null);
}

test('what went to one sink goes to the next as well, before what follows', () => {
  const body = new KeptBody(10, false);
  const [first, second, third] = [new Sink(), new Sink(), new Sink()];
  body.into(first);
  write(body, 'ab');
  body.into(second);
  write(body, 'cd');
  body.end(null);
  expect([body.isWhole, body.isComplete]).toEqual([true, true]);
  body.into(third);
  expect([first.said, second.said, third.said]).toEqual(['ab', 'abcd.', 'abcd.']);
});

test('a body that is too long is passed on, and not kept', () => {
  const body = new KeptBody(3, false);
  const sink = new Sink();
  body.into(sink);
  write(body, 'ab');
  expect(body.isWhole).toBe(true);
  write(body, 'cd');
  expect(body.isWhole).toBe(false);
  expect(sink.said).toBe('abcd');
});

test('between two servers nothing is lost, and little is taken', () => {
  const body = new KeptBody(3, false);
  body.into(new Sink());
  expect(write(body, 'a')).toBe(true);
  body.detach();
  expect(write(body, 'b')).toBe(true);
  expect(write(body, 'cd')).toBe(false);
  const next = new Sink();
  body.into(next);
  body.end(null);
  expect(next.said).toBe('abcd.');
  expect(body.isWhole).toBe(false);
});

test.each([
  ['a response', false, (body: KeptBody) => body.answered(), false],
  ['a response, of one that is kept for it', true, (body: KeptBody) => body.answered(), true],
  ['a broken request', true, (body: KeptBody) => body.abort(FAILURES.clientGone), false],
  ['the end of the exchange', true, (body: KeptBody) => body.forget(), false],
])('after %s', (_, isForResponse, happen, isWhole) => {
  const before = heldMemory.bytes;
  const body = new KeptBody(10, isForResponse);
  body.into(new Sink());
  write(body, 'abc');
  expect(heldMemory.bytes).toBe(before + 3);
  happen(body);
  expect(body.isWhole).toBe(isWhole);
  body.forget();
  expect(heldMemory.bytes).toBe(before);
});
