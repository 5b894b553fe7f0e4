// Starts the built program with a configuration of its own and ends it by its process id.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from './marked-processes.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface RouterProcess {
  readonly pid: number;
  /** Scratch directory; `routing.yml` and other files given are in it. */
  readonly directory: string;
  /** Port by entry point name. */
  readonly ports: Readonly<Record<string, number>>;
  stdout(): string;
  stderr(): string;
  /** Settles when standard error has the text. */
  sees(text: string | RegExp | ((said: string) => boolean)): Promise<void>;
  /** Settles when standard output satisfies the condition. */
  prints(condition: (printed: string) => boolean): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Settles with the exit code. */
  readonly exited: Promise<number | null>;
  /** Name of the signal that ended it, if one did. */
  exitSignal(): NodeJS.Signals | null;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface RouterOptions {
  /** Text of signalbox.yml; `DIR` stands for the scratch directory. */
  readonly install: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly workers?: number;
  /** Further arguments of `run`. */
  readonly args?: readonly string[];
  /** Further variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Limit on open files. */
  readonly openFiles?: number;
  /** For Node itself. */
  readonly nodeArgs?: readonly string[];
  /** A script that takes the place of the program; its arguments are the configuration and the number of workers. */
  readonly script?: URL;
  /** A command in front of it, which gives its process to the program: for another network namespace. */
  readonly inside?: readonly string[];
  /** Wait for the line with the counts; off for starts that should fail. */
  readonly isExpectedToStart?: boolean;
}

export async function startRouter(options: RouterOptions): Promise<RouterProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-test-'));
  for (const [name, text] of Object.entries(options.files ?? {})) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text.replaceAll('DIR', directory));
  }
  const config = join(directory, 'signalbox.yml');
  await writeFile(config, options.install.replaceAll('DIR', directory));
  const workers = String(options.workers ?? 1);
  const args = ['run', '--config', config, '--workers', workers, ...(options.args ?? [])];
  const command = options.script === undefined ? [MAIN, ...args] : [fileURLToPath(options.script), config, workers];
  const whole = [...(options.inside ?? []), process.execPath, ...(options.nodeArgs ?? []), ...command];
  // The shell gives its process to the program.
  const limited = ['/bin/sh', '-c', `ulimit -n ${options.openFiles}; exec "$0" "$@"`, ...whole];
  const [program, ...programArgs] = options.openFiles === undefined ? whole : limited;
  const child = spawn(program!, programArgs, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment({ ...quietDefaults(options.install), ...options.environment }),
  });
  const router = new Running(child, directory);
  if (options.isExpectedToStart !== false) await router.sees(/\d+ middlewares?\n|"msg":"serving"/);
  return router;
}

/**
 * What a test does not name does not come in its way: the internal entry point's own default is a fixed port, which
 * somebody else may have, and the default waits for servers run out on a busy machine, where the origin is the test
 * itself.
 */
export function quietDefaults(install: string): Record<string, string> {
  const hasInternal = /\b(?:api|ping|metrics|rest)\b/.test(install) && !/\btraefik\b/.test(install);
  const waits = 'SIGNALBOX_SERVERSTRANSPORT_FORWARDINGTIMEOUTS_';
  return {
    ...(hasInternal ? { SIGNALBOX_ENTRYPOINTS_TRAEFIK_ADDRESS: '127.0.0.1:0' } : {}),
    ...(install.includes('serversTransport:')
      ? {}
      : { [`${waits}DIALTIMEOUT`]: '1h', [`${waits}RESPONSEHEADERTIMEOUT`]: '1h', [`${waits}READIDLETIMEOUT`]: '1h' }),
  };
}

class Running implements RouterProcess {
  readonly directory: string;
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  readonly #watchers = new Set<() => void>();

  constructor(child: ChildProcess, directory: string) {
    this.#child = child;
    this.directory = directory;
    child.stdout!.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
      this.#wake();
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
      this.#wake();
    });
    this.exited = new Promise((resolve) => {
      child.on('close', (code) => {
        resolve(code);
        this.#wake();
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get ports(): Record<string, number> {
    const found = this.#stderr.matchAll(/^ {2}(\S+)\s+(?:https?|tcp|udp):\/\/\S+?:(\d+)$/gm);
    const logged = this.#stderr.matchAll(/"entryPoint":"([^"]+)","address":"\w+:\/\/\S+?:(\d+)"/g);
    return Object.fromEntries([...found, ...logged].map((match) => [match[1]!, Number(match[2])]));
  }

  stdout(): string {
    return this.#stdout;
  }

  stderr(): string {
    return this.#stderr;
  }

  async sees(text: string | RegExp | ((said: string) => boolean)): Promise<void> {
    const isThere = (): boolean => {
      if (typeof text === 'string') return this.#stderr.includes(text);
      return typeof text === 'function' ? text(this.#stderr) : text.test(this.#stderr);
    };
    await this.#until(isThere, String(text));
  }

  prints(condition: (printed: string) => boolean): Promise<void> {
    return this.#until(() => condition(this.#stdout), String(condition));
  }

  async #until(isThere: () => boolean, what: string): Promise<void> {
    while (!isThere()) {
      if (this.#child.exitCode !== null) throw new Error(`the router ended before it said ${what}:\n${this.#stderr}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#watchers.delete(wake);
          resolve();
        };
        this.#watchers.add(wake);
      });
    }
  }

  exitSignal(): NodeJS.Signals | null {
    return this.#child.signalCode;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.exited;
    await rm(this.directory, { recursive: true, force: true });
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** An install file with one entry point on a free port, the API on another, and everything sent to one server. */
export function simpleInstall(serverPort: number, extra = '', entryPoint = ''): string {
  return `
entryPoints:
  web:
    address: "127.0.0.1:0"
${entryPoint}
  traefik:
    address: "127.0.0.1:0"
ping: {}
api: {}
metrics: { prometheus: { addRoutersLabels: true } }
${extra}
http:
  routers:
    all: { rule: "PathPrefix(\`/\`)", service: origin }
    star: { rule: "Method(\`OPTIONS\`)", service: origin }
  services:
    origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${serverPort}" }] } }
`;
}
