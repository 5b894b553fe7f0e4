// Hundreds of changes under load: no request fails, and no worker's memory grows with them.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { replaceFile } from '../support/replace-file.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const WORKERS = 2;
const CHANGES = Number(process.env['MANY_CHANGES'] ?? 60);
const BASELINE = 20;
const MAX_GROWTH = 1.1;

/** 300 routers; every change replaces a third of them, a middleware and the order of the servers. */
function routing(change: number, port: number): string {
  const routers = Array.from({ length: 300 }, (_, index) => {
    const path = index % 3 === 0 ? `/p${index}/v${change}` : `/p${index}`;
    return `    r${index}: { rule: "PathPrefix(\`${path}\`)", service: s${index % 5}, middlewares: [m] }\n`;
  });
  const services = Array.from({ length: 5 }, (_, index) => {
    const weight = ((change + index) % 3) + 1;
    return `    s${index}: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${port}", weight: ${weight} }, { url: "http://localhost:${port}" }] } }\n`;
  });
  return `http:
  routers:
    fixed: { rule: "Path(\`/fixed\`)", service: s0, middlewares: [m] }
${routers.join('')}  middlewares:
    m: { headers: { customResponseHeaders: { X-Change: "${change}" } } }
  services:
${services.join('')}`;
}

async function heapOfWorkers(router: RouterProcess, times: number): Promise<number[]> {
  router.signal('SIGUSR2');
  // Only after a forced collection does the figure say what is alive.
  const line = /worker memory worker=(\d+) isCollected=true heapUsedBytes=(\d+)/g;
  await router.sees((said) => [...said.matchAll(line)].length === times * WORKERS);
  const latest = [...router.stderr().matchAll(line)].slice(-WORKERS);
  return latest.toSorted((a, b) => Number(a[1]) - Number(b[1])).map((match) => Number(match[2]));
}

test(`${CHANGES} changes under load (MANY_CHANGES)`, async () => {
  await using origin = await RecordingOrigin.start((connection) => {
    connection.received = '';
    connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
  await using router = await startRouter({
    install:
      'entryPoints: { web: { address: "127.0.0.1:0" } }\nproviders: { providersThrottleDuration: 1ms, file: { filename: DIR/routing.yml } }\n',
    files: { 'routing.yml': routing(0, origin.port) },
    workers: WORKERS,
    nodeArgs: ['--expose-gc'],
  });
  let isRunning = true;
  let served = 0;
  const failures: string[] = [];
  const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(router.ports['web']!)));
  const load = clients.map(async (client) => {
    while (isRunning) {
      client.send('GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n');
      const response = await client.response();
      if (response.status !== 200 || response.body !== 'ok') failures.push(response.head);
      served++;
    }
  });
  let early: number[] = [];
  for (let change = 1; change <= CHANGES; change++) {
    await replaceFile(join(router.directory, 'routing.yml'), routing(change, origin.port));
    await router.sees(`version=${change + 1} `);
    if (change === BASELINE) early = await heapOfWorkers(router, 1);
  }
  const late = await heapOfWorkers(router, 2);
  isRunning = false;
  await Promise.all(load);
  for (const client of clients) client.socket.destroy();
  expect(failures).toEqual([]);
  expect(served).toBeGreaterThan(CHANGES);
  expect(router.stderr()).not.toMatch(/replaced|crashed|refused/);
  for (const [index, heap] of late.entries()) expect(heap).toBeLessThan(early[index]! * MAX_GROWTH);
});
