// Programs of other people that tests run beside the router: found on the path, started on loopback with a
// configuration of their own, and ended by their process ids.

import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import net from 'node:net';
import { delimiter, join } from 'node:path';
import { cleanEnvironment } from './marked-processes.ts';

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

export interface EngineOptions {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** What it says when it is ready. */
  readonly ready: RegExp;
  /** Ports of 127.0.0.1 that it opens only after it has said so: it is ready when each of them takes a connection. */
  readonly opens?: readonly number[];
}

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
      env: cleanEnvironment(options.environment),
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
    });
    const engine = new Engine(child);
    const ended = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('close', () => reject(new Error(`${name} ended:\n${engine.#said}`)));
    });
    const spoken = new Promise<void>((resolve) => {
      const heard = (chunk: Buffer): void => {
        engine.#said += chunk.toString();
        if (options.ready.test(engine.#said)) resolve();
      };
      child.stdout!.on('data', heard);
      child.stderr!.on('data', heard);
    });
    await Promise.race([spoken, ended]);
    for (const port of options.opens ?? []) {
      while (!(await Promise.race([takesConnections(port), ended])));
    }
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

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
