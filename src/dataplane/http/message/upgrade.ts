// Which protocols a connection may change to (RFC 9110 §7.8). What a tunnel carries is the affair of its two ends -
// WebSocket, Docker's `tcp`, SPDY/3.1, derp - but for protocols that would carry requests past the router: HTTP itself,
// and TLS, which would hide them.

import { TOKEN_TEXT } from './grammar.ts';

const PROTOCOL = new RegExp(`^${TOKEN_TEXT}(?:/${TOKEN_TEXT})?$`);
const CARRIES_REQUESTS = /^(?:https?|h2c?|h3|tls)(?:[/-]|$)/i;

export const WEBSOCKET = 'websocket';

/** What of an Upgrade field may be passed on, spelled as it came but for WebSocket; '' for nothing. */
export function passableUpgrade(value: string): string {
  if (!value.includes(',')) return passable(value);
  return value
    .split(',')
    .map((one) => passable(one.trim()))
    .filter((one) => one !== '')
    .join(', ');
}

function passable(protocol: string): string {
  if (!PROTOCOL.test(protocol) || CARRIES_REQUESTS.test(protocol)) return '';
  return protocol.toLowerCase() === WEBSOCKET ? WEBSOCKET : protocol;
}

/** The server has changed to a protocol it was offered. */
export function isOffered(offered: string, chosen: string): boolean {
  if (offered === '' || chosen === '') return false;
  const wanted = chosen.toLowerCase();
  const lower = offered.toLowerCase();
  return lower === wanted || lower.split(', ').includes(wanted);
}
