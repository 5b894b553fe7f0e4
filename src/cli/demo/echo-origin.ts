// A server to talk to while one tries things out: it says who it is, what it was asked and with which fields, and does
// a few more things when its path says so.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** RFC 6455, section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 0x81;
const CLOSE = Buffer.from([0x88, 0]);
/** What a frame of one length byte holds. */
const MAX_SHORT_FRAME = 125;

export interface EchoOrigin {
  readonly port: number;
  close(): void;
}

/** On loopback; without a name it is called by its port. Rejects with the error of the system when it cannot listen. */
export function startEchoOrigin(port: number, name?: string): Promise<EchoOrigin> {
  const server = createServer((request, response) => answer(nameOf(server, name), request, response));
  server.on('upgrade', (request, socket) => greet(nameOf(server, name), request, socket));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      resolve({
        port: portOf(server),
        close: () => {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port; // A TCP server that listens.
}

function nameOf(server: Server, name: string | undefined): string {
  return name ?? String(portOf(server));
}

function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const [, word, number] = /^\/(status|wait)\/(\d+)(?:[/?]|$)/.exec(request.url ?? '') ?? [];
  const status = word === 'status' ? Number(number) : 200;
  const fields = Object.entries(request.headers).map(([field, value]) => `${field}: ${String(value)}`);
  const say = (): void => {
    const isStatus = status >= 200 && status <= 599;
    response.writeHead(isStatus ? status : 200, { 'Content-Type': 'text/plain', 'X-Origin': name });
    response.end(`${name} got ${request.method ?? ''} ${request.url ?? ''}\n${fields.join('\n')}\n`);
  };
  if (word !== 'wait') {
    say();
    return;
  }
  const timer = setTimeout(say, Number(number) * 1000);
  response.once('close', () => clearTimeout(timer));
}

/** A WebSocket that says who answers and then ends: enough to see that it got through. */
function greet(name: string, request: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => socket.destroy());
  const key = request.headers['sec-websocket-key'];
  if (request.headers.upgrade?.toLowerCase() !== 'websocket' || key === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  const accept = createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64');
  const text = Buffer.from(`${name} got ${request.url ?? ''}`).subarray(0, MAX_SHORT_FRAME);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.end(Buffer.concat([Buffer.from([TEXT, text.length]), text, CLOSE]));
}
