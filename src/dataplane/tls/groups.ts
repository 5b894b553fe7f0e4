// The groups that keys are exchanged in when nothing else is configured.

import tls from 'node:tls';

/**
 * Cheap for the server and good enough for everybody, in order of preference. OpenSSL's own list ends in finite-field
 * groups, one handshake of which costs up to 200 ms of the event loop, at no cost to whoever asks for it
 * (CVE-2002-20001, CVE-2022-40735).
 */
const WANTED = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384'];

let known: string | null = null;

/** Those of them that this runtime has, joined by `:`. */
export function defaultGroups(): string {
  known ??= WANTED.filter(isThere).join(':');
  return known;
}

function isThere(group: string): boolean {
  try {
    // The one public way to ask OpenSSL.
    tls.createSecureContext({ ecdhCurve: group });
    return true;
  } catch {
    return false;
  }
}
