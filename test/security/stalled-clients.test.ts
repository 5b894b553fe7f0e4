// A client that asks for much and reads nothing is given up, and what the kernel holds for it with it: only a reset
// does that.

import net from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter } from '../support/router.ts';

const origin = await forFile(
  RecordingOrigin.start(({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 << 20}\r\n\r\n`);
    socket.write(Buffer.alloc(64 << 20));
  }),
);
const router = await forFile(
  startRouter({
    install: `
entryPoints:
  web: { address: "127.0.0.1:0", transport: { respondingTimeouts: { writeIdleTimeout: 300ms } } }
  traefik: { address: "127.0.0.1:0" }
http:
  routers:
    all: { rule: "PathPrefix(\`/\`)", service: origin }
  services:
    origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } }
`,
  }),
);

test('a client that stops reading is reset', async () => {
  const port = router.ports['web']!;
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(client, 'connect');
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(client, 'readable');
  // Nothing more is read until the router has let go of the server, which is when it has given up the client.
  await origin.until(() => origin.connections.at(-1)?.isClosed === true);
  // After an orderly end it could still be written to; after a reset not.
  const failed = new Promise<string | undefined>((resolve) => {
    client.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
    client.on('end', () => client.write('x', (error) => resolve((error as NodeJS.ErrnoException | null)?.code)));
  });
  client.resume();
  expect(['ECONNRESET', 'EPIPE']).toContain(await failed);
  client.destroy();
});
