// The strictest reader of requests, for what the router has sent to an origin: one spelling of everything, so that no
// other reader can find other requests in the same bytes. Written apart from the product's parser and sharing nothing
// with it; a rule relaxed here hides a smuggled request.

import type { OriginConnection, Respond } from '../support/recording-origin.ts';

export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  /** In order, names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface StrictReading {
  /** Complete requests. */
  readonly requests: readonly StrictRequest[];
  /** Begin of a request whose end has not come. */
  readonly rest: string;
  /** The first thing that somebody could read differently; null when there is none. */
  readonly violation: string | null;
}

const REQUEST_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) (\*|\/[!$&'()*+,\-./0-9:;=@A-Z_a-z~%]*(?:\?[!-"$-~\x80-\xff]*)?) HTTP\/1\.1$/;
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)$/;
/** At most once, whatever their value. */
const SINGLE = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'x-forwarded-for']);
/** CGI-style origins read `_` as `-`: these would be framing or routing for them. */
const CONFUSABLE = /^(?:content_length|transfer_encoding|x_forwarded_.*|x_real_ip|host_.*)$/;
const NEVER = new Set(['keep-alive', 'proxy', 'proxy-connection', 'proxy-authorization', 'http2-settings', 'expect']);
const NO_TRAILERS = new Set([...SINGLE, ...NEVER, 'trailer', 'te', 'authorization', 'cookie']);

class Violation extends Error {}

/** Reads all requests in the bytes of one connection. */
export function readStrictly(bytes: string): StrictReading {
  const requests: StrictRequest[] = [];
  let at = 0;
  try {
    for (;;) {
      const read = readRequest(bytes, at);
      if (read === null) return { requests, rest: bytes.slice(at), violation: null };
      requests.push(read.request);
      at = read.next;
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { requests, rest: bytes.slice(at), violation: error.message };
  }
}

function refuse(what: string, where: string): never {
  throw new Violation(`${what}: ${JSON.stringify(where.slice(0, 200))}`);
}

function readRequest(bytes: string, start: number): { request: StrictRequest; next: number } | null {
  const blank = bytes.indexOf('\r\n\r\n', start);
  const arrived = blank < 0 ? bytes.slice(start) : bytes.slice(start, blank + 4);
  if (/\r[^\n]|[^\r]\n|^\n/.test(arrived)) refuse('line end', arrived);
  if (blank < 0) return null;
  const [line, ...rest] = bytes.slice(start, blank).split('\r\n');
  const match = REQUEST_LINE.exec(line!);
  if (match === null) refuse('request line', line!);
  const target = match[2]!;
  // A query is bytes to its origin, and goes as it came.
  if (/%(?![0-9A-F]{2})/i.test(target.split('?')[0]!)) refuse('escape', target);
  const fields = rest.map(readField);
  for (const name of SINGLE) if (fields.filter((field) => field[0] === name).length > 1) refuse('repeated', name);
  for (const [name] of fields) if (NEVER.has(name) || CONFUSABLE.test(name)) refuse('field', name);
  const valueOf = (name: string): string | undefined => fields.find((field) => field[0] === name)?.[1];
  if (!/^[\w.-]+(?::\d{0,5})?$|^\[[0-9a-fA-F:.]+\](?::\d{0,5})?$/.test(valueOf('host') ?? '')) refuse('host', arrived);
  const length = valueOf('content-length');
  const coding = valueOf('transfer-encoding');
  const head = { method: match[1]!, target, fields };
  if (coding !== undefined) {
    if (length !== undefined || coding !== 'chunked') refuse('framing', arrived);
    const body = readChunked(bytes, blank + 4);
    return body === null ? null : { request: { ...head, body: body.data }, next: body.next };
  }
  if (length === undefined) return { request: { ...head, body: '' }, next: blank + 4 };
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(length)) refuse('length', length);
  const next = blank + 4 + Number(length);
  return bytes.length < next ? null : { request: { ...head, body: bytes.slice(blank + 4, next) }, next };
}

function readField(line: string): readonly [name: string, value: string] {
  const match = FIELD.exec(line);
  if (match === null) refuse('field line', line);
  return [match[1]!.toLowerCase(), match[2]!];
}

function readChunked(bytes: string, start: number): { data: string; next: number } | null {
  let data = '';
  let at = start;
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) {
      if (!/^[0-9a-f]{0,8}\r?$/.test(bytes.slice(at))) refuse('chunk size', bytes.slice(at));
      return null;
    }
    const digits = bytes.slice(at, end);
    if (!/^(?:0|[1-9a-f][0-9a-f]{0,7})$/.test(digits)) refuse('chunk size', digits);
    const size = Number.parseInt(digits, 16);
    if (size === 0) return readTrailers(bytes, end + 2, data);
    at = end + 2 + size;
    if (bytes.length < at + 2) return null;
    if (bytes.slice(at, at + 2) !== '\r\n') refuse('chunk end', bytes.slice(at));
    data += bytes.slice(end + 2, at);
    at += 2;
  }
}

function readTrailers(bytes: string, start: number, data: string): { data: string; next: number } | null {
  let at = start;
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return null;
    if (end === at) return { data, next: end + 2 };
    const [name] = readField(bytes.slice(at, end));
    if (NO_TRAILERS.has(name) || CONFUSABLE.test(name)) refuse('trailer', name);
    at = end + 2;
  }
}

/** Answers each complete request once with 200 `ok`, and a request it cannot read with 400 and the end. */
export function answerWhole(): Respond {
  const answered = new WeakMap<OriginConnection, number>();
  return (connection) => {
    const { requests, violation } = readStrictly(connection.received);
    for (let index = answered.get(connection) ?? 0; index < requests.length; index++) {
      const body = requests[index]!.method === 'HEAD' ? '' : 'ok';
      connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${body}`);
    }
    answered.set(connection, requests.length);
    if (violation !== null) connection.socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
  };
}
