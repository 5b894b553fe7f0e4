// A server that keeps every byte it is sent and answers as it is told.

import net from 'node:net';
import { holdPort } from './ports.ts';

export interface OriginConnection {
  readonly socket: net.Socket;
  /** Everything received so far on this connection. */
  received: string;
  isClosed: boolean;
}

/** Called whenever bytes arrive; writes what it likes. */
export type Respond = (connection: OriginConnection, bytes: string) => void;

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Answers each complete request head; bodies are whatever follows. */
export const answerOk: Respond = (connection, bytes) => {
  const heads = bytes.split('\r\n\r\n').length - 1;
  for (let index = 0; index < heads; index++) connection.socket.write(OK);
};

export class RecordingOrigin {
  readonly connections: OriginConnection[] = [];
  respond: Respond;
  /** Nobody else gets it when this one is closed. */
  readonly port = holdPort();
  readonly #server: net.Server;
  readonly #watchers = new Set<() => void>();

  private constructor(respond: Respond) {
    this.respond = respond;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection: OriginConnection = { socket, received: '', isClosed: false };
      this.connections.push(connection);
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        const text = chunk.toString('latin1');
        connection.received += text;
        this.respond(connection, text);
        this.#wake();
      });
      socket.on('end', () => socket.end());
      socket.on('close', () => {
        connection.isClosed = true;
        this.#wake();
      });
    });
  }

  static async start(respond: Respond = answerOk): Promise<RecordingOrigin> {
    const origin = new RecordingOrigin(respond);
    await new Promise<void>((resolve) => {
      origin.#server.listen(origin.port, '127.0.0.1', resolve);
    });
    return origin;
  }

  /** All bytes of all connections. */
  get received(): string {
    return this.connections.map((connection) => connection.received).join('');
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
    for (const { socket } of this.connections) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
