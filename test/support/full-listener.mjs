// Listens on the address and port given, with the shortest queue, and accepts nothing: once the queue is full, whoever
// connects hears nothing at all.
import net from 'node:net';

const [host, port] = process.argv.slice(2);
net.createServer().listen({ host, port: Number(port), backlog: 1 }, () => {
  process.stdout.write('listening\n', () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
});
