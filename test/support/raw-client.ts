// A client that sends exactly the bytes it is told to, and gathers what comes back.

import net from 'node:net';

export interface RawResponse {
  readonly status: number;
  /** Status line and fields as received. */
  readonly head: string;
  readonly body: string;
}

export class RawClient {
  readonly socket: net.Socket;
  received = '';
  isEnded = false;
  isClosed = false;
  #error: Error | null = null;
  readonly #watchers = new Set<() => void>();

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('end', () => {
      this.isEnded = true;
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  static connect(
    port: number,
    options: { host?: string; allowHalfOpen?: boolean; localAddress?: string } = {},
  ): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({
        port,
        host: options.host ?? '127.0.0.1',
        noDelay: true,
        allowHalfOpen: options.allowHalfOpen ?? true,
        ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new RawClient(socket));
      });
    });
  }

  /** One exchange on a connection of its own. */
  static async exchange(port: number, text: string, method = 'GET'): Promise<RawResponse> {
    const client = await RawClient.connect(port);
    client.send(text);
    const response = await client.response(method);
    client.socket.destroy();
    return response;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** The next whole response; `method` tells whether a body follows. 1xx responses are returned like others. */
  async response(method = 'GET'): Promise<RawResponse> {
    await this.until(() => this.received.includes('\r\n\r\n'));
    const end = this.received.indexOf('\r\n\r\n') + 4;
    const head = this.received.slice(0, end);
    const status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head);
    let body = '';
    let rest = end;
    if (method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304) {
      if (length !== null) {
        rest = end + Number(length[1]);
        await this.until(() => this.received.length >= rest);
        body = this.received.slice(end, rest);
      } else if (/\r\ntransfer-encoding: chunked\r\n/i.test(head)) {
        ({ body, rest } = await this.#chunked(end));
      } else {
        await this.until(() => this.isEnded || this.isClosed);
        rest = this.received.length;
        body = this.received.slice(end);
      }
    }
    this.received = this.received.slice(rest);
    return { status, head, body };
  }

  /** Settles when the peer has closed or reset the connection. */
  async closed(): Promise<void> {
    await this.until(() => this.isEnded || this.isClosed, true);
  }

  /** Settles when the condition holds; rejects when the connection ends before. */
  async until(condition: () => boolean, mayEnd = false): Promise<void> {
    while (!condition()) {
      if ((this.isEnded || this.isClosed) && !mayEnd) {
        throw new Error(
          `connection ended (${this.#error?.message ?? 'orderly'}) after: ${JSON.stringify(this.received)}`,
        );
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#watchers.delete(wake);
          resolve();
        };
        this.#watchers.add(wake);
      });
    }
  }

  async #chunked(start: number): Promise<{ body: string; rest: number }> {
    let body = '';
    let at = start;
    for (;;) {
      await this.until(() => this.received.indexOf('\r\n', at) >= 0);
      const lineEnd = this.received.indexOf('\r\n', at);
      const size = Number.parseInt(this.received.slice(at, lineEnd), 16);
      if (size === 0) {
        await this.until(() => this.received.indexOf('\r\n\r\n', lineEnd) >= 0);
        return { body, rest: this.received.indexOf('\r\n\r\n', lineEnd) + 4 };
      }
      at = lineEnd + 2;
      await this.until(() => this.received.length >= at + size + 2);
      body += this.received.slice(at, at + size);
      at += size + 2;
    }
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
