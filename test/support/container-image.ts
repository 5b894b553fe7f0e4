// The container image of this checkout, as a file: made once in a run of the tests, by whichever file needs it first,
// while the others wait.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, RUN } from './marked-processes.ts';

const BUILD = fileURLToPath(new URL('../../deploy/image/build.sh', import.meta.url));
/** What building it needs, beside what the package itself does. */
export const BUILDERS = ['mmdebstrap', 'strip', 'flock'] as const;

/** Of this run. */
export function imagePath(run = process.env[RUN] ?? ''): string {
  const name = createHash('sha256').update(`${BUILD} ${run}`).digest('hex').slice(0, 16);
  return join(tmpdir(), `signalbox-image-${name}.tar`);
}

const ONCE = `[ -f "$1" ] || { "$2" "$1.part" && mv "$1.part" "$1"; }`;

export async function imageFile(): Promise<string> {
  const path = imagePath();
  const child = spawn('flock', [`${path}.lock`, 'sh', '-c', ONCE, 'sh', path, BUILD], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment({ HOME: process.env['HOME'] ?? tmpdir() }),
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the image cannot be made:\n${said}`);
  return path;
}
