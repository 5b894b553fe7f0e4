// Runs once, before the first test file: names the run, and starts the process that ends what is left of it, however
// the run itself ends.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { imagePath } from './container-image.ts';
import { RUN } from './marked-processes.ts';

const REAPER = fileURLToPath(new URL('reaper.ts', import.meta.url));

export default function setUp(): () => Promise<void> {
  const run = `${process.pid}.${Date.now()}`;
  process.env[RUN] = run;
  // In a group of its own: Ctrl-C ends the runner, and the reaper works when the runner is gone.
  const reaper = spawn(process.execPath, ['--import', 'jiti/register', REAPER, run], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  return async () => {
    const ended = once(reaper, 'exit');
    reaper.stdin.end();
    await ended;
    // Made by one of the files for all of them.
    for (const ending of ['', '.lock', '.part']) rmSync(imagePath(run) + ending, { force: true });
  };
}
