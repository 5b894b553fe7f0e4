// `signalbox demo --origins`: servers to talk to, for a router that one configures oneself.

import { SignalboxError } from '../../core/errors.ts';
import type { Arguments } from '../arguments.ts';
import { EXIT_OK, type Io } from '../io.ts';
import { startEchoOrigin, type EchoOrigin } from './echo-origin.ts';

const PORTS = '9001,9002';
const MAX_PORT = 65_535;

export async function demoOrigins(args: Arguments, io: Io): Promise<number> {
  const ports = portsOf(args.flags.get('ports')?.[0] ?? PORTS);
  const origins: EchoOrigin[] = [];
  try {
    for (const port of ports) origins.push(await listen(port));
    const addresses = origins.map((origin) => `  http://127.0.0.1:${origin.port}\n`).join('');
    io.err(`Servers that answer with what they were asked:

${addresses}
/status/404 answers with that status, /wait/5 after five seconds, a WebSocket with one message.
Leave this running, and go on in another terminal. Ctrl-C ends it.
`);
    await ending();
    return EXIT_OK;
  } finally {
    for (const origin of origins) origin.close();
  }
}

function portsOf(text: string): readonly number[] {
  return text.split(',').map((word) => {
    const port = Number(word);
    if (/^\d+$/.test(word.trim()) && port <= MAX_PORT) return port;
    throw new SignalboxError(
      'ERR_CLI_USAGE',
      `demo: --ports takes ports from 1 to ${MAX_PORT}, as in --ports ${PORTS}, or 0 for any; found "${word}"`,
    );
  });
}

async function listen(port: number): Promise<EchoOrigin> {
  try {
    return await startEchoOrigin(port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // Of the system.
    const reason = code === 'EADDRINUSE' ? 'somebody listens there already' : `it cannot be had (${code})`;
    throw new SignalboxError(
      'ERR_LISTEN_FAILED',
      `demo: 127.0.0.1:${port}: ${reason}; name other ports, as in "signalbox demo --origins --ports ${port + 100},${port + 101}", and write them in your configuration`,
      { cause: error },
    );
  }
}

function ending(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.removeAllListeners(name);
      process.once(name, () => resolve());
    }
  });
}
