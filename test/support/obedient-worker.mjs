// A stand-in for the data plane worker: does what its snapshot tells it, so that tests can have it fail.
import { parentPort, workerData } from 'node:worker_threads';

const wish = (snapshot) => Object.keys(snapshot.services ?? {})[0];
parentPort.postMessage({ kind: 'ready', version: workerData.snapshot.version });
if (wish(workerData.snapshot) === 'crash')
  setImmediate(() => {
    throw new Error('asked to crash');
  });
parentPort.on('message', (message) => {
  if (message.kind === 'ping') parentPort.postMessage({ kind: 'pong', id: message.id, externalBytes: 0 });
  if (message.kind === 'cell') {
    const { cell, version } = message.update;
    parentPort.postMessage({ kind: 'has', cell, version });
  }
  if (message.kind === 'drain') parentPort.postMessage({ kind: 'drained', aborted: 0 });
  if (message.kind !== 'delta') return;
  const { version, digest, changed } = message.delta;
  switch (wish(changed)) {
    case 'refuse':
      parentPort.postMessage({ kind: 'nack', version, reason: 'asked to refuse' });
      return;
    case 'crash-once':
      throw new Error('asked to crash once');
    case 'hoard':
      for (const externalBytes of [600, 700, 1_100, 900, 1_100, 1_100]) {
        parentPort.postMessage({ kind: 'pong', id: 0, externalBytes: externalBytes * 1024 * 1024 });
      }
      return;
    case 'exhaust': {
      const hoard = [];
      for (;;) hoard.push('x'.repeat(2 ** 20).split(''));
    }
    default:
      parentPort.postMessage({ kind: 'ack', version, digest, buildMs: 0 });
  }
});
