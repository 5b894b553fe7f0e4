// A router and its successors, one after the other, in one scratch directory. Each takeover is asked for by the built
// program's own command; the one that serves is ended by its process id.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand, type CommandResult } from './command.ts';
import { cleanEnvironment } from './marked-processes.ts';
import { quietDefaults } from './router.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface SuccessionOptions {
  /** Text of signalbox.yml; `DIR` stands for the scratch directory. */
  readonly install: string;
  readonly workers?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** A shell that becomes the first process, as in `exec "$@"`. */
  readonly shell?: string;
}

export class Succession implements AsyncDisposable {
  readonly directory: string;
  /** Exit code of the first process. */
  readonly firstExited: Promise<number | null>;
  /** Serves at the moment. */
  pid: number;
  readonly #child: ChildProcess;
  readonly #options: SuccessionOptions;
  #said = '';
  readonly #watchers = new Set<() => void>();

  private constructor(child: ChildProcess, directory: string, options: SuccessionOptions) {
    this.#child = child;
    this.#options = options;
    this.directory = directory;
    this.pid = child.pid!;
    // Successors have the same standard error, which ends with the last of them.
    this.firstExited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
      for (const wake of this.#watchers) wake();
    });
    child.stderr!.on('close', () => {
      for (const wake of this.#watchers) wake();
    });
  }

  static async start(options: SuccessionOptions): Promise<Succession> {
    const directory = await mkdtemp(join(tmpdir(), 'signalbox-takeover-'));
    const config = join(directory, 'signalbox.yml');
    await writeFile(config, options.install.replaceAll('DIR', directory));
    const command = [process.execPath, MAIN, ...argsOf(config, options)];
    const [program, ...args] = options.shell === undefined ? command : ['sh', '-c', options.shell, 'sh', ...command];
    const child = spawn(program!, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: cleanEnvironment({ ...quietDefaults(options.install), ...options.environment }),
    });
    const succession = new Succession(child, directory, options);
    await succession.sees(/\d+ middlewares?\n/);
    return succession;
  }

  get ports(): Record<string, number> {
    const found = this.#said.matchAll(/^ {2}(\S+)\s+(?:https?|tcp|udp):\/\/\S+?:(\d+)$/gm);
    return Object.fromEntries([...found].map((match) => [match[1]!, Number(match[2])]));
  }

  said(): string {
    return this.#said;
  }

  async write(install: string): Promise<void> {
    await writeFile(join(this.directory, 'signalbox.yml'), install.replaceAll('DIR', this.directory));
  }

  async sees(text: string | RegExp): Promise<void> {
    const isThere = (): boolean => (typeof text === 'string' ? this.#said.includes(text) : text.test(this.#said));
    while (!isThere()) {
      if (this.#child.stderr!.destroyed) throw new Error(`all ended before one said ${String(text)}:\n${this.#said}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#watchers.delete(wake);
          resolve();
        };
        this.#watchers.add(wake);
      });
    }
  }

  /** Asks for a takeover with these arguments more, and notes who serves then. */
  async takeOver(
    more: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<CommandResult> {
    const config = join(this.directory, 'signalbox.yml');
    const result = await runCommand([...argsOf(config, this.#options), '--takeover', ...more], {
      environment: { ...quietDefaults(this.#options.install), ...environment },
    });
    const pid = /process (\d+) serves now/.exec(result.stderr)?.[1];
    if (pid !== undefined) this.pid = Number(pid);
    return result;
  }

  /** Settles when every process has ended. */
  async end(): Promise<void> {
    if (isAlive(this.pid)) process.kill(this.pid, 'SIGTERM');
    await this.#allEnded();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of [this.pid, this.#child.pid!]) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await this.#allEnded();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #allEnded(): Promise<void> {
    while (!this.#child.stderr!.destroyed) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
    await this.firstExited;
  }
}

function argsOf(config: string, { workers = 1, args = [] }: SuccessionOptions): readonly string[] {
  return ['run', '--config', config, '--workers', String(workers), ...args];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
