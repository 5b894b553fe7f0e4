// Which thread goes first where both want the same core. On Linux the priority of the process id is that of the main
// thread alone, and children begin with that of the thread that starts them; elsewhere it would be everybody's, and
// nothing is done.

import { getPriority, setPriority } from 'node:os';

/**
 * Of the main thread, after the workers have started: a third of a worker's weight (sched_prio_to_weight of Linux). It
 * must not be much less: where other programs want the processor as well, the thread that checks servers, answers the
 * API and takes changes would hardly run at all. With 15, a change was not in force after 50 s beside eight busy
 * programs on two cores.
 */
const MAIN_THREAD_NICENESS = 5;

/** Lets the scheduler prefer requests to configuration. */
export function yieldToWorkers(): void {
  setNiceness(MAIN_THREAD_NICENESS);
}

/** What `start` starts gets the priority this thread began with, where the system allows to take it back. */
export function atNormalPriority<T>(start: () => T): T {
  const niceness = process.platform === 'linux' ? getPriority(process.pid) : 0;
  if (niceness > 0) setNiceness(0);
  try {
    return start();
  } finally {
    if (niceness > 0) setNiceness(niceness);
  }
}

function setNiceness(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(process.pid, niceness);
  } catch {
    // Not allowed here: everything works, with less even response times during large changes, or a slower start.
  }
}
