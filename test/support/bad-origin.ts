// One origin that misbehaves as the request's path says: /<behaviour>/<id>?n=<bytes>. It answers for real where the
// behaviour lets it, with the request's id in head and body, so that a client can tell its own answer from any other.

import net from 'node:net';
import { holdPort } from './ports.ts';

export interface OriginRequest {
  readonly method: string;
  readonly behaviour: string;
  readonly id: string;
  /** Size the answer's body is asked to have. */
  readonly size: number;
  readonly connection: BadConnection;
  /** Decoded; complete when a behaviour of the kind `request` runs. */
  body: string;
}

type Run = (request: OriginRequest, socket: net.Socket) => void;

interface Behaviour {
  /** `head`: runs before the body is read, which then goes on; `silent`: nothing more is read at all. */
  readonly at: 'request' | 'head' | 'silent';
  readonly run: Run;
}

/** The body an origin answers with: no two requests have the same. */
export function bodyOf(id: string, size: number): string {
  return `${id}|`.repeat(Math.ceil(size / (id.length + 1))).slice(0, size);
}

/** What the origin says about the request body it got. */
export function digestOf(body: string): string {
  let sum = 7;
  for (let index = 0; index < body.length; index++) sum = (Math.imul(sum, 31) + body.charCodeAt(index)) | 0;
  return `${body.length}.${sum >>> 0}`;
}

function head(request: OriginRequest, framing: string, status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\nX-Id: ${request.id}\r\nX-Got: ${digestOf(request.body)}\r\n${framing}\r\n`;
}

const lengthHead = (request: OriginRequest, more = ''): string =>
  head(request, `Content-Length: ${request.size}\r\n${more}`);
const chunkedHead = (request: OriginRequest): string => head(request, 'Transfer-Encoding: chunked\r\n');
const closeHead = (request: OriginRequest): string => head(request, 'Connection: close\r\n');
const chunk = (text: string): string => (text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`);

/** The first half of the answer's body; at least a byte is missing. */
function halfOf(request: OriginRequest): string {
  return bodyOf(request.id, request.size).slice(0, request.size >> 1);
}

function withoutBody(request: OriginRequest): boolean {
  return request.method === 'HEAD';
}

function whole(request: OriginRequest, more = ''): string {
  return lengthHead(request, more) + (withoutBody(request) ? '' : bodyOf(request.id, request.size));
}

function wholeChunked(request: OriginRequest): string {
  if (withoutBody(request)) return chunkedHead(request);
  const body = bodyOf(request.id, request.size);
  const cut = request.size >> 1;
  return `${chunkedHead(request)}${chunk(body.slice(0, cut))}${chunk(body.slice(cut))}0\r\nX-Trailer: 1\r\n\r\n`;
}

/** Writes the text, and when the kernel has it, breaks off. */
const thenReset =
  (text: (request: OriginRequest) => string): Run =>
  (request, socket) =>
    socket.write(text(request), 'latin1', () => socket.resetAndDestroy());
const thenEnd =
  (text: (request: OriginRequest) => string): Run =>
  (request, socket) =>
    socket.end(text(request), 'latin1');
const say =
  (text: (request: OriginRequest) => string): Run =>
  (request, socket) =>
    socket.write(text(request), 'latin1');

/** Sends the answer a few bytes at a time, each in a turn of its own. */
const dribble: Run = (request, socket) => {
  const text = wholeChunked(request);
  const step = Math.max(7, text.length >> 4);
  let at = 0;
  const next = (): void => {
    if (socket.destroyed) return;
    socket.write(text.slice(at, at + step), 'latin1');
    at += step;
    if (at < text.length) setImmediate(next);
  };
  next();
};

const at = (when: Behaviour['at'], run: Run): Behaviour => ({ at: when, run });
const partOfHead = (request: OriginRequest): string => lengthHead(request).slice(0, 30);
const interim = (count: number): string => 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(count);

export const BEHAVIOURS = {
  // Well-behaved, in every framing.
  'ok-length': at('request', say(whole)),
  'ok-chunked': at('request', say(wholeChunked)),
  'ok-close': at(
    'request',
    thenEnd((request) => closeHead(request) + (withoutBody(request) ? '' : bodyOf(request.id, request.size))),
  ),
  'ok-empty': at(
    'request',
    say((request) => head(request, '', '204 No Content')),
  ),
  'ok-dribble': at('request', dribble),
  'ok-interim': at(
    'request',
    say((request) => interim(3) + whole(request)),
  ),

  'reset-before': at('request', (_, socket) => socket.resetAndDestroy()),
  'reset-in-head': at('request', thenReset(partOfHead)),
  'reset-in-length': at(
    'request',
    thenReset((request) => lengthHead(request) + halfOf(request)),
  ),
  'reset-in-chunked': at(
    'request',
    thenReset((request) => chunkedHead(request) + chunk(halfOf(request))),
  ),
  'reset-in-close': at(
    'request',
    thenReset((request) => closeHead(request) + halfOf(request)),
  ),
  'reset-after': at('request', thenReset(whole)),

  'fin-before': at('request', (_, socket) => socket.end()),
  'fin-in-head': at('request', thenEnd(partOfHead)),
  'fin-in-length': at(
    'request',
    thenEnd((request) => lengthHead(request) + halfOf(request)),
  ),
  'fin-in-chunked': at(
    'request',
    thenEnd((request) => chunkedHead(request) + chunk(halfOf(request))),
  ),
  'fin-before-last-chunk': at(
    'request',
    thenEnd((request) => chunkedHead(request) + chunk(bodyOf(request.id, request.size))),
  ),
  'fin-in-close': at(
    'request',
    thenEnd((request) => closeHead(request) + halfOf(request)),
  ),
  'fin-after': at('request', thenEnd(whole)),

  'stall-before': at('request', () => {}),
  'stall-in-head': at('request', say(partOfHead)),
  'stall-after-interim': at(
    'request',
    say(() => interim(1)),
  ),
  'stall-after-head': at('request', say(lengthHead)),
  'stall-in-length': at(
    'request',
    say((request) => lengthHead(request) + halfOf(request)),
  ),
  'stall-in-chunked': at(
    'request',
    say((request) => chunkedHead(request) + chunk(halfOf(request))),
  ),
  'stall-in-close': at(
    'request',
    say((request) => closeHead(request) + halfOf(request)),
  ),
  'stall-reading': at('silent', () => {}),

  garbage: at(
    'request',
    say(() => 'SSH-2.0-OpenSSH_9.6\r\n\r\n'),
  ),
  'huge-head': at(
    'request',
    say((request) => lengthHead(request, `X-Big: ${'a'.repeat(20_000)}\r\n`)),
  ),
  'many-fields': at(
    'request',
    say((request) => lengthHead(request, 'X-A: 1\r\n'.repeat(200))),
  ),
  'both-lengths': at(
    'request',
    say((request) => head(request, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n') + '0\r\n\r\n'),
  ),
  'bad-chunk': at(
    'request',
    say((request) => `${chunkedHead(request)}${chunk(halfOf(request))}zz\r\n`),
  ),
  'bad-trailer': at(
    'request',
    say((request) => `${chunkedHead(request)}${chunk(halfOf(request))}0\r\nContent Length: 1\r\n\r\n`),
  ),
  'extra-bytes': at(
    'request',
    say((request) => `${whole(request)}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`),
  ),
  /** Unasked, and after the answer has been read: in a turn of its own. */
  unasked: at('request', (request, socket) => {
    socket.write(whole(request), 'latin1', () => setImmediate(() => socket.write('evil\r\n\r\n')));
  }),
  'interim-flood': at(
    'request',
    say(() => interim(150)),
  ),
  'switch-unasked': at(
    'request',
    say(() => 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
  ),

  // Answers that do not wait for the request's body.
  'early-ok': at(
    'head',
    say((request) => whole(request)),
  ),
  'early-end': at(
    'head',
    thenEnd((request) => whole(request, 'Connection: close\r\n')),
  ),
  'early-reset': at(
    'silent',
    thenReset((request) => whole(request, 'Connection: close\r\n')),
  ),
  'early-reset-before': at('silent', (_, socket) => socket.resetAndDestroy()),

  /** Waits for `release`. */
  held: at('request', ({ connection, ...request }) => {
    connection.origin.held.push(() => connection.socket.write(whole({ ...request, connection }), 'latin1'));
  }),
} as const satisfies Record<string, Behaviour>;

export type BehaviourName = keyof typeof BEHAVIOURS;

/** One connection: finds requests in the bytes, bodies included, and lets their behaviours loose. */
class BadConnection {
  readonly socket: net.Socket;
  readonly origin: BadOrigin;
  #text = '';
  #request: OriginRequest | null = null;
  /** Body bytes to come; null for a chunked body. */
  #remaining: number | null = 0;

  constructor(socket: net.Socket, origin: BadOrigin) {
    this.socket = socket;
    this.origin = origin;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.#text += bytes.toString('latin1');
      while (this.#request === null ? this.#readHead() : this.#readBody(this.#request));
      origin.wake();
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      origin.connections.delete(this);
      origin.wake();
    });
  }

  #readHead(): boolean {
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const text = this.#text.slice(0, end + 2);
    this.#text = this.#text.slice(end + 4);
    const [, method = '', behaviour = '', id = '', size = '10'] =
      /^(\S+) \/([^/]+)\/([^?\s]+)(?:\?n=(\d+))? /.exec(text) ?? [];
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1];
    this.#remaining = /\r\ntransfer-encoding: chunked\r\n/i.test(text) ? null : Number(length ?? 0);
    const request: OriginRequest = { method, behaviour, id, size: Number(size), connection: this, body: '' };
    this.#request = request;
    this.origin.seen.set(id, (this.origin.seen.get(id) ?? 0) + 1);
    const chosen = BEHAVIOURS[behaviour as BehaviourName] as Behaviour | undefined; // A path may say anything.
    if (chosen === undefined) {
      this.socket.end(`HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n`);
      return false;
    }
    if (chosen.at === 'silent') this.socket.pause();
    if (chosen.at !== 'request') chosen.run(request, this.socket);
    return chosen.at !== 'silent';
  }

  #readBody(request: OriginRequest): boolean {
    if (this.#remaining === null) {
      const line = this.#text.indexOf('\r\n');
      if (line < 0) return false;
      const size = Number.parseInt(this.#text.slice(0, line), 16);
      const next = line + 2 + size + 2;
      if (this.#text.length < next) return false;
      request.body += this.#text.slice(line + 2, line + 2 + size);
      this.#text = this.#text.slice(next);
      if (size > 0) return true;
    } else {
      const taken = this.#text.slice(0, this.#remaining);
      request.body += taken;
      this.#remaining -= taken.length;
      this.#text = this.#text.slice(taken.length);
      if (this.#remaining > 0) return false;
    }
    this.#request = null;
    const chosen: Behaviour = BEHAVIOURS[request.behaviour as BehaviourName]; // Known since its head.
    this.origin.completed.set(request.id, digestOf(request.body));
    if (chosen.at === 'request') chosen.run(request, this.socket);
    return !this.socket.destroyed;
  }
}

export class BadOrigin {
  readonly connections = new Set<BadConnection>();
  /** How often each id's head has come. */
  readonly seen = new Map<string, number>();
  /** Digest of each request that came whole. */
  readonly completed = new Map<string, string>();
  readonly held: (() => void)[] = [];
  /** Nobody else gets it while this one is closed. */
  readonly port = holdPort();
  #server: net.Server | null = null;
  readonly #watchers = new Set<() => void>();

  static async start(): Promise<BadOrigin> {
    const origin = new BadOrigin();
    await origin.open();
    return origin;
  }

  /** Listens, on the same port as before. */
  open(): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.connections.add(new BadConnection(socket, this));
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  /** Listens no more and drops what is open, with FIN or RST. */
  close(how: 'fin' | 'rst' = 'fin'): Promise<void> {
    for (const { socket } of this.connections) {
      if (how === 'fin') socket.destroy();
      else socket.resetAndDestroy();
    }
    const server = this.#server;
    this.#server = null;
    return new Promise((resolve) => {
      if (server === null) resolve();
      else server.close(() => resolve());
    });
  }

  /** Answers what waits under `held`. */
  release(): void {
    for (const answer of this.held.splice(0)) answer();
  }

  /** Settles when the condition holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  wake(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
