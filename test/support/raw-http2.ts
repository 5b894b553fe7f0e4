// An HTTP/2 client, and a server, that send exactly the frames they are told to, for what a well-behaved library would
// not send.

import net, { type AddressInfo } from 'node:net';
import { HpackDecoder } from '../../src/dataplane/http2/hpack/hpack-decoder.ts';
import type { Field } from '../../src/dataplane/http2/hpack/field.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Of HEADERS: the fields. */
  readonly fields: Readonly<Record<string, string>>;
}

export type FieldPair = readonly [name: string, value: string];

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const header = Buffer.alloc(9);
  header.writeUIntBE(bytes.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, bytes]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left >>= 7) length.push((left & 127) | 128);
  length.push(left);
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** Every field spelled out. */
export function block(fields: readonly FieldPair[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

export const GET: readonly FieldPair[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.test'],
];
export const POST: readonly FieldPair[] = [[':method', 'POST'], ...GET.slice(1)];

export class RawHttp2 {
  readonly socket: net.Socket;
  readonly frames: Frame[] = [];
  isClosed = false;
  /** Bytes of DATA received. */
  dataBytes = 0;
  #buffer = Buffer.alloc(0);
  readonly #decoder = new HpackDecoder();
  readonly #watchers = new Set<() => void>();
  /** Bytes of the preface still to come. */
  #preface: number;

  private constructor(socket: net.Socket, preface = 0) {
    this.socket = socket;
    this.#preface = preface;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Connects, sends the preface and SETTINGS with the given payload. */
  static async connect(port: number, settings: Buffer = Buffer.alloc(0)): Promise<RawHttp2> {
    const client = await RawHttp2.bare(port);
    client.send(Buffer.from(PREFACE, 'latin1'), frame(4, 0, 0, settings));
    return client;
  }

  /** Without a preface. */
  static bare(port: number): Promise<RawHttp2> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawHttp2(socket)));
    });
  }

  /** The server's side of an accepted connection; says nothing by itself. */
  static accept(socket: net.Socket): RawHttp2 {
    return new RawHttp2(socket, PREFACE.length);
  }

  send(...pieces: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(pieces));
  }

  headers(streamId: number, fields: readonly FieldPair[], endStream = true): void {
    this.send(frame(1, endStream ? 5 : 4, streamId, block(fields)));
  }

  data(streamId: number, payload: Buffer | string, endStream = false): void {
    this.send(frame(0, endStream ? 1 : 0, streamId, payload));
  }

  /** All DATA of a stream so far. */
  body(streamId: number): string {
    return this.frames
      .filter((one) => one.type === 0 && one.streamId === streamId)
      .map(({ payload }) => payload.toString('latin1'))
      .join('');
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.isClosed) throw new Error(`closed, last with ${this.frames.at(-1)?.payload.toString('hex')}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#watchers.delete(wake);
          resolve();
        };
        this.#watchers.add(wake);
      });
    }
  }

  async #find(match: (one: Frame) => boolean): Promise<Frame> {
    await this.until(() => this.frames.some(match));
    return this.frames.find(match)!;
  }

  /** The request on the stream, as soon as its head is there. */
  request(streamId: number): Promise<Frame> {
    return this.#find((one) => one.streamId === streamId && one.type === 1);
  }

  /** Status of the final response on the stream. */
  async status(streamId: number): Promise<string> {
    const found = await this.#find((one) => one.streamId === streamId && /^[2-5]/.test(one.fields[':status'] ?? ''));
    return found.fields[':status']!;
  }

  /** Settles with a stream's last frame. */
  ended(streamId: number): Promise<Frame> {
    return this.#find((one) => one.streamId === streamId && one.type < 2 && (one.flags & 1) !== 0);
  }

  /** Error code of RST_STREAM on the stream. */
  async reset(streamId: number): Promise<number> {
    return (await this.#find((one) => one.streamId === streamId && one.type === 3)).payload.readUInt32BE();
  }

  /** Error code of a GOAWAY, of the given code if there is one. */
  async goaway(code?: number): Promise<number> {
    const isIt = (one: Frame): boolean =>
      one.type === 7 && (code === undefined || one.payload.readUInt32BE(4) === code);
    return (await this.#find(isIt)).payload.readUInt32BE(4);
  }

  /** Settles when everything sent so far has been acted on. */
  async settled(): Promise<void> {
    const mark = Buffer.from(`ping${String(this.frames.length).padStart(4, '0')}`, 'latin1');
    this.send(frame(6, 0, 0, mark));
    await this.#find((one) => one.type === 6 && one.payload.equals(mark));
  }

  async closed(): Promise<void> {
    if (this.isClosed) return;
    await new Promise<void>((resolve) => {
      this.socket.once('close', () => resolve());
    });
  }

  #read(chunk: Buffer): void {
    const skipped = Math.min(this.#preface, chunk.length);
    this.#preface -= skipped;
    this.#buffer = Buffer.concat([this.#buffer, chunk.subarray(skipped)]);
    for (;;) {
      if (this.#buffer.length < 9) break;
      const length = this.#buffer.readUIntBE(0, 3);
      if (this.#buffer.length < 9 + length) break;
      const type = this.#buffer[3]!;
      const payload = Buffer.from(this.#buffer.subarray(9, 9 + length));
      const fields: Record<string, string> = {};
      if (type === 1) {
        const receiver = { field: ({ name, value }: Field) => (fields[name] = value) };
        this.#decoder.decode(payload, 0, payload.length, receiver, 1e6, 1e4);
      }
      if (type === 0) this.dataBytes += length;
      const streamId = this.#buffer.readUInt32BE(5);
      this.frames.push({ type, flags: this.#buffer[4]!, streamId, payload, fields });
      this.#buffer = this.#buffer.subarray(9 + length);
    }
    this.#wake();
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/**
 * Servers of HTTP/2 in clear text: each connection is a `RawHttp2` that has sent the SETTINGS given and nothing else.
 */
export class RawHttp2Server implements AsyncDisposable {
  readonly connections: RawHttp2[] = [];
  /** Payload of SETTINGS; null sends none. */
  settings: Buffer | null = Buffer.alloc(0);
  readonly #server: net.Server;
  readonly #watchers = new Set<() => void>();

  private constructor() {
    this.#server = net.createServer({ allowHalfOpen: false, noDelay: true }, (socket) => {
      const connection = RawHttp2.accept(socket);
      if (this.settings !== null) connection.send(frame(4, 0, 0, this.settings));
      this.connections.push(connection);
      for (const watcher of this.#watchers) watcher();
    });
  }

  static async start(): Promise<RawHttp2Server> {
    const server = new RawHttp2Server();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // A TCP server.
  }

  /** The connection of that index, as soon as it is there. */
  async connection(index: number): Promise<RawHttp2> {
    while (this.connections.length <= index) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#watchers.delete(wake);
          resolve();
        };
        this.#watchers.add(wake);
      });
    }
    return this.connections[index]!;
  }

  /** Ends what there is, so that the next request opens a connection. */
  async reset(): Promise<void> {
    for (const one of this.connections) one.socket.destroy();
    await Promise.all(this.connections.map((one) => one.closed()));
    this.connections.length = 0;
    this.settings = Buffer.alloc(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reset();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

/** Payload of SETTINGS. */
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  return Buffer.concat(pairs.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 0xff]), uint32(value)])));
}
