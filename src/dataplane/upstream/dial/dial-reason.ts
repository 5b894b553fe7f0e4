// Why a server could not be connected to, in words for a log: the address and what the system or OpenSSL said of it.

import type { Address } from '../name/address.ts';

/** What system errors mean for somebody who reads them at night. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset'],
  ['EHOSTUNREACH', 'no route to host'],
  ['ENETUNREACH', 'network unreachable'],
  ['ETIMEDOUT', 'no answer'],
  ['EPIPE', 'connection closed'],
  ['EMFILE', 'this process has no descriptors left'],
  ['ENFILE', 'this machine has no descriptors left'],
  ['EADDRNOTAVAIL', 'this machine has no local ports left'],
  ['ENOBUFS', 'this machine has no network memory left'],
  ['ENOMEM', 'this machine has no memory left'],
  ['EACCES', 'not permitted'],
  ['EPERM', 'not permitted'],
  ['ENOENT', 'there is no such socket'],
]);

function showAddress({ host }: Address, port: number): string {
  if (host.startsWith('/')) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `error` is null when the peer closed the connection in order. */
export function reasonOf(address: Address, port: number, error: Error | null): string {
  return `${showAddress(address, port)}: ${describe(error)}`;
}

function describe(error: Error | null): string {
  if (error === null) return 'closed by the server';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const meaning = MEANINGS.get(code);
  if (meaning !== undefined) return `${meaning} (${code})`;
  // OpenSSL's own words without its error number, file and line: "error:0A000152:SSL routines::unsafe legacy
  // renegotiation disabled:…".
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : '';
  if (reason !== '') return `TLS: ${reason} (${code})`;
  return code === '' || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}
