// The real worker, which crashes when it is asked for its memory.
import { parentPort } from 'node:worker_threads';

parentPort.on('message', (message) => {
  if (message.kind === 'memory') throw new Error('asked to crash');
});
await import('../../dist/dataplane/engine/worker.js');
