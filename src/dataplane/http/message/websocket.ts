// The handshake of WebSocket as far as a proxy between versions of HTTP has to make one itself (RFC 6455 §4.2.2).

import { createHash, randomBytes } from 'node:crypto';
import type { HeaderList } from './header-list.ts';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Value of Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
export function webSocketAccept(key: string): string {
  return createHash('sha1').update(key).update(GUID).digest('base64');
}

/**
 * For a client of HTTP/2, where it is a matter of HTTP/1.1 alone: ours to choose, and its answer ours to check (RFC
 * 8441 §5).
 */
export function addWebSocketKey(headers: HeaderList): string {
  const key = randomBytes(16).toString('base64');
  headers.appendLine('sec-websocket-key', `Sec-WebSocket-Key: ${key}\r\n`);
  return key;
}
