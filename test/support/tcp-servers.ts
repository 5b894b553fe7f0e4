// Servers and clients of plain and TLS connections for tests.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { IssuedPair } from '../../src/core/x509/issue-certificate.ts';
import { holdPort } from './ports.ts';

export interface TestServer {
  readonly port: number;
  /** Sockets that are open. */
  readonly sockets: ReadonlySet<net.Socket>;
  /** Settles with the next connection. */
  accepted(): Promise<net.Socket>;
  close(): Promise<void>;
}

/** `serve` gets every connection; half-open ones stay so. */
export function plainServer(serve: (socket: net.Socket) => void): Promise<TestServer> {
  return listening(net.createServer({ allowHalfOpen: true }, serve), 'connection');
}

export function tlsServer(
  certificate: IssuedPair,
  serve: (socket: tls.TLSSocket) => void,
  options: tls.TlsOptions = {},
): Promise<TestServer> {
  const server = tls.createServer(
    { cert: certificate.certificate, key: certificate.key, allowHalfOpen: true, ...options },
    serve,
  );
  server.on('tlsClientError', () => {});
  return listening(server, 'secureConnection');
}

async function listening(server: net.Server, event: string): Promise<TestServer> {
  // Nobody else gets it when this one is closed.
  const port = holdPort();
  const sockets = new Set<net.Socket>();
  const note = (socket: net.Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  server.on('connection', note);
  // Of TLS connections this is another object than the one before.
  if (event !== 'connection') server.on(event, note);
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port,
    sockets,
    accepted: async () => {
      const [socket] = (await once(server, event)) as [net.Socket];
      return socket;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** Answers every chunk with itself behind a name, and ends when the client does. */
export function echo(name: string): (socket: net.Socket) => void {
  return (socket) => {
    socket.on('data', (chunk) => socket.write(`${name}:${chunk.toString('latin1')}`));
    socket.on('end', () => socket.end());
  };
}

/** Gathers what a socket gives. */
export class Gatherer {
  readonly socket: net.Socket;
  text = '';
  isEnded = false;
  isClosed = false;
  error: NodeJS.ErrnoException | null = null;
  readonly #watchers = new Set<() => void>();

  constructor(socket: net.Socket) {
    this.socket = socket;
    const wake = (): void => {
      for (const watcher of this.#watchers) watcher();
    };
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      wake();
    });
    socket.on('end', () => {
      this.isEnded = true;
      wake();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.isClosed = true;
      wake();
    });
  }

  /** Settles when the condition holds; rejects when the connection is gone before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.isEnded || this.isClosed)
        throw new Error(`closed (${this.error?.message ?? 'in order'}) after ${this.text}`);
      await this.#change();
    }
  }

  async has(text: string): Promise<void> {
    await this.until(() => this.text.includes(text));
  }

  /** The other side has ended, in order or not; then so does this one. */
  async ended(): Promise<void> {
    while (!this.isEnded && !this.isClosed) await this.#change();
    this.socket.destroy();
  }

  /** Nothing is left of the connection. */
  async closed(): Promise<void> {
    while (!this.isClosed) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#watchers.delete(wake);
        resolve();
      };
      this.#watchers.add(wake);
    });
  }
}

/** A plain connection, open. */
export async function connectPlain(port: number, host = '127.0.0.1', localAddress?: string): Promise<Gatherer> {
  const socket = net.connect({
    port,
    host,
    allowHalfOpen: true,
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  const client = new Gatherer(socket);
  await once(socket, 'connect');
  return client;
}

/** A TLS connection, shaken hands; rejects when the handshake fails. */
export async function connectTls(
  port: number,
  servername: string,
  options: tls.ConnectionOptions = {},
): Promise<Gatherer & { readonly socket: tls.TLSSocket }> {
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    servername,
    rejectUnauthorized: false,
    allowHalfOpen: true,
    ...options,
  } as tls.ConnectionOptions);
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed during the handshake')));
  });
  return new Gatherer(socket) as Gatherer & { readonly socket: tls.TLSSocket }; // Of this very socket.
}

/** Common name in the certificate of the other side. */
export function subjectOf(client: Gatherer & { readonly socket: tls.TLSSocket }): string {
  return String(client.socket.getPeerCertificate().subject?.CN ?? '');
}
