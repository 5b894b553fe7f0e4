import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/**
 * An event loop in which one connection is accepted in each turn and everything readable is read, and clients that ask
 * again `thinkTurns` after they were answered. Waits are counted in requests served meanwhile: what a client feels.
 */
class Loop {
  readonly turns: Turns;
  readonly waits = { kept: [] as number[], new: [] as number[] };
  longestTurn = 0;
  private ends: (() => void)[] = [];
  private arrivals: { readonly kind: 'kept' | 'new'; readonly since: number }[] = [];
  private later: { readonly kind: 'kept' | 'new'; readonly since: number }[] = [];
  private door: number[] = [];
  private served = 0;

  constructor() {
    this.turns = new Turns((callback) => this.ends.push(callback));
  }

  keep(count: number): void {
    for (let index = 0; index < count; index++) this.arrivals.push({ kind: 'kept', since: this.served });
  }

  knock(count: number): void {
    for (let index = 0; index < count; index++) this.door.push(this.served);
  }

  /** Whoever is answered comes again in the next turn. */
  turn(): void {
    const before = this.served;
    const readable = this.arrivals;
    this.arrivals = this.later;
    this.later = [];
    const knocked = this.door.shift();
    if (knocked !== undefined) {
      this.turns.accepted();
      this.arrivals.push({ kind: 'new', since: knocked });
    }
    for (const arrival of readable) {
      const deal = (): void => this.serve(arrival);
      if (this.turns.isCrowded) this.turns.await({ deliver: deal });
      else deal();
    }
    for (const end of this.ends.splice(0)) end();
    this.longestTurn = Math.max(this.longestTurn, this.served - before);
  }

  get isWatched(): boolean {
    return this.ends.length > 0;
  }

  private serve({ kind, since }: { readonly kind: 'kept' | 'new'; readonly since: number }): void {
    this.turns.reads++;
    this.waits[kind].push(this.served - since);
    this.served++;
    if (kind === 'kept') this.later.push({ kind, since: this.served });
    else this.door.push(this.served);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

test.each([
  [600, 20],
  [600, 60],
  [600, 300],
  [2_000, 100],
])('%i kept clients and %i new ones wait alike', (kept, fresh) => {
  const loop = new Loop();
  loop.keep(kept);
  loop.knock(fresh);
  for (let turn = 0; turn < 20_000; turn++) loop.turn();
  // The first ones came before anybody knew of a crowd.
  const of = (kind: 'kept' | 'new'): number => median(loop.waits[kind].slice(loop.waits[kind].length >> 1));
  expect(of('new') / of('kept')).toBeLessThan(2);
  expect(of('kept') / of('new')).toBeLessThan(2);
});

test('nothing waits where nobody is at the door, and nothing is watched then', () => {
  const loop = new Loop();
  loop.keep(100);
  for (let turn = 0; turn < 100; turn++) loop.turn();
  expect(loop.turns.isCrowded).toBe(false);
  expect(loop.isWatched).toBe(false);
  expect(loop.waits.kept.length).toBe(100 * 50);
});

test('a connection now and then is no crowd', () => {
  const loop = new Loop();
  loop.keep(100);
  for (let turn = 0; turn < 200; turn++) {
    if (turn % 4 === 0) loop.turns.accepted();
    loop.turn();
    expect(loop.turns.isCrowded).toBe(false);
  }
});

test('a crowd ends when nobody is at the door any more, and the line is served to its end', () => {
  const loop = new Loop();
  const delivered: number[] = [];
  for (let turn = 0; turn < 4; turn++) {
    loop.turns.accepted();
    loop.turns.reads = 50;
    loop.turn();
  }
  expect(loop.turns.isCrowded).toBe(true);
  for (let index = 0; index < 5_000; index++) loop.turns.await({ deliver: () => delivered.push(index) });
  while (loop.isWatched) loop.turn();
  expect(loop.turns.isCrowded).toBe(false);
  expect(delivered).toEqual(Array.from({ length: 5_000 }, (_, index) => index));
});
