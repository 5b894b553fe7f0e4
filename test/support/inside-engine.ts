// Programs that run in the network of a test's Docker engine, as its clients and its host's processes do.

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import type { DockerEngine } from './docker-engine.ts';
import { cleanEnvironment } from './marked-processes.ts';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The caller ends it. */
export function spawnInside(
  engine: DockerEngine,
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  const [enter, ...words] = [...engine.inside, program, ...args];
  const own = { DOCKER_HOST: `unix://${engine.socket}`, HOME: engine.directory };
  return spawn(enter!, words, { stdio: 'pipe', env: cleanEnvironment({ ...own, ...environment }) });
}

export async function runInside(
  engine: DockerEngine,
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = spawnInside(engine, program, args, environment);
  child.stdin.end();
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Settles when the container has said it; rejects when it ends before. */
export async function containerSays(engine: DockerEngine, name: string, text: RegExp): Promise<void> {
  const logs = spawnInside(engine, 'docker', ['logs', '--follow', name]);
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const heard = (chunk: Buffer): void => {
      said += chunk.toString();
      if (text.test(said)) resolve();
    };
    logs.stdout.on('data', heard);
    logs.stderr.on('data', heard);
    logs.once('close', () => reject(new Error(`${name} ended before it said ${String(text)}:\n${said}`)));
  });
  const closed = once(logs, 'close');
  logs.kill('SIGKILL');
  await closed;
}
