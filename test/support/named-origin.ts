// A server that says its name, keeps count, and can be made sick, closed and opened again at the same port.

import http from 'node:http';
import type { Socket } from 'node:net';
import { holdPort } from './ports.ts';

export class NamedOrigin {
  readonly name: string;
  /** Requests but those under /health, as `METHOD path`. */
  readonly requests: string[] = [];
  /** Those under /health, with their fields. */
  readonly checks: http.IncomingMessage[] = [];
  /** Status of requests, and of checks. */
  status = 200;
  health = 200;
  /** Fields of answers to checks. */
  healthFields: Readonly<Record<string, string>> = {};
  /** Requests wait for it before they are answered. */
  gate: Promise<void> | null = null;
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<() => void>();
  /** Nobody else gets it while this one is closed. */
  readonly #port = holdPort();

  private constructor(name: string) {
    this.name = name;
    this.#server = http.createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(name: string): Promise<NamedOrigin> {
    const origin = new NamedOrigin(name);
    await origin.open();
    return origin;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#watchers.delete(wake);
          resolve();
        };
        this.#watchers.add(wake);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close();
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const isCheck = request.url!.startsWith('/health');
    if (isCheck) this.checks.push(request);
    else this.requests.push(`${request.method!} ${request.url!}`);
    for (const watcher of this.#watchers) watcher();
    if (!isCheck && this.gate !== null) await this.gate;
    response.writeHead(isCheck ? this.health : this.status, isCheck ? this.healthFields : {});
    response.end(this.name);
  }
}
