// Workers that crash, in the whole program.

import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter, type RouterProcess } from '../support/router.ts';

const SCRIPT = new URL('../support/crashing-router.mjs', import.meta.url);
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

async function metrics(router: RouterProcess): Promise<string> {
  return (await fetch(`http://127.0.0.1:${router.ports['traefik']!}/metrics`)).text();
}

const crashes = (router: RouterProcess): number => router.stderr().split('a worker crashed and is replaced').length - 1;

test('a crashed worker is replaced and counted, what it had counted stays, what it held is given back', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port), script: SCRIPT });
  const port = router.ports['web']!;
  const client = await RawClient.connect(port);
  for (let count = 0; count < 3; count++) {
    client.send(REQUEST);
    expect((await client.response()).status).toBe(200);
  }
  expect(await metrics(router)).toContain('signalbox_open_connections{entrypoint="web",protocol="TCP"} 1\n');
  router.signal('SIGUSR2');
  await router.sees('a worker crashed and is replaced');
  await client.closed();
  // Waits in the kernel's queue until the new worker accepts.
  const next = await RawClient.connect(port);
  for (let count = 0; count < 2; count++) {
    next.send(REQUEST);
    expect((await next.response()).status).toBe(200);
  }
  const total = 'signalbox_entrypoint_requests_total{code="200",method="GET",protocol="http",entrypoint="web"} 5\n';
  // A new worker's series become known by a message of their own, which the question may overtake.
  let text = await metrics(router);
  while (!text.includes(total)) text = await metrics(router);
  expect(text).toContain('signalbox_worker_restarts_total 1\n');
  expect(text).toContain('signalbox_open_connections{entrypoint="web",protocol="TCP"} 1\n');
  const events = await RawClient.connect(router.ports['traefik']!);
  events.send('GET /api/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0\r\n\r\n');
  await events.until(() => events.received.includes('event: worker\n'));
  events.socket.destroy();
  next.socket.destroy();
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
});

test('workers that crash again and again end neither the process nor each other', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port), script: SCRIPT });
  for (let count = 1; count <= 6; count++) {
    router.signal('SIGUSR2');
    await router.sees(new RegExp(`(?:a worker crashed and is replaced[\\s\\S]*){${count}}`));
    // Waits in the kernel's queue while there is no worker.
    expect((await RawClient.exchange(router.ports['web']!, REQUEST)).status).toBe(200);
  }
  expect(crashes(router)).toBe(6);
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
});
