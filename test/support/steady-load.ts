// Clients that ask without a pause until they are told to stop, over kept connections and new ones, and count what went
// wrong: a connection that is refused or reset, an answer that is cut off, a status other than 200.

import net from 'node:net';
import tls from 'node:tls';

export interface SteadyLoadOptions {
  readonly port: number;
  /** Connections that stay, one request after the other. */
  readonly kept: number;
  /** Clients that connect anew for every request. */
  readonly fresh: number;
  readonly tls?: boolean;
}

export class SteadyLoad {
  readonly failures: string[] = [];
  /** Connections that a server has ended in order, with `Connection: close`. */
  renewed = 0;
  answered = 0;
  readonly #options: SteadyLoadOptions;
  readonly #running: Promise<unknown>;
  readonly #watchers = new Set<() => void>();
  #isStopping = false;

  constructor(options: SteadyLoadOptions) {
    this.#options = options;
    this.#running = Promise.all([
      ...Array.from({ length: options.kept }, () => this.#keepAsking('keep-alive')),
      ...Array.from({ length: options.fresh }, () => this.#keepAsking('close')),
    ]);
  }

  /** Settles when that many more requests have been answered. */
  async more(count: number): Promise<void> {
    const goal = this.answered + count;
    while (this.answered < goal) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #keepAsking(connection: string): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#useOneConnection(connection);
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  }

  /** Asks on one connection until it is to end. */
  #useOneConnection(connection: string): Promise<void> {
    const { port } = this.#options;
    const request = `GET /load HTTP/1.1\r\nHost: load.test\r\nConnection: ${connection}\r\n\r\n`;
    return new Promise((resolve, reject) => {
      const socket =
        this.#options.tls === true
          ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername: 'load.test' })
          : net.connect({ port, host: '127.0.0.1', noDelay: true });
      let received = '';
      let isOwed = true;
      let isOver = false;
      const end = (error?: Error): void => {
        if (isOver) return;
        isOver = true;
        socket.destroy();
        if (error === undefined) resolve();
        else reject(error);
      };
      socket.once(this.#options.tls === true ? 'secureConnect' : 'connect', () => socket.write(request));
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('latin1');
        const headEnd = received.indexOf('\r\n\r\n');
        if (headEnd < 0) return;
        const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
        if (received.length < headEnd + 4 + length) return;
        isOwed = false;
        if (!received.startsWith('HTTP/1.1 200 ')) {
          end(new Error(`answered ${received.split('\r\n')[0]}`));
          return;
        }
        this.answered++;
        for (const wake of this.#watchers) wake();
        this.#watchers.clear();
        const isLast = /^connection: close/im.test(received.slice(0, headEnd));
        if (isLast && connection === 'keep-alive') this.renewed++;
        if (isLast || this.#isStopping) {
          end();
          return;
        }
        received = '';
        isOwed = true;
        socket.write(request);
      });
      socket.on('error', (error) => end(new Error(`${connection}: ${error.message}`)));
      socket.on('close', () => {
        end(isOwed ? new Error(`${connection}: closed before an answer, after ${received.length} bytes`) : undefined);
      });
    });
  }
}
