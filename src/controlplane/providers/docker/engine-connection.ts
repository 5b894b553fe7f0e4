// How connections to an engine are made: node's own for sockets and addresses, and for ssh the standard streams of
// `docker system dial-stdio` on the other machine, as the docker command does it.

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { Agent as HttpAgent, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Duplex } from 'node:stream';
import type { EngineEndpoint } from './engine-endpoint.ts';

export interface EngineTls {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly insecureSkipVerify: boolean;
}

/** What a few inspections at a time and the stream of events take. */
const MAX_SOCKETS = 12;
/** Less than the proxies in between keep an idle connection. */
const IDLE_MS = 5_000;
const MAX_SAID = 2_000;

export interface EngineDoor {
  readonly agent: HttpAgent | HttpsAgent;
  /** What a request says beside its path. */
  readonly target: ClientRequestArgs;
  readonly isTls: boolean;
  readonly base: string;
}

/** `ssh` is the program that is started for ssh endpoints. */
export function openDoor(endpoint: EngineEndpoint, tls: EngineTls | null, ssh = 'ssh'): EngineDoor {
  const keep = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_MS };
  switch (endpoint.kind) {
    case 'unix':
      return {
        agent: new HttpAgent(keep),
        target: { socketPath: endpoint.path, host: 'docker' },
        isTls: false,
        base: '',
      };
    case 'ssh':
      return {
        agent: new CommandAgent(keep, ssh, sshArguments(endpoint)),
        target: { host: 'docker' },
        isTls: false,
        base: '',
      };
    case 'tcp': {
      const { host, port, isTls, base } = endpoint;
      const target = { host, port };
      if (!isTls) return { agent: new HttpAgent(keep), target, isTls, base };
      const secure = {
        ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
        ...(tls?.key === undefined ? {} : { key: tls.key }),
        rejectUnauthorized: tls?.insecureSkipVerify !== true,
      };
      return { agent: new HttpsAgent({ ...keep, ...secure }), target, isTls, base };
    }
  }
}

function sshArguments({ user, host, port, path }: Extract<EngineEndpoint, { kind: 'ssh' }>): readonly string[] {
  return [
    // Nobody is there to answer a question, and no terminal is wanted.
    '-o', 'BatchMode=yes',
    '-o', 'ConnectTimeout=30',
    '-T',
    ...(user === '' ? [] : ['-l', user]),
    ...(port === '' ? [] : ['-p', port]),
    '--',
    host,
    'docker',
    ...(path === '' ? [] : [`--host=unix://${path}`]),
    'system',
    'dial-stdio',
  ]; // prettier-ignore
}

class CommandAgent extends HttpAgent {
  readonly #program: string;
  readonly #args: readonly string[];

  constructor(options: ConstructorParameters<typeof HttpAgent>[0], program: string, args: readonly string[]) {
    super(options);
    this.#program = program;
    this.#args = args;
  }

  override createConnection(): Duplex {
    return new CommandStream(this.#program, this.#args);
  }
}

/** Standard input and output of a program as one connection. It ends with the connection, and the other way round. */
class CommandStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  #said = '';

  constructor(program: string, args: readonly string[]) {
    super();
    const child = spawn(program, args, { stdio: 'pipe' });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (this.#said.length < MAX_SAID) this.#said += chunk.toString();
    });
    // That it reads no more is told with what it says as it ends.
    child.stdin.on('error', () => {});
    child.once('error', (error) => this.destroy(new Error(`${program} cannot be run: ${error.message}`)));
    child.once('close', (code) => {
      if (code === 0) this.push(null);
      else this.destroy(new Error(`${program} has ended with ${code ?? 'a signal'}: ${this.#lastWords()}`));
    });
  }

  #lastWords(): string {
    const lines = this.#said.split('\n').filter((line) => line.trim() !== '');
    return lines.at(-1)?.trim() ?? 'it said nothing';
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill('SIGTERM');
    done(error);
  }

  // What an agent asks of a socket, and a program has not.
  setKeepAlive(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    this.#child.ref();
    return this;
  }
  unref(): this {
    this.#child.unref();
    return this;
  }
}
