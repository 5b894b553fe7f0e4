// Which processes a run of the tests has started: they, their children and their successors carry a mark in their
// environment, by which what is left of a failed or timed-out test is found and ended by its process id.

import { readdir, readFile } from 'node:fs/promises';

/** Names that the router does not read. The first one tells the runner's own workers which run they belong to. */
export const RUN = 'ROUTER_TEST_RUN';
/** `<run>/<test file's process>`, on what a test file starts. */
export const MARK = 'ROUTER_TEST_MARK';

/** Environment for a child that is to know nothing of ours: the path, the mark and what is given. */
export function cleanEnvironment(given: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', [MARK]: process.env[MARK] ?? '', ...given };
}

/** Ends every process whose mark begins so and answers what they were. Where there is no /proc, nothing is found. */
export async function endMarked(mark: string): Promise<readonly string[]> {
  const ended: string[] = [];
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    // Gone, or of another user: none of ours. The environment of a process that has ended is empty.
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    if (!environment.split('\0').some((variable) => variable.startsWith(`${MARK}=${mark}`))) continue;
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    try {
      process.kill(Number(pid), 'SIGKILL');
      ended.push(`${pid} ${words.replaceAll('\0', ' ').trim()}`);
    } catch {
      // It has ended by itself.
    }
  }
  return ended;
}
