// Containers of one service that come and go under load, beside others with names of their own, which are killed:
// nobody who asks gets anything but an answer. `npm run soak` takes more of them, and says how soon each was seen.

import { expect, test } from 'vitest';
import { DockerEngine, missingDocker } from '../support/docker-engine.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const CONTAINERS = Number(process.env['DOCKER_CHURN'] ?? 24);
/** As many come and go side by side. */
const LANES = 4;
const missing = missingDocker();

test.skipIf(missing !== null)(
  `${CONTAINERS} containers come and go under load (DOCKER_CHURN)${missing === null ? '' : ` (${missing})`}`,
  async () => {
    await using engine = await DockerEngine.start();
    await using router = await startRouter({
      inside: engine.inside,
      workers: 2,
      install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
providers:
  docker: { endpoint: "unix://${engine.socket}", defaultRule: "Host(\`{{ .Name }}.test\`)", httpClientTimeout: 1h }
`,
    });
    const web = await engine.reach(router.ports['web']!);
    const ask = async (host: string): Promise<string> => {
      const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      const { status, body } = await RawClient.exchange(web, request);
      return status === 200 ? body : String(status);
    };
    const shop = {
      args: '--expose 80 --rm',
      labels: [
        'com.docker.compose.project=shop',
        'com.docker.compose.service=web',
        'traefik.http.routers.shop.rule=Host(`load.test`)',
      ],
    };
    // One that stays, so that there is always somebody to ask.
    await engine.serve('stays', shop);
    await expect.poll(() => ask('load.test')).toBe('stays');
    const load = new SteadyLoad({ port: web, kept: 2, fresh: 2 });
    const seenAfterMs: number[] = [];
    const waiting = Array.from({ length: CONTAINERS }, (_, index) => index);

    const come = async (name: string): Promise<void> => {
      await engine.serve(name, { args: '--expose 80 --rm' });
      await expect.poll(() => ask(`${name}.test`), { interval: 5 }).toBe(name);
      const started = Date.parse(await engine.docker('inspect', '-f', '{{.State.StartedAt}}', name));
      seenAfterMs.push(Date.now() - started);
    };
    const lane = async (): Promise<void> => {
      for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
        const name = `c${index}`;
        const isOwn = index % 4 === 0;
        if (isOwn) await come(name);
        else await engine.serve(name, shop);
        await load.more(20);
        // Of one that is killed, an answer can be cut off that nobody could give again.
        await engine.docker(...(isOwn ? ['rm', '-f', name] : ['stop', name]));
        if (isOwn) await expect.poll(() => ask(`${name}.test`)).toBe('404');
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await ask('load.test')).toBe('stays');
    if (process.env['DOCKER_CHURN'] === undefined) return;
    const sorted = seenAfterMs.toSorted((a, b) => a - b);
    const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1];
    process.stdout.write(`${load.answered} answers; a new container was asked after ${sorted[0]}…${p99} ms (p99)\n`);
  },
);
