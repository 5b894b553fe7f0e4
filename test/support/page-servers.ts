// Servers that pages talk of and `signalbox demo --origins` does not have.

import { createSocket } from 'node:dgram';
import { createServer } from 'node:http2';

/** Answers every call of gRPC with an empty stream that ended well. */
export function startGrpcServer(port: number): Promise<AsyncDisposable> {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.resume();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      resolve({
        [Symbol.asyncDispose]: async () => {
          server.close();
        },
      });
    });
  });
}

/** Has one address, 203.0.113.9, for every name that it is asked for. */
export function startNameServer(port: number): Promise<AsyncDisposable> {
  const socket = createSocket('udp4');
  socket.on('message', (question, { port: clientPort, address }) => {
    let end = 12;
    while (question[end] !== 0) end += question[end]! + 1;
    const asked = question.subarray(12, end + 5);
    const head = Buffer.concat([question.subarray(0, 2), Buffer.from([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])]);
    // The name of the question, A, IN, a minute, four bytes.
    const answer = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 9]);
    socket.send(Buffer.concat([head, asked, answer]), clientPort, address);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, '127.0.0.1', () => {
      resolve({
        [Symbol.asyncDispose]: async () => {
          socket.close();
        },
      });
    });
  });
}
