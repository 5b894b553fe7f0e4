// A thread inside a call of the system runs no JavaScript and cannot be ended. Mostly it waits for a child process, as
// `execSync` does: when the child is gone, it is free.

import { readdirSync, readFileSync } from 'node:fs';

const TASKS = '/proc/self/task';

/** Threads of this process but the main one, as the kernel numbers them; none where there is no such list. */
export function otherThreads(): readonly number[] {
  return namesIn(TASKS)
    .map(Number)
    .filter((id) => id !== process.pid);
}

/** Kills the child processes that the threads have begun, with all of theirs. Returns how many that were. */
export function killChildrenOf(threads: readonly number[]): number {
  let killed = 0;
  const kill = (pids: readonly number[]): void => {
    for (const pid of pids) {
      // Its children first: they would be somebody else's when it is gone.
      kill(namesIn(`/proc/${pid}/task`).flatMap((task) => childrenOf(`/proc/${pid}/task/${task}`)));
      try {
        process.kill(pid, 'SIGKILL');
        killed++;
      } catch {
        // Gone by itself.
      }
    }
  };
  kill(threads.flatMap((thread) => childrenOf(`${TASKS}/${thread}`)));
  return killed;
}

function childrenOf(task: string): readonly number[] {
  try {
    const text = readFileSync(`${task}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
