// Clients that are slow, silent or many. Each test has a router of its own, and they wait for its limits together.

import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

const entryPoint = (timeouts: string, limits = ''): string =>
  `    transport: { respondingTimeouts: { ${timeouts} }, limits: { ${limits} } }`;

test.concurrent('68 slowloris: a head that does not end in time is answered 408', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: simpleInstall(origin.port, '', entryPoint('headerTimeout: 2s')),
  });
  const client = await RawClient.connect(router.ports['web']!);
  client.send('GET / HTTP/1.1\r\nHost: a\r\nX:');
  expect((await client.response()).status).toBe(408);
  await client.closed();
});

test.concurrent(
  '69 slow body: a pause longer than the read timeout is answered 408 and cancels the upstream',
  async () => {
    await using origin = await RecordingOrigin.start(() => {});
    await using router = await startRouter({ install: simpleInstall(origin.port, '', entryPoint('readTimeout: 2s')) });
    const client = await RawClient.connect(router.ports['web']!);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome');
    expect((await client.response()).status).toBe(408);
    await client.closed();
    await origin.until(() => origin.connections[0]!.isClosed);
  },
);

test.concurrent('69 a body may take long as a whole unless a total is set', async () => {
  await using origin = await RecordingOrigin.start(() => {});
  await using router = await startRouter({
    install: simpleInstall(origin.port, '', entryPoint('readTotalTimeout: 300ms')),
  });
  const client = await RawClient.connect(router.ports['web']!);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
  const drip = setInterval(() => client.send('x'), 50);
  expect((await client.response()).status).toBe(408);
  clearInterval(drip);
  client.socket.destroy();
});

test.concurrent('70 a client that takes nothing is given up, and the upstream with it', async () => {
  const piece = 'x'.repeat(64 * 1024);
  await using origin = await RecordingOrigin.start((connection) => {
    connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n');
    const fill = (): void => {
      while (!connection.socket.destroyed && connection.socket.write(piece));
      connection.socket.once('drain', fill);
    };
    fill();
  });
  await using router = await startRouter({
    install: simpleInstall(origin.port, '', entryPoint('writeIdleTimeout: 300ms')),
  });
  const client = await RawClient.connect(router.ports['web']!);
  client.socket.pause();
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await origin.until(() => origin.connections.length === 1 && origin.connections[0]!.isClosed);
  client.socket.destroy();
});

test.concurrent('71 idle connections are closed after the idle timeout', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port, '', entryPoint('idleTimeout: 2s')) });
  const client = await RawClient.connect(router.ports['web']!);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).status).toBe(200);
  await client.closed();
});

test.concurrent('71 caps on connections hold over all workers', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: simpleInstall(origin.port, '', entryPoint('', 'maxConnectionsPerIP: 3')),
    workers: 3,
  });
  const port = router.ports['web']!;
  const clients: RawClient[] = [];
  for (let index = 0; index < 3; index++) {
    const client = await RawClient.connect(port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await client.response()).status).toBe(200);
    clients.push(client);
  }
  // The reset may come while the client still connects.
  const refused = await RawClient.connect(port).then(
    async (client) => {
      await client.closed();
      return client.received;
    },
    (error: NodeJS.ErrnoException) => error.code,
  );
  expect(['', 'ECONNRESET']).toContain(refused);
  for (const client of clients) client.socket.destroy();
});

test.concurrent('77 the internal entry point refuses names that are not its own', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port) });
  const port = router.ports['traefik']!;
  expect(
    (await RawClient.exchange(port, 'GET /api/rawdata HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n'))
      .status,
  ).toBe(403);
  expect(
    (
      await RawClient.exchange(
        port,
        `GET /api/rawdata HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`,
      )
    ).status,
  ).toBe(200);
  expect(
    (
      await RawClient.exchange(
        port,
        'POST /ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
      )
    ).status,
  ).toBe(405);
});
