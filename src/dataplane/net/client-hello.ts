// The first message of a TLS connection, read without taking part in it: which server is wanted (SNI) and which
// protocols the client would speak (ALPN). RFC 8446 §4.1.2 for the message, §5.1 for the records it comes in, RFC 6066
// §3 for server names, RFC 7301 §3.1 for protocols.

export interface ClientHello {
  /** Lower case; '' when the client names none. */
  readonly serverName: string;
  /** In the client's order; empty when it offers none. */
  readonly protocols: readonly string[];
}

/** More bytes are needed. */
export const HELLO_PARTIAL = 'partial';
/** The bytes are no ClientHello, or an outsized one. */
export const HELLO_MALFORMED = 'malformed';

/** A large ClientHello with post-quantum key shares and a ticket has some 2 KiB. */
export const MAX_CLIENT_HELLO_BYTES = 32 * 1024;

const RECORD_HEADER_BYTES = 5;
const RECORD_HANDSHAKE = 22;
const MAX_RECORD_BYTES = 16 * 1024;
const MESSAGE_HEADER_BYTES = 4;
const MESSAGE_CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
const NAME_TYPE_HOST = 0;
const MAX_HOST_BYTES = 255;

/** The first byte of a TLS connection: no other protocol an entry point speaks begins with it. */
export function beginsLikeTls(bytes: Buffer): boolean {
  return bytes[0] === RECORD_HANDSHAKE;
}

/** `bytes` is everything received so far. */
export function parseClientHello(bytes: Buffer): ClientHello | typeof HELLO_PARTIAL | typeof HELLO_MALFORMED {
  const message = readMessage(bytes);
  if (typeof message === 'string') return message;
  return parseMessage(message) ?? HELLO_MALFORMED;
}

/** The body of the ClientHello, put together from as many records as it takes. */
function readMessage(bytes: Buffer): Buffer | typeof HELLO_PARTIAL | typeof HELLO_MALFORMED {
  const fragments: Buffer[] = [];
  /** The first bytes of the message, as one number each. */
  const header: number[] = [];
  let gathered = 0;
  let wanted = MESSAGE_HEADER_BYTES;
  for (let at = 0; gathered < wanted;) {
    if (at >= MAX_CLIENT_HELLO_BYTES) return HELLO_MALFORMED;
    if (bytes.length > at && bytes[at] !== RECORD_HANDSHAKE) return HELLO_MALFORMED;
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) return HELLO_MALFORMED;
    if (bytes.length < at + RECORD_HEADER_BYTES) return HELLO_PARTIAL;
    const length = bytes.readUInt16BE(at + 3);
    // §5.1: an empty fragment of a handshake message is never sent.
    if (length === 0 || length > MAX_RECORD_BYTES) return HELLO_MALFORMED;
    const start = at + RECORD_HEADER_BYTES;
    const end = Math.min(start + length, bytes.length);
    for (let index = start; index < end && header.length < MESSAGE_HEADER_BYTES; index++) header.push(bytes[index]!);
    fragments.push(bytes.subarray(start, end));
    gathered += end - start;
    if (header.length > 0 && header[0] !== MESSAGE_CLIENT_HELLO) return HELLO_MALFORMED;
    if (header.length === MESSAGE_HEADER_BYTES) {
      wanted = MESSAGE_HEADER_BYTES + (header[1]! << 16) + (header[2]! << 8) + header[3]!;
      if (wanted > MAX_CLIENT_HELLO_BYTES) return HELLO_MALFORMED;
    }
    if (gathered < wanted && end < start + length) return HELLO_PARTIAL;
    at = end;
  }
  return Buffer.concat(fragments).subarray(MESSAGE_HEADER_BYTES, wanted);
}

/** Walks over length-prefixed fields; every read beyond the end makes it void. */
class Cursor {
  private readonly bytes: Buffer;
  private at: number;
  private readonly end: number;
  isVoid = false;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get isDone(): boolean {
    return this.isVoid || this.at >= this.end;
  }

  skip(count: number): void {
    if (this.at + count > this.end) this.isVoid = true;
    else this.at += count;
  }

  number(width: 1 | 2): number {
    const start = this.at;
    this.skip(width);
    return this.isVoid ? 0 : this.bytes.readUIntBE(start, width);
  }

  /** A field with its length, in `width` bytes, before it. */
  field(width: 1 | 2): Cursor {
    const length = this.number(width);
    const start = this.at;
    this.skip(length);
    if (this.isVoid) return new Cursor(this.bytes, this.end, this.end);
    return new Cursor(this.bytes, start, start + length);
  }

  text(): string {
    return this.bytes.latin1Slice(this.at, this.end);
  }

  get length(): number {
    return this.end - this.at;
  }
}

function parseMessage(message: Buffer): ClientHello | null {
  const hello = new Cursor(message);
  hello.skip(2 + 32); // Version, random.
  hello.field(1); // Session ID.
  hello.field(2); // Cipher suites.
  hello.field(1); // Compression methods.
  if (hello.isVoid) return null;
  // TLS 1.2 clients may leave extensions out.
  if (hello.isDone) return { serverName: '', protocols: [] };
  const extensions = hello.field(2);
  if (hello.isVoid) return null;
  let serverName: string | null = null;
  let protocols: readonly string[] | null = null;
  while (!extensions.isDone) {
    const type = extensions.number(2);
    const body = extensions.field(2);
    if (extensions.isVoid) return null;
    if (type === EXTENSION_SERVER_NAME) {
      // §4.2: no extension comes twice. Two readers that take different ones would disagree about the server.
      if (serverName !== null) return null;
      serverName = readServerName(body);
      if (serverName === null) return null;
    } else if (type === EXTENSION_ALPN) {
      if (protocols !== null) return null;
      protocols = readProtocols(body);
      if (protocols === null) return null;
    }
  }
  return { serverName: serverName ?? '', protocols: protocols ?? [] };
}

/** RFC 6066 §3: one name of each type. Null for what no TLS library would accept either. */
function readServerName(body: Cursor): string | null {
  const names = body.field(2);
  if (body.isVoid || !body.isDone || names.isDone) return null;
  let host: string | null = null;
  while (!names.isDone) {
    const type = names.number(1);
    const name = names.field(2);
    if (names.isVoid) return null;
    if (type !== NAME_TYPE_HOST) continue;
    if (host !== null || name.length === 0 || name.length > MAX_HOST_BYTES) return null;
    host = name.text().toLowerCase();
    if (!/^[\x21-\x7e]+$/.test(host)) return null;
    // §3: no trailing dot is sent; those who send it all the same mean the name without.
    if (host.endsWith('.')) host = host.slice(0, -1);
  }
  return host;
}

/** RFC 7301 §3.1. */
function readProtocols(body: Cursor): readonly string[] | null {
  const list = body.field(2);
  if (body.isVoid || !body.isDone || list.isDone) return null;
  const protocols: string[] = [];
  while (!list.isDone) {
    const name = list.field(1);
    if (list.isVoid || name.length === 0) return null;
    protocols.push(name.text());
  }
  return protocols;
}
