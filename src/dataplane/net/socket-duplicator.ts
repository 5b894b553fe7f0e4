// The child process of listening-socket.ts: sends each inherited descriptor back to its parent, one after the other, and
// ends when the parent closes the channel.

import net from 'node:net';

const FIRST_FD = 4;

// The second handle waits until the parent has the first: only the channel keeps this process alive meanwhile.
process.channel?.ref();

const count = Number(process.argv[2]);
for (let index = 0; index < count; index++) {
  // A socket that is never read: only a carrier for the handle.
  const options: net.SocketConstructorOpts & { manualStart: boolean } = {
    fd: FIRST_FD + index,
    readable: false,
    writable: false,
    manualStart: true,
  };
  const socket = new net.Socket(options) as net.Socket & { _handle: net.Socket };
  // Kept open here: the parent's copy is the duplicate, ours goes when the process ends.
  process.send?.('socket', socket._handle, { keepOpen: true });
}
