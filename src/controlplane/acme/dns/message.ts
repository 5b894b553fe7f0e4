// DNS messages (RFC 1035 §4) as dynamic updates need them (RFC 2136), with transaction signatures (RFC 8945). Reading
// goes no further than the header and the signature at the end; nothing of what a server sends is trusted before it is
// checked.

import { createHmac, timingSafeEqual } from 'node:crypto';

const TYPE_TXT = 16;
const TYPE_SOA = 6;
const TYPE_TSIG = 250;
const CLASS_IN = 1;
const CLASS_NONE = 254;
const CLASS_ANY = 255;
const OPCODE_UPDATE = 5;
/** Seconds that the clocks of both sides may be apart (RFC 8945 §10). */
const FUDGE = 300;
const HEADER_BYTES = 12;
const MAX_LABEL = 63;
const MAX_NAME = 255;

/** Name of the algorithm on the wire to that of the hash (RFC 8945 §6). */
export const TSIG_ALGORITHMS: Readonly<Record<string, string>> = {
  'hmac-md5.sig-alg.reg.int': 'md5',
  'hmac-sha1': 'sha1',
  'hmac-sha224': 'sha224',
  'hmac-sha256': 'sha256',
  'hmac-sha384': 'sha384',
  'hmac-sha512': 'sha512',
};

export interface TsigKey {
  /** Of the key, without a trailing dot. */
  readonly name: string;
  /** One of TSIG_ALGORITHMS. */
  readonly algorithm: string;
  readonly secret: Buffer;
}

export interface Update {
  readonly id: number;
  readonly zone: string;
  readonly action: 'add' | 'delete';
  readonly name: string;
  readonly value: string;
  readonly ttlSeconds: number;
}

/** An update of one TXT record (RFC 2136 §2). */
export function encodeUpdate({ id, zone, action, name, value, ttlSeconds }: Update): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(OPCODE_UPDATE << 11, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(1, 8);
  const isAdded = action === 'add';
  const data = encodeText(value);
  return Buffer.concat([
    head,
    encodeName(zone),
    u16(TYPE_SOA),
    u16(CLASS_IN),
    encodeName(name),
    u16(TYPE_TXT),
    // A record of the class NONE is taken away (RFC 2136 §2.5.4).
    u16(isAdded ? CLASS_IN : CLASS_NONE),
    u32(isAdded ? ttlSeconds : 0),
    u16(data.length),
    data,
  ]);
}

/** The message with a signature at its end, and the signature for checking the answer (RFC 8945 §5.1). */
export function signMessage(message: Buffer, key: TsigKey, nowSeconds: number): { message: Buffer; mac: Buffer } {
  const mac = macOf(key, [message, variables(key, nowSeconds, 0, Buffer.alloc(0))]);
  const data = Buffer.concat([
    encodeName(key.algorithm),
    u48(nowSeconds),
    u16(FUDGE),
    u16(mac.length),
    mac,
    message.subarray(0, 2),
    u16(0),
    u16(0),
  ]);
  const signed = Buffer.concat([
    message,
    encodeName(key.name),
    u16(TYPE_TSIG),
    u16(CLASS_ANY),
    u32(0),
    u16(data.length),
    data,
  ]);
  signed.writeUInt16BE(message.readUInt16BE(10) + 1, 10);
  return { message: signed, mac };
}

export interface UpdateAnswer {
  readonly id: number;
  readonly code: number;
  readonly isTruncated: boolean;
}

/** Throws when it is no answer to an update, or its signature is missing or wrong. `key` is null without signatures. */
export function readAnswer(answer: Buffer, key: TsigKey | null, requestMac: Buffer, nowSeconds: number): UpdateAnswer {
  if (answer.length < HEADER_BYTES) throw new Error('the answer is shorter than a header');
  const flags = answer.readUInt16BE(2);
  if ((flags & 0x8000) === 0 || ((flags >> 11) & 15) !== OPCODE_UPDATE)
    throw new Error('this is no answer to an update');
  const read: UpdateAnswer = {
    id: answer.readUInt16BE(0),
    code: flags & 15,
    isTruncated: (flags & 0x0200) !== 0,
  };
  if (key !== null) checkSignature(answer, key, requestMac, nowSeconds, read.code);
  return read;
}

function checkSignature(answer: Buffer, key: TsigKey, requestMac: Buffer, nowSeconds: number, code: number): void {
  const found = findSignature(answer);
  // A refusal by a server that does not know the key cannot be signed (RFC 8945 §5.3.2); it says no in any case.
  if (found === null) {
    if (code !== 0) return;
    throw new Error('the answer is not signed');
  }
  const { start, name, data } = found;
  const algorithm = readName(answer, data);
  let at = algorithm.end;
  const time = answer.readUIntBE(at, 6);
  const fudge = answer.readUInt16BE(at + 6);
  const size = answer.readUInt16BE(at + 8);
  const mac = answer.subarray(at + 10, at + 10 + size);
  at += 10 + size;
  const originalId = answer.readUInt16BE(at);
  const error = answer.readUInt16BE(at + 2);
  const other = answer.subarray(at + 6, at + 6 + answer.readUInt16BE(at + 4));
  if (error !== 0 && size === 0) throw new Error(TSIG_ERRORS[error] ?? `the server answers with TSIG error ${error}`);
  if (name !== key.name.toLowerCase() || algorithm.name !== key.algorithm)
    throw new Error('the answer is signed with another key');
  const plain = Buffer.from(answer.subarray(0, start));
  plain.writeUInt16BE(originalId, 0);
  plain.writeUInt16BE(answer.readUInt16BE(10) - 1, 10);
  const expected = macOf(key, [u16(requestMac.length), requestMac, plain, variables(key, time, error, other, fudge)]);
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected))
    throw new Error('the answer’s signature is wrong');
  if (error !== 0) throw new Error(TSIG_ERRORS[error] ?? `the server answers with TSIG error ${error}`);
  if (Math.abs(time - nowSeconds) > fudge) throw new Error('the answer was signed at another time');
}

const TSIG_ERRORS: Readonly<Record<number, string>> = {
  16: 'the server says that the signature is wrong (BADSIG); is the secret right?',
  17: 'the server does not know the key (BADKEY)',
  18: 'the clocks of the server and this machine differ too much (BADTIME)',
  22: 'the server wants a longer signature (BADTRUNC)',
};

/** The last record when it is a signature: where it begins, its key's name, and where its data is. */
function findSignature(message: Buffer): { start: number; name: string; data: number } | null {
  let at = HEADER_BYTES;
  for (let count = message.readUInt16BE(4); count > 0; count--) at = readName(message, at).end + 4;
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  for (let index = 0; index < records; index++) {
    const start = at;
    const { name, end } = readName(message, at);
    const type = message.readUInt16BE(end);
    const length = message.readUInt16BE(end + 8);
    at = end + 10 + length;
    if (at > message.length) throw new Error('a record of the answer is cut off');
    if (type === TYPE_TSIG) {
      if (index !== records - 1) throw new Error('the signature of the answer is not its last record');
      return { start, name, data: end + 10 };
    }
  }
  return null;
}

/** Lower case, without a trailing dot; compressed names are followed (RFC 1035 §4.1.4), each pointer further back. */
function readName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  let end = -1;
  let limit = start;
  for (let length = 0; ;) {
    const size = message.readUInt8(at);
    if (size === 0) {
      return { name: labels.join('.').toLowerCase(), end: end < 0 ? at + 1 : end };
    }
    if ((size & 0xc0) === 0xc0) {
      if (end < 0) end = at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
      if (at >= limit) throw new Error('a name of the answer points forward');
      limit = at;
      continue;
    }
    length += size + 1;
    if (size > MAX_LABEL || length > MAX_NAME || at + 1 + size > message.length)
      throw new Error('a name of the answer is too long');
    labels.push(message.toString('latin1', at + 1, at + 1 + size));
    at += 1 + size;
  }
}

function macOf(key: TsigKey, parts: readonly Buffer[]): Buffer {
  const hmac = createHmac(TSIG_ALGORITHMS[key.algorithm]!, key.secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** What is signed besides the message (RFC 8945 §4.3.3). */
function variables(key: TsigKey, time: number, error: number, other: Buffer, fudge = FUDGE): Buffer {
  return Buffer.concat([
    encodeName(key.name),
    u16(CLASS_ANY),
    u32(0),
    encodeName(key.algorithm),
    u48(time),
    u16(fudge),
    u16(error),
    u16(other.length),
    other,
  ]);
}

/** Lower case, which is the canonical form. Throws a TypeError for what is no name. */
function encodeName(name: string): Buffer {
  const parts: Buffer[] = [];
  for (const label of name.replace(/\.$/, '').toLowerCase().split('.')) {
    const bytes = Buffer.from(label, 'latin1');
    if (bytes.length === 0 || bytes.length > MAX_LABEL) throw new TypeError(`"${name}" is no domain name`);
    parts.push(Buffer.from([bytes.length]), bytes);
  }
  const encoded = Buffer.concat([...parts, Buffer.from([0])]);
  if (encoded.length > MAX_NAME) throw new TypeError(`"${name}" is no domain name`);
  return encoded;
}

/** Strings of at most 255 bytes, each with its length. */
function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += MAX_NAME) {
    const chunk = bytes.subarray(at, at + MAX_NAME);
    parts.push(Buffer.from([chunk.length]), chunk);
  }
  return Buffer.concat(parts);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u48(value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}
