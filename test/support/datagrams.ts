// UDP clients and servers for tests.

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Answers every datagram with its name, what came, and from which port. */
export class NamedDatagramServer implements AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** Ports that have sent something: a session has one. */
  readonly seenPorts = new Set<number>();
  readonly #socket: Socket;

  private constructor(name: string, socket: Socket) {
    this.name = name;
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on('message', (datagram, from) => {
      this.seenPorts.add(from.port);
      socket.send(`${name} ${datagram.toString()}`, from.port, from.address);
    });
  }

  static async start(name: string, address = '127.0.0.1', port = 0): Promise<NamedDatagramServer> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.bind(port, address);
    await once(socket, 'listening');
    return new NamedDatagramServer(name, socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

export class DatagramClient implements Disposable {
  readonly socket: Socket;
  readonly #port: number;
  readonly #address: string;

  constructor(port: number, address = '127.0.0.1') {
    this.#port = port;
    this.#address = address;
    this.socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  }

  send(text: string | Buffer): void {
    this.socket.send(text, this.#port, this.#address);
  }

  /** The next datagram that comes. */
  async next(): Promise<string> {
    const [datagram] = (await once(this.socket, 'message')) as [Buffer, RemoteInfo];
    return datagram.toString();
  }

  async ask(text: string): Promise<string> {
    const answer = this.next();
    this.send(text);
    return answer;
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}
