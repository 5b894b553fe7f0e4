import { expect, test } from 'vitest';
import { SerialRunner } from './serial.ts';

/** What is logged as an error, by message. */
function recorder(): { readonly log: ConstructorParameters<typeof SerialRunner>[0]; readonly said: string[] } {
  const said: string[] = [];
  const error = (message: string, fields?: Readonly<Record<string, unknown>>): void => {
    said.push(`${message}: ${String(fields?.['error']).split('\n')[0]}`);
  };
  return { log: { debug() {}, info() {}, warn() {}, error }, said };
}

test('work runs in the order it was asked for, each piece when the one before is done', async () => {
  const runner = new SerialRunner(recorder().log, 'failed');
  const steps: string[] = [];
  let release = (): void => {};
  const first = runner.run(async () => {
    steps.push('first begins');
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    steps.push('first ends');
  });
  const second = runner.run(() => {
    steps.push('second');
    return Promise.resolve();
  });
  expect(runner.isIdle).toBe(false);
  await Promise.resolve();
  expect(steps).toEqual(['first begins']);
  release();
  await first;
  await second;
  expect(steps).toEqual(['first begins', 'first ends', 'second']);
  expect(runner.isIdle).toBe(true);
});

test('what fails is logged with its place, rejects nobody, and the next piece runs', async () => {
  const { log, said } = recorder();
  const runner = new SerialRunner(log, 'the files cannot be read');
  const rejects = runner.run(() => Promise.reject(new Error('broken')));
  const throws = runner.run(() => {
    throw new TypeError('worse');
  });
  let hasRun = false;
  void runner.run(() => {
    hasRun = true;
    return Promise.resolve();
  });
  await expect(Promise.all([rejects, throws])).resolves.toBeDefined();
  await runner.settled;
  expect(said).toEqual(['the files cannot be read: Error: broken', 'the files cannot be read: TypeError: worse']);
  expect(hasRun && runner.isIdle).toBe(true);
});

test('settled is about what was asked for so far', async () => {
  const runner = new SerialRunner(recorder().log, 'failed');
  await runner.settled;
  let isDone = false;
  void runner.run(async () => {
    await Promise.resolve();
    isDone = true;
  });
  await runner.settled;
  expect(isDone).toBe(true);
});
