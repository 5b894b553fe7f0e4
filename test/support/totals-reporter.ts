// Ends the output of a run: the slowest files, then the totals alone on the last line.

import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

const SLOWEST = 10;

/** The same text is left in the file that `TEST_TOTALS` names, for a script that prints more after the run. */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const text = `${slowest(modules).join('\n')}\n\n${totals(modules)}\n`;
    const file = process.env['TEST_TOTALS'];
    if (file !== undefined) writeFileSync(file, text);
    // Behind everything that others have to say.
    process.once('exit', () => process.stdout.write(text));
  }
}

function slowest(modules: readonly TestModule[]): readonly string[] {
  const timed = modules.map((module) => ({ path: relative(process.cwd(), module.moduleId), ms: msOf(module) }));
  const first = timed.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  return [
    'The slowest files, in seconds:',
    ...first.map(({ path, ms }) => `${(ms / 1000).toFixed(1).padStart(8)}  ${path}`),
  ];
}

function totals(modules: readonly TestModule[]): string {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    let hasFailed = false;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // One that the run was stopped before has not passed.
      counts[state === 'pending' ? 'failed' : state]++;
      hasFailed ||= state === 'failed';
    }
    // A file that could not be loaded, or whose hooks failed.
    if (!hasFailed && module.state() === 'failed') counts.failed++;
  }
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

function msOf(module: TestModule): number {
  const { duration, setupDuration, collectDuration, prepareDuration } = module.diagnostic();
  return duration + setupDuration + collectDuration + prepareDuration;
}
