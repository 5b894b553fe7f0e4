// The last step of the process. Node waits for every thread before it exits, and a thread inside a call of the system
// does not end: first what it waits for is ended, and if that is no process, the process goes by a signal, which takes
// all threads with it.

import { killChildrenOf, otherThreads } from './stuck-thread.ts';

const FREED_MS = 500;
const LOOK_MS = 20;

/** Settles when no thread keeps the process from exiting. It may not come back. */
export async function endThreads(
  router: { readonly hasThreads: boolean; kill(): void },
  io: { err(text: string): void },
): Promise<void> {
  if (!router.hasThreads) return;
  // What runs JavaScript ends at once.
  router.kill();
  if (await isFree(router)) return;
  killChildrenOf(otherThreads());
  if (await isFree(router)) return;
  io.err('a thread waits inside a call of the system and cannot be ended: the process ends by SIGTERM\n');
  // Without a listener the signal does what it is for.
  process.removeAllListeners('SIGTERM');
  process.kill(process.pid, 'SIGTERM');
  process.kill(process.pid, 'SIGKILL');
}

async function isFree(router: { readonly hasThreads: boolean }): Promise<boolean> {
  for (let waitedMs = 0; router.hasThreads && waitedMs < FREED_MS; waitedMs += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return !router.hasThreads;
}
