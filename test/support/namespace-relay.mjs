// Runs in a network namespace, and leads connections of a Unix socket to ports of the loopback in there: each says the
// number of the port in a line of its own first. Ends with its standard input.

import net from 'node:net';

process.stdin.resume();
process.stdin.once('close', () => process.exit());

const server = net.createServer({ allowHalfOpen: true }, (near) => {
  near.once('error', () => near.destroy());
  near.once('readable', () => {
    let line = '';
    for (let byte = near.read(1); byte !== null && byte[0] !== 10; byte = near.read(1)) line += byte.toString();
    const far = net.connect({ port: Number(line), host: '127.0.0.1', allowHalfOpen: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
});
server.listen(process.argv[2], () => process.stdout.write('ready\n'));
