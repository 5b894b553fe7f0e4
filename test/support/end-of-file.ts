// Runs before every test file: gives what the file starts a mark, and ends what is left of it after the last test. That
// is something only when a test failed or timed out, or forgot about it.

import { afterAll } from 'vitest';
import { endMarked, MARK, RUN } from './marked-processes.ts';

const mark = `${process.env[RUN] ?? 'alone'}/${process.pid}`;
process.env[MARK] = mark;

afterAll(async () => {
  const left = await endMarked(mark);
  if (left.length > 0) process.stderr.write(`still running after the last test, and ended:\n${left.join('\n')}\n`);
});
