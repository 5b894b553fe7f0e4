import { expect, test } from 'vitest';
import { ManualClock } from '../core/clock.ts';
import type { Log, LogFields } from '../core/log.ts';
import { Life, type Part } from './life.ts';

/** A life whose deadlines are over when the test says so. */
class Rig {
  readonly steps: string[] = [];
  readonly lines: (readonly [level: string, message: string, fields: LogFields | undefined])[] = [];
  readonly deadlines = new Map<number, () => void>();
  readonly clock = new ManualClock();

  life(parts: readonly Part[]): Life {
    const line =
      (level: string) =>
      (message: string, fields?: LogFields): void => {
        this.lines.push([level, message, fields]);
      };
    const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
    return new Life({
      log,
      clock: this.clock,
      parts,
      after: (ms, callback) => {
        this.deadlines.set(ms, callback);
        return { close: () => this.deadlines.delete(ms) };
      },
    });
  }

  part(name: string, more: Partial<Part> = {}): Part {
    return {
      name,
      start: () => {
        this.steps.push(`start ${name}`);
      },
      stop: () => {
        this.steps.push(`stop ${name}`);
      },
      ...more,
    };
  }
}

/** Something that a part is in until the test lets it go. */
function gate(): {
  readonly entered: Promise<void>;
  readonly enter: () => Promise<void>;
  leave(error?: Error): void;
} {
  let enter = (): void => {};
  let leave: (error?: Error) => void = () => {};
  const entered = new Promise<void>((resolve) => {
    enter = resolve;
  });
  const left = new Promise<void>((resolve, reject) => {
    leave = (error) => (error === undefined ? resolve() : reject(error));
  });
  return {
    entered,
    enter: () => {
      enter();
      return left;
    },
    leave: (error) => leave(error),
  };
}

test('parts start in order and stop in reverse, each told with its name', async () => {
  const rig = new Rig();
  const life = rig.life([rig.part('a'), rig.part('b')]);
  await life.start();
  await life.stop();
  expect(rig.steps).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  expect(rig.lines).toEqual([
    ['debug', 'a part has started', { part: 'a', ms: 0 }],
    ['debug', 'a part has started', { part: 'b', ms: 0 }],
    ['debug', 'a part has stopped', { part: 'b', ms: 0 }],
    ['debug', 'a part has stopped', { part: 'a', ms: 0 }],
  ]);
});

test('a part whose start fails is stopped with those before it, and those after it never begin', async () => {
  const rig = new Rig();
  const failing = rig.part('b', { start: () => Promise.reject(new Error('no room')) });
  const life = rig.life([rig.part('a'), failing, rig.part('c')]);
  await expect(life.start()).rejects.toThrow('no room');
  expect(rig.steps).toEqual(['start a', 'stop b', 'stop a']);
  await life.stop();
  expect(rig.steps).toHaveLength(3);
});

test('a stop ends a start at its next part and stops what has begun', async () => {
  const rig = new Rig();
  const held = gate();
  const life = rig.life([rig.part('a'), rig.part('b', { start: held.enter }), rig.part('c')]);
  const starting = life.start();
  await held.entered;
  const stopping = life.stop();
  held.leave();
  await expect(starting).rejects.toThrow('stopped while it started');
  await stopping;
  expect(rig.steps).toEqual(['start a', 'stop b', 'stop a']);
});

test('what needs no start is stopped even when nothing has started', async () => {
  const rig = new Rig();
  const opened: Part = { name: 'state', stop: () => void rig.steps.push('stop state') };
  await rig.life([opened, rig.part('a')]).stop();
  expect(rig.steps).toEqual(['stop state']);
});

test('a part that takes too long to start is told of and waited for', async () => {
  const rig = new Rig();
  const held = gate();
  const life = rig.life([rig.part('a', { startMs: 50, start: held.enter }), rig.part('b')]);
  const starting = life.start();
  await held.entered;
  rig.deadlines.get(50)!();
  expect(rig.lines).toEqual([['warn', 'a part takes longer to start than it should', { part: 'a', startMs: 50 }]]);
  expect(rig.steps).toEqual([]);
  held.leave();
  await starting;
  expect(rig.steps).toEqual(['start b']);
  expect(rig.deadlines.size).toBe(0);
});

test('a part that takes too long to stop is told of and left, and what it fails with later is told as well', async () => {
  const rig = new Rig();
  const held = gate();
  const life = rig.life([rig.part('a'), rig.part('b', { stopMs: () => 70, stop: held.enter })]);
  await life.start();
  const stopping = life.stop();
  await held.entered;
  rig.deadlines.get(70)!();
  await stopping;
  expect(rig.steps).toEqual(['start a', 'start b', 'stop a']);
  expect(rig.lines).toContainEqual([
    'warn',
    'a part takes longer to stop than it should, and is left',
    { part: 'b', stopMs: 70 },
  ]);
  held.leave(new Error('too late'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(rig.lines.at(-1)).toEqual([
    'error',
    'a part could not be stopped',
    { part: 'b', error: expect.stringContaining('too late') as unknown },
  ]);
});

test('a part that fails to stop keeps no other from stopping, and the first failure is told', async () => {
  const rig = new Rig();
  const failing = rig.part('b', {
    stop: () => {
      throw new Error('still open');
    },
  });
  const life = rig.life([rig.part('a'), failing, rig.part('c')]);
  await life.start();
  await expect(life.stop()).rejects.toThrow('still open');
  expect(rig.steps.slice(3)).toEqual(['stop c', 'stop a']);
});
