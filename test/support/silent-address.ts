// An address that swallows packets: connecting to it is neither refused nor answered.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./full-listener.mjs', import.meta.url));
/** The kernel keeps one more than was asked for. */
const QUEUED = 2;

export async function silence(host: string, port: number): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, [PROGRAM, host, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const fillers = Array.from({ length: QUEUED }, () => net.connect({ host, port }));
  for (const filler of fillers) filler.on('error', () => {});
  await Promise.all(fillers.map((filler) => once(filler, 'connect')));
  return {
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
