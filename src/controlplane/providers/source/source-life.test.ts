import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RecordingLog } from '../../../../test/support/recording-log.ts';
import { CannotFollow, type Source, type SourceEvents } from './source.ts';
import { SourceLife } from './source-life.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Settles by hand. */
class Call {
  readonly settled: Promise<void>;
  succeed: () => void = () => {};
  fail: (error: Error) => void = () => {};

  constructor(signal: AbortSignal) {
    this.settled = new Promise((resolve, reject) => {
      const aborted = (): void => reject(new Error('aborted'));
      const settled = (): void => signal.removeEventListener('abort', aborted);
      this.succeed = () => (settled(), resolve());
      this.fail = (error) => (settled(), reject(error));
      signal.addEventListener('abort', aborted);
    });
  }
}

/** Answers when it is told to, and writes down what it is asked. */
class HandSource implements Source {
  readonly asked: string[] = [];
  readonly calls: Call[] = [];
  stream: Call | null = null;
  events: SourceEvents | null = null;
  refusal: Error | null = null;
  readonly follow: Source['follow'] = (signal, events) => {
    this.asked.push('follow');
    if (this.refusal !== null) return Promise.reject(this.refusal);
    this.events = events;
    this.stream = new Call(signal);
    events.begun();
    return this.stream.settled;
  };

  list(signal: AbortSignal): Promise<void> {
    return this.#ask('list', signal);
  }

  look(touched: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    return this.#ask(`look ${[...touched].join(' ')}`, signal);
  }

  #ask(what: string, signal: AbortSignal): Promise<void> {
    this.asked.push(what);
    const call = new Call(signal);
    this.calls.push(call);
    return call.settled;
  }

  /** The answer to what is asked now. */
  async answer(): Promise<void> {
    this.calls.shift()!.succeed();
    await settle();
  }

  async fail(message: string): Promise<void> {
    this.calls.shift()!.fail(new Error(message));
    await settle();
  }

  /** What has been asked since the last time. */
  news(): readonly string[] {
    return this.asked.splice(0);
  }
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

async function begin(source: Source = new HandSource(), resyncIntervalMs = 30_000) {
  const told: string[] = [];
  const log = new RecordingLog();
  const report = { reached: () => told.push('reached'), away: (reason: string) => told.push(`away: ${reason}`) };
  // The longest wait of each step.
  const life = new SourceLife(source, { report, log, provider: 'some', resyncIntervalMs, random: () => 1 });
  const ending = new AbortController();
  const ended = life.run(ending.signal);
  await settle();
  return { life, told, log, ended, ending };
}

test('follows first, and lists what there is then, so that nothing is missed in between', async () => {
  const source = new HandSource();
  const { told } = await begin(source);
  expect(source.news()).toEqual(['follow', 'list']);
  expect(told).toEqual([]);
  await source.answer();
  expect(told).toEqual(['reached']);
});

test('looks at what events name, each thing once, and one look after the other', async () => {
  const source = new HandSource();
  await begin(source);
  source.events!.changed('early');
  await source.answer();
  expect(source.news()).toEqual(['follow', 'list', 'look early']);
  for (const name of ['a', 'b', 'a', 'c']) source.events!.changed(name);
  await settle();
  expect(source.news()).toEqual([]);
  await source.answer();
  expect(source.news()).toEqual(['look a b c']);
});

test('an event that says nothing of what it is about costs a list', async () => {
  const source = new HandSource();
  await begin(source);
  await source.answer();
  source.news();
  source.events!.changed(null);
  source.events!.changed(null);
  await settle();
  expect(source.news()).toEqual(['list']);
});

test('lists everything again after the interval, however much happens in between', async () => {
  const source = new HandSource();
  const { told } = await begin(source, 10_000);
  await source.answer();
  source.news();
  for (let second = 1; second <= 9; second++) {
    await vi.advanceTimersByTimeAsync(1_000);
    source.events!.changed('a');
    await settle();
    await source.answer();
  }
  expect(source.news()).toEqual(Array.from({ length: 9 }, () => 'look a'));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(source.news()).toEqual(['list']);
  await source.answer();
  expect(told).toEqual(['reached', 'reached']);
});

test('a source that fails is away, is tried again after longer and longer pauses, and listed anew', async () => {
  const source = new HandSource();
  const { told } = await begin(source);
  const pauses: number[] = [];
  for (let failure = 0; failure < 8; failure++) {
    await source.fail('no answer');
    source.news();
    let pauseMs = 0;
    while (source.asked.length === 0) {
      await vi.advanceTimersByTimeAsync(50);
      pauseMs += 50;
    }
    pauses.push(pauseMs);
  }
  expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  expect(new Set(told)).toEqual(new Set(['away: no answer']));
  expect(source.news()).toEqual(['follow', 'list']);
  await source.answer();
  expect(told.at(-1)).toBe('reached');
  // What failed before counts no longer.
  source.stream!.fail(new Error('cut off'));
  await settle();
  expect(told.at(-1)).toBe('away: cut off');
  await vi.advanceTimersByTimeAsync(250);
  expect(source.news()).toEqual(['follow', 'list']);
});

test('a look that fails is a failure of the source, and the list that follows has what it missed', async () => {
  const source = new HandSource();
  const { told } = await begin(source);
  await source.answer();
  source.events!.changed('a');
  await settle();
  await source.fail('status 500');
  expect(told).toEqual(['reached', 'away: status 500']);
  source.news();
  await vi.advanceTimersByTimeAsync(250);
  expect(source.news()).toEqual(['follow', 'list']);
});

test('a stream that ends in order is begun again, and the source is not away', async () => {
  const source = new HandSource();
  const { told } = await begin(source);
  await source.answer();
  source.news();
  source.stream!.succeed();
  await vi.advanceTimersByTimeAsync(250);
  expect(source.news()).toEqual(['follow', 'list']);
  await source.answer();
  expect(told).toEqual(['reached', 'reached']);
});

test('one that ends its stream each time at once is left in peace more and more', async () => {
  const source = new HandSource();
  await begin(source);
  let lists = 0;
  for (let ms = 0; ms < 60_000; ms += 50) {
    if (source.calls.length > 0) {
      lists++;
      await source.answer();
      source.stream!.succeed();
    }
    await vi.advanceTimersByTimeAsync(50);
  }
  expect(lists).toBeLessThan(13);
});

test('one that does not let itself be followed is listed at the interval, says so once, and is asked each time', async () => {
  const source = new HandSource();
  source.refusal = new CannotFollow('403: EVENTS=1');
  const { told, log } = await begin(source);
  await source.answer();
  for (let round = 0; round < 3; round++) {
    await vi.advanceTimersByTimeAsync(30_000);
    await source.answer();
  }
  expect(source.news()).toEqual(Array.from({ length: 4 }, () => ['follow', 'list']).flat());
  expect(told).toEqual(Array.from({ length: 4 }, () => 'reached'));
  const warnings = log.records.filter(({ level }) => level === 'warn');
  expect(warnings).toEqual([
    {
      level: 'warn',
      message: 'the source of a provider does not let itself be followed: changes are seen every 30 s alone',
      fields: { provider: 'some', reason: '403: EVENTS=1' },
    },
  ]);
  source.refusal = null;
  await vi.advanceTimersByTimeAsync(30_000);
  await source.answer();
  source.events!.changed('a');
  await settle();
  expect(source.news()).toEqual(['follow', 'list', 'look a']);
});

test('without an interval, and nothing to follow, it is listed once, and when somebody asks', async () => {
  const source = new HandSource();
  const { life } = await begin({ list: (signal) => source.list(signal) }, 0);
  await source.answer();
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(source.news()).toEqual(['list']);
  let isRead = false;
  void life.readAgain().then(() => (isRead = true));
  await settle();
  expect([source.news(), isRead]).toEqual([['list'], false]);
  await source.answer();
  expect(isRead).toBe(true);
});

test('whoever asks for it to be read ends the pause, and is told also where it fails', async () => {
  const source = new HandSource();
  const { life } = await begin(source);
  for (let failure = 0; failure < 6; failure++) {
    await source.fail('no answer');
    await vi.advanceTimersByTimeAsync(10_000);
  }
  await source.fail('no answer');
  source.news();
  const read = life.readAgain();
  await settle();
  expect(source.news()).toEqual(['follow', 'list']);
  await source.fail('no answer');
  await read;
});

test.each([
  ['a list', async () => {}],
  [
    'a look',
    async (source: HandSource) => {
      await source.answer();
      source.events!.changed('a');
      await settle();
    },
  ],
  ['a pause', (source: HandSource) => source.fail('no answer')],
  ['waiting for events', (source: HandSource) => source.answer()],
] as const)('ends at once in the middle of %s', async (_, arrange) => {
  const source = new HandSource();
  const { ended, ending, told } = await begin(source);
  await arrange(source);
  const before = [...told];
  ending.abort();
  await ended;
  expect(told).toEqual(before);
  expect(vi.getTimerCount()).toBe(0);
});
