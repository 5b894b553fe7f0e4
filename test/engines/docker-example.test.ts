// The example with containers, as its reader starts it, on an engine of the test's own.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { DockerEngine, missingDocker } from '../support/docker-engine.ts';
import { cleanEnvironment } from '../support/marked-processes.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';

const FOLDER = fileURLToPath(new URL('../../examples/docker', import.meta.url));
const missing = missingDocker();

test.skipIf(missing !== null)(`the example with containers${missing === null ? '' : ` (${missing})`}`, async () => {
  await using engine = await DockerEngine.start();
  // Stands for the image that the example names, which has a server on the port that it exposes.
  const serve = 'mkdir -p /www; hostname > /www/index.html; exec busybox httpd -f -p 80 -h /www';
  await engine.importImage('nginx', 'EXPOSE 80', `CMD ["/bin/sh", "-c", "${serve}"]`);
  const install = await readFile(join(FOLDER, 'signalbox.yml'), 'utf8');
  await using router = await startRouter({
    inside: engine.inside,
    install: install
      .replace('unix:///var/run/docker.sock', `unix://${engine.socket}`)
      .replace("'127.0.0.1:8000'", "'127.0.0.1:0'"),
  });
  await promisify(execFile)('sh', [join(FOLDER, 'containers.sh')], {
    env: cleanEnvironment({ DOCKER_HOST: `unix://${engine.socket}` }),
  });
  const web = await engine.reach(router.ports['web']!);
  const ask = async (host: string): Promise<string> => {
    const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    return (await RawClient.exchange(web, request)).body.trim();
  };
  await expect.poll(() => ask('hello.localhost')).toMatch(/^[0-9a-f]{12}$/);
  await expect.poll(() => ask('shop.localhost')).toBe('shop-1');
  await expect.poll(() => ask('shop.localhost')).toBe('shop-2');
  await engine.docker('rm', '-f', 'shop-1');
  expect(await ask('shop.localhost')).toBe('shop-2');
});
