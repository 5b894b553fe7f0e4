// The obedient worker, which does not come to serve a snapshot that says so, and whose first one crashes when it is
// told to.
import { parentPort, workerData } from 'node:worker_threads';

if (Object.keys(workerData.snapshot.services)[0] === 'none-begins') throw new Error('no process can begin (EAGAIN)');
if (workerData.slot === 0) {
  parentPort.on('message', (message) => {
    if (message.kind !== 'delta' || Object.keys(message.delta.changed.services ?? {})[0] !== 'crash-first') return;
    throw new Error('asked to crash');
  });
}
await import('./obedient-worker.mjs');
