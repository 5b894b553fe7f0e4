// Which thread goes first where both want the same core. On Linux the priority of the process id is that of the main
// thread alone, and children begin with that of the thread that starts them; elsewhere it would be everybody's, and
// nothing is done.

import { getPriority, setPriority } from 'node:os';

/**
 * Of the main thread, after the workers have started. bench/load, changes: halves what a large change adds to the p99.
 */
const MAIN_THREAD_NICENESS = 15;

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
