import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

/** Only a hang takes so long: no test depends on how fast the machine is or on what else runs there. */
const HANG_MS = 600_000;

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Many tests wait for something most of the time: more files at once than a small machine has cores, and no more on
    // a large one, where each starts routers with several threads.
    maxWorkers: 4,
    testTimeout: HANG_MS,
    hookTimeout: HANG_MS,
    teardownTimeout: HANG_MS,
    // Ends a little earlier, so that what was expected is in the message.
    expect: { poll: { timeout: HANG_MS - 30_000, interval: 20 } },
    globalSetup: ['test/support/whole-run.ts'],
    setupFiles: ['test/support/end-of-file.ts'],
    sequence: { sequencer: LongestFirst },
    reporters: ['default', './test/support/totals-reporter.ts'],
  },
});
