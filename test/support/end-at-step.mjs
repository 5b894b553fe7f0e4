// Preloaded into the program: sends it the signal of STEP_SIGNAL at the step STEP, counted from its first line on, and
// ends it with SIGTERM when it serves, unless that was the signal. A step is the beginning of anything asynchronous: a
// file that is read, a socket, a promise, a thread. Says at the end how many there were before it served.
import { createHook } from 'node:async_hooks';
import { writeSync } from 'node:fs';

const step = Number(process.env.STEP ?? 'Infinity');
let steps = -1;
let isEnding = false;

function send(name) {
  if (isEnding) return;
  isEnding = name === 'SIGTERM';
  if (isEnding) hook.disable();
  process.kill(process.pid, name);
}

const hook = createHook({
  init() {
    if (++steps === step) send(process.env.STEP_SIGNAL);
  },
});
process.on('newListener', (name) => {
  if (name !== 'SIGTERM' || steps >= 0) return;
  steps = 0;
  // Once the listener is there.
  process.nextTick(() => hook.enable());
});
const write = process.stderr.write.bind(process.stderr);
process.stderr.write = (text, ...rest) => {
  if (/\d+ middlewares?\n/.test(text)) send('SIGTERM');
  return write(text, ...rest);
};
process.on('exit', () => writeSync(2, `steps: ${steps}\n`));
