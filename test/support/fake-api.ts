// A terminal that keeps what it is told, and an API that answers what a test says, for commands.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runCommandLine } from '../../src/cli/command-line.ts';
import type { Io } from '../../src/cli/io.ts';

export interface AskedApi {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface ApiAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text as it is, anything else as JSON. */
  readonly body: unknown;
}

export class FakeApi implements AsyncDisposable {
  readonly asked: AskedApi[] = [];
  answer: (asked: AskedApi) => ApiAnswer = () => ({ body: {} });
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void (async () => {
        let body = '';
        for await (const chunk of request) body += String(chunk);
        const asked = { method: request.method!, path: request.url!, headers: request.headers, body };
        this.asked.push(asked);
        const { status = 200, headers = {}, body: answer } = this.answer(asked);
        response.writeHead(status, headers).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
      })();
    });
  }

  /** On a free port of loopback, or on a Unix socket. */
  static async start(socket?: string): Promise<FakeApi> {
    const api = new FakeApi();
    if (socket === undefined) api.#server.listen(0, '127.0.0.1');
    else api.#server.listen(socket);
    await once(api.#server, 'listening');
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export class RecordedIo implements Io {
  stdout = '';
  stderr = '';
  readonly color = false;
  readonly isTerminal = false;
  readonly environment: Readonly<Record<string, string | undefined>>;

  constructor(environment: Readonly<Record<string, string | undefined>> = {}) {
    this.environment = environment;
  }

  out(text: string): void {
    this.stdout += text;
  }

  err(text: string): void {
    this.stderr += text;
  }
}

/** Code, standard output and standard error of a command that asks this API. */
export async function runAgainst(api: FakeApi, ...argv: readonly string[]): Promise<readonly [number, string, string]> {
  const io = new RecordedIo({ SIGNALBOX_ADMIN_URL: api.url });
  const code = await runCommandLine(argv, io);
  return [code, io.stdout, io.stderr];
}
