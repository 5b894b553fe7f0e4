// The handshake of WebSocket as far as a proxy between versions of HTTP has to make one itself (RFC 6455 §4.2.2).

import { createHash } from 'node:crypto';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Value of Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
export function webSocketAccept(key: string): string {
  return createHash('sha1').update(key).update(GUID).digest('base64');
}
