// The child process of listening-socket.ts: sends each inherited descriptor back to its parent, one after the other,
// and ends when the parent closes the channel. Its arguments are the protocols of the descriptors.

import net from 'node:net';
import type { Socket as DatagramSocket } from 'node:dgram';
import { openDatagrams } from './datagram-handle.ts';

const FIRST_FD = 4;

// The second handle waits until the parent has the first: only the channel keeps this process alive meanwhile.
process.channel?.ref();
// The parent may end before it has them: then nobody is left to tell.
process.on('disconnect', () => process.exit());

/** A socket that is never read: only a carrier for the handle. */
function openTcp(fd: number): net.Socket {
  const options: net.SocketConstructorOpts & { manualStart: boolean } = {
    fd,
    readable: false,
    writable: false,
    manualStart: true,
  };
  return (new net.Socket(options) as net.Socket & { _handle: net.Socket })._handle;
}

for (const [index, protocol] of process.argv.slice(2).entries()) {
  const fd = FIRST_FD + index;
  const handle = protocol === 'udp' ? (openDatagrams(fd) as unknown as DatagramSocket) : openTcp(fd);
  // Kept open here: the parent's copy is the duplicate, ours goes when the process ends.
  process.send?.('socket', handle, { keepOpen: true }, (error) => {
    if (error !== null) process.exit();
  });
}
