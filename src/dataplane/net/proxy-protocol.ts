// The PROXY protocol, versions 1 and 2: a few bytes before everything else that say whose connection another proxy
// passes on. The specification is HAProxy's "The PROXY protocol", §2.1 (text), §2.2 (binary). Read strictly: what is
// not exactly a header is malformed, since whoever may send one decides what the rest of the router takes for the
// client's address.

import { formatIp, parseIp, type IpAddress } from '../../core/ip.ts';
import { crc32c } from './crc32c.ts';

/** Where a connection comes from, and where it went. */
export interface ProxiedAddresses {
  readonly sourceIp: string;
  readonly sourcePort: number;
  readonly destinationIp: string;
  readonly destinationPort: number;
}

export interface ProxyHeader {
  /** Bytes of the header; what follows is the client's. */
  readonly length: number;
  /** Null when the sender speaks for itself, or does not say for whom: the connection's own addresses count. */
  readonly addresses: ProxiedAddresses | null;
}

/** More bytes are needed. */
export const PROXY_PARTIAL = 'partial';
/** The bytes begin otherwise than any header. */
export const PROXY_NONE = 'none';
/** The bytes begin like a header and are none. */
export const PROXY_MALFORMED = 'malformed';

export type ProxyHeaderResult = ProxyHeader | typeof PROXY_PARTIAL | typeof PROXY_NONE | typeof PROXY_MALFORMED;

const V1_START = Buffer.from('PROXY ', 'latin1');
/** §2.1: the longest line, with its end. */
const MAX_V1_BYTES = 107;
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_HEAD_BYTES = 16;
/** Of addresses and further information together. What senders add to the addresses is some hundred bytes. */
export const MAX_V2_BODY_BYTES = 4096;

const COMMAND_LOCAL = 0x20;
const COMMAND_PROXY = 0x21;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 0: 0, [FAMILY_IPV4]: 12, [FAMILY_IPV6]: 36, 3: 216 };
const STREAM_IPV4 = 0x11;
const STREAM_IPV6 = 0x21;
const TYPE_CRC32C = 3;

/** `bytes` is everything received so far. */
export function parseProxyHeader(bytes: Buffer): ProxyHeaderResult {
  if (startsLike(bytes, V2_START)) return bytes.length < V2_HEAD_BYTES ? PROXY_PARTIAL : parseBinary(bytes);
  if (startsLike(bytes, V1_START)) return parseText(bytes);
  return PROXY_NONE;
}

/** As far as both go, they are the same. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function parseText(bytes: Buffer): ProxyHeaderResult {
  const line = bytes.latin1Slice(0, Math.min(bytes.length, MAX_V1_BYTES));
  const end = line.indexOf('\r\n');
  if (end < 0) return bytes.length < MAX_V1_BYTES ? PROXY_PARTIAL : PROXY_MALFORMED;
  const length = end + 2;
  const [, family, sourceIp, destinationIp, sourcePort, destinationPort, ...more] = line.slice(0, end).split(' ');
  // Whatever follows UNKNOWN is to be ignored.
  if (family === 'UNKNOWN') return { length, addresses: null };
  if ((family !== 'TCP4' && family !== 'TCP6') || more.length > 0) return PROXY_MALFORMED;
  const source = parseTextIp(sourceIp, family);
  const destination = parseTextIp(destinationIp, family);
  const from = parsePort(sourcePort);
  const to = parsePort(destinationPort);
  if (source === '' || destination === '' || from < 0 || to < 0) return PROXY_MALFORMED;
  return {
    length,
    addresses: { sourceIp: source, sourcePort: from, destinationIp: destination, destinationPort: to },
  };
}

/** '' when it is no address of the family. An IPv4-mapped one is IPv6 on the wire and IPv4 to everybody here. */
function parseTextIp(text: string | undefined, family: 'TCP4' | 'TCP6'): string {
  if (text === undefined || text.includes(':') !== (family === 'TCP6')) return '';
  const address = parseIp(text);
  return address === null ? '' : formatIp(address);
}

function parsePort(text: string | undefined): number {
  if (text === undefined || !/^(?:0|[1-9][0-9]{0,4})$/.test(text)) return -1;
  const port = Number(text);
  return port > 65_535 ? -1 : port;
}

function parseBinary(bytes: Buffer): ProxyHeaderResult {
  const command = bytes[12]!;
  const family = bytes[13]! >> 4;
  const transport = bytes[13]! & 15;
  const bodyLength = bytes.readUInt16BE(14);
  const addressBytes = ADDRESS_BYTES[family];
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) return PROXY_MALFORMED;
  if (addressBytes === undefined || transport > 2 || bodyLength > MAX_V2_BODY_BYTES) return PROXY_MALFORMED;
  const length = V2_HEAD_BYTES + bodyLength;
  // §2.2: what a LOCAL header says of addresses is to be discarded.
  if (command === COMMAND_PROXY && bodyLength < addressBytes) return PROXY_MALFORMED;
  if (bytes.length < length) return PROXY_PARTIAL;
  if (command === COMMAND_LOCAL) return { length, addresses: null };
  if (!hasGoodExtensions(bytes.subarray(0, length), V2_HEAD_BYTES + addressBytes)) return PROXY_MALFORMED;
  if (family !== FAMILY_IPV4 && family !== FAMILY_IPV6) return { length, addresses: null };
  const size = family === FAMILY_IPV4 ? 4 : 16;
  const at = V2_HEAD_BYTES;
  return {
    length,
    addresses: {
      sourceIp: readIp(bytes, at, size),
      destinationIp: readIp(bytes, at + size, size),
      sourcePort: bytes.readUInt16BE(at + 2 * size),
      destinationPort: bytes.readUInt16BE(at + 2 * size + 2),
    },
  };
}

function readIp(bytes: Buffer, at: number, size: 4 | 16): string {
  const words: number[] = [];
  for (let offset = 0; offset < size; offset += 4) words.push(bytes.readUInt32BE(at + offset));
  if (size === 4) return formatIp({ family: 4, words });
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return formatIp(isMapped ? { family: 4, words: words.slice(3) } : { family: 6, words });
}

/** The information after the addresses is well-formed, and its checksum right where there is one (§2.2.5). */
function hasGoodExtensions(header: Buffer, start: number): boolean {
  let at = start;
  while (at < header.length) {
    if (at + 3 > header.length) return false;
    const type = header[at]!;
    const length = header.readUInt16BE(at + 1);
    const value = at + 3;
    at = value + length;
    if (at > header.length) return false;
    if (type !== TYPE_CRC32C) continue;
    if (length !== 4) return false;
    const sum = header.readUInt32BE(value);
    const copy = Buffer.from(header);
    copy.fill(0, value, value + 4);
    if (crc32c(copy) !== sum) return false;
  }
  return true;
}

/**
 * The header that says for whom a connection to a server is made. Addresses that do not parse give one that says
 * nothing.
 */
export function renderProxyHeader(version: 1 | 2, addresses: ProxiedAddresses): Buffer {
  const source = parseIp(addresses.sourceIp);
  const destination = parseIp(addresses.destinationIp);
  if (version === 1) return renderText(addresses, source, destination);
  return renderBinary(addresses, source, destination);
}

function renderText(
  { sourcePort, destinationPort }: ProxiedAddresses,
  source: IpAddress | null,
  destination: IpAddress | null,
): Buffer {
  if (source === null || destination === null) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  const isIpv4 = source.family === 4 && destination.family === 4;
  const show = (address: IpAddress): string =>
    isIpv4 || address.family === 6 ? formatIp(address) : `::ffff:${formatIp(address)}`;
  const family = isIpv4 ? 'TCP4' : 'TCP6';
  return Buffer.from(
    `PROXY ${family} ${show(source)} ${show(destination)} ${sourcePort} ${destinationPort}\r\n`,
    'latin1',
  );
}

function renderBinary(
  { sourcePort, destinationPort }: ProxiedAddresses,
  source: IpAddress | null,
  destination: IpAddress | null,
): Buffer {
  if (source === null || destination === null) {
    const local = Buffer.alloc(V2_HEAD_BYTES);
    V2_START.copy(local);
    local[12] = COMMAND_LOCAL;
    return local;
  }
  const isIpv4 = source.family === 4 && destination.family === 4;
  const size = isIpv4 ? 4 : 16;
  const header = Buffer.alloc(V2_HEAD_BYTES + 2 * size + 4);
  V2_START.copy(header);
  header[12] = COMMAND_PROXY;
  header[13] = isIpv4 ? STREAM_IPV4 : STREAM_IPV6;
  header.writeUInt16BE(2 * size + 4, 14);
  writeIp(header, V2_HEAD_BYTES, source, size);
  writeIp(header, V2_HEAD_BYTES + size, destination, size);
  header.writeUInt16BE(sourcePort, V2_HEAD_BYTES + 2 * size);
  header.writeUInt16BE(destinationPort, V2_HEAD_BYTES + 2 * size + 2);
  return header;
}

function writeIp(header: Buffer, at: number, { words }: IpAddress, size: 4 | 16): void {
  const full = words.length * 4 === size ? words : [0, 0, 0xffff, words[0] ?? 0];
  full.forEach((word, index) => header.writeUInt32BE(word >>> 0, at + 4 * index));
}
