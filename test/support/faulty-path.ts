// What stands between a program and the source that it listens to, and does to their connections what networks and
// broken servers do: it breaks them, keeps them waiting, answers nonsense, loses what is told on a stream.

import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';

export type Fault =
  | 'none'
  /** Connections are accepted and closed. */
  | 'refuses'
  /** Nothing passes, in either direction, on connections old and new. */
  | 'hangs'
  /** Whatever is asked is answered with what nobody can read. */
  | 'garbage'
  /** Every question is answered with an error of the server. */
  | 'error'
  /** What comes on streams is lost; everything else passes. */
  | 'loses events';

export interface FaultyPathOptions {
  /** A socket, or a port of loopback. */
  readonly target: string | number;
  /** Where it listens: a socket; a port of its own when left out. */
  readonly path?: string;
  /** How a request begins whose answer is a stream that has no end. */
  readonly stream: RegExp;
}

const ANSWERS: Readonly<Partial<Record<Fault, string>>> = {
  garbage: 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"what": ',
  error: 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops',
};

interface Pair {
  readonly near: net.Socket;
  readonly far: net.Socket;
  isStream: boolean;
}

export class FaultyPath implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #options: FaultyPathOptions;
  readonly #pairs = new Set<Pair>();
  #fault: Fault = 'none';
  /** Connections so far. */
  accepted = 0;
  /** What was lost of streams, in pieces. */
  lost = 0;

  private constructor(options: FaultyPathOptions) {
    this.#options = options;
    this.#server = net.createServer((near) => this.#accept(near));
  }

  static async start(options: FaultyPathOptions): Promise<FaultyPath> {
    const path = new FaultyPath(options);
    path.#server.listen(options.path ?? { port: 0, host: '127.0.0.1' });
    await once(path.#server, 'listening');
    return path;
  }

  /** Where it listens on no socket. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes effect at once, on connections that stand as well. */
  set fault(fault: Fault) {
    this.#fault = fault;
    for (const pair of this.#pairs) this.#apply(pair);
  }

  /** Ends every connection that stands. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
    if (this.#options.path !== undefined) await rm(this.#options.path, { force: true });
  }

  #accept(near: net.Socket): void {
    this.accepted++;
    if (this.#fault === 'refuses') {
      near.destroy();
      return;
    }
    const { target } = this.#options;
    const far = typeof target === 'string' ? net.connect(target) : net.connect(target, '127.0.0.1');
    const pair: Pair = { near, far, isStream: false };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
    near.on('data', (chunk: Buffer) => this.#asked(pair, chunk));
    far.on('data', (chunk: Buffer) => this.#answered(pair, chunk));
    this.#apply(pair);
  }

  #apply({ near, far, isStream }: Pair): void {
    const isHeld = this.#fault === 'hangs';
    for (const socket of [near, far]) {
      if (isHeld) socket.pause();
      else socket.resume();
    }
    // A stream that stands would hear nothing of it.
    if (this.#fault === 'refuses' || (isStream && ANSWERS[this.#fault] !== undefined)) near.destroy();
  }

  #asked(pair: Pair, chunk: Buffer): void {
    pair.isStream ||= this.#options.stream.test(chunk.toString('latin1'));
    const answer = ANSWERS[this.#fault];
    if (answer === undefined) pair.far.write(chunk);
    else pair.near.write(answer);
  }

  #answered({ near, isStream }: Pair, chunk: Buffer): void {
    // The head has to come, or nothing has begun.
    const isHead = chunk.subarray(0, 5).toString('latin1') === 'HTTP/';
    if (this.#fault === 'loses events' && isStream && !isHead) this.lost++;
    else near.write(chunk);
  }
}
