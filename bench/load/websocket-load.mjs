// Messages that WebSocket clients send and get back, on one core for clients and server together:
// `node websocket-load.mjs PORT SERVER_PORT CONNECTIONS SECONDS` prints how many came back, and how many connections
// failed. It speaks no more of the protocol than it takes: one message of 32 bytes at a time on each connection.

import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';

const [port, serverPort, connections, seconds] = process.argv.slice(2).map(Number);
const PAYLOAD_BYTES = 32;
const MASK_BYTES = 4;
/** RFC 6455 §5.2: final, text; clients mask, and a mask of zeros changes nothing. */
const QUESTION = Buffer.concat([
  Buffer.from([0x81, 0x80 | PAYLOAD_BYTES, 0, 0, 0, 0]),
  Buffer.alloc(PAYLOAD_BYTES, 'x'),
]);
const ANSWER = Buffer.concat([Buffer.from([0x81, PAYLOAD_BYTES]), Buffer.alloc(PAYLOAD_BYTES, 'x')]);
const QUESTION_BYTES = 2 + MASK_BYTES + PAYLOAD_BYTES;

const server = net.createServer({ noDelay: true }, (socket) => {
  let head = '';
  let pending = 0;
  let isOpen = false;
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    if (isOpen) {
      pending += chunk.length;
      for (; pending >= QUESTION_BYTES; pending -= QUESTION_BYTES) socket.write(ANSWER);
      return;
    }
    head += chunk.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    isOpen = true;
    const key = /sec-websocket-key: (.*)\r/i.exec(head)[1];
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
});
await new Promise((resolve) => server.listen(serverPort, '127.0.0.1', resolve));

let messages = 0;
let failed = 0;
let isRunning = false;
const sockets = await Promise.all(Array.from({ length: connections }, connect));

function connect() {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    let head = '';
    let pending = 0;
    let isOpen = false;
    const fail = () => {
      if (isRunning || !isOpen) failed++;
      resolve(socket);
    };
    socket.on('error', fail);
    socket.on('end', fail);
    socket.on('connect', () =>
      socket.write(
        `GET /bench/echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
      ),
    );
    socket.on('data', (chunk) => {
      if (isOpen) {
        pending += chunk.length;
        for (; pending >= ANSWER.length; pending -= ANSWER.length) {
          if (!isRunning) continue;
          messages++;
          socket.write(QUESTION);
        }
        return;
      }
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      isOpen = head.startsWith('HTTP/1.1 101');
      if (!isOpen) failed++;
      resolve(socket);
    });
  });
}

isRunning = true;
for (const socket of sockets) socket.write(QUESTION);
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
isRunning = false;
console.log(`${messages} messages, ${failed} failed`);
process.exit(0);
