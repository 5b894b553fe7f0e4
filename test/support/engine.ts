// Programs of other people that tests run beside the router: found on the path, started on loopback with a configuration of
// their own, and ended by their process ids.

import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { accessSync, constants } from 'node:fs';
import net from 'node:net';
import { delimiter, join } from 'node:path';

/** Null when it is not there. */
export function findProgram(name: string): string | null {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const place of places) {
    const path = join(place, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next place.
    }
  }
  return null;
}

/** What to install, or null when everything is there. */
export function missingPrograms(...names: readonly string[]): string | null {
  const missing = names.filter((name) => findProgram(name) === null);
  return missing.length === 0 ? null : `skipped: ${missing.join(' and ')} not installed`;
}

/** Ports of loopback that are free for TCP and UDP at the moment. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found: number[] = [];
  const open: { close(): void }[] = [];
  while (found.length < count) {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push(server);
    const { port } = server.address() as net.AddressInfo;
    const socket = createSocket('udp4');
    const isFree = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    open.push(socket);
    found.push(port);
  }
  for (const one of open) one.close();
  return found;
}

export interface EngineOptions {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** What it says when it is ready. */
  readonly ready: RegExp;
}

const READY_TIMEOUT_MS = 15_000;

export class Engine implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #said = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('close', () => resolve()));
  }

  /** Rejects with everything it said when it ends before it is ready. */
  static async start(name: string, options: EngineOptions): Promise<Engine> {
    const path = findProgram(name);
    if (path === null) throw new Error(`${name} is not installed`);
    const child = spawn(path, options.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', ...options.environment },
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
    });
    const engine = new Engine(child);
    const late = setTimeout(() => child.kill('SIGKILL'), READY_TIMEOUT_MS);
    await new Promise<void>((resolve, reject) => {
      const heard = (chunk: Buffer): void => {
        engine.#said += chunk.toString();
        if (options.ready.test(engine.#said)) resolve();
      };
      child.stdout!.on('data', heard);
      child.stderr!.on('data', heard);
      child.once('error', reject);
      child.once('close', () => reject(new Error(`${name} ended:\n${engine.#said}`)));
    }).finally(() => clearTimeout(late));
    return engine;
  }

  said(): string {
    return this.#said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
