// The page about replacing the router, in containers: a second one beside the first, there and back, under load.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BUILDERS, imageFile } from '../support/container-image.ts';
import { DockerEngine, missingDocker } from '../support/docker-engine.ts';
import { missingPrograms } from '../support/engine.ts';
import { runInside } from '../support/inside-engine.ts';
import { forFile } from '../support/lab.ts';
import { sectionsOfPage } from '../support/page.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const missing = missingDocker() ?? missingPrograms(...BUILDERS, 'docker-compose');
const ROUTING = `
http:
  routers: { all: { rule: 'PathPrefix(\`/\`)', service: app } }
  services: { app: { loadBalancer: { servers: [{ url: 'http://127.0.0.1:9000' }] } } }
`;

describe.skipIf(missing !== null)(`a router in a container is replaced${missing ?? ''}`, async () => {
  if (missing !== null) return;
  const [engine, file] = await Promise.all([forFile(DockerEngine.start()), imageFile()]);
  await engine.docker('load', '--quiet', '--input', file);
  await engine.docker('tag', 'signalbox:0.1.0', 'signalbox:0.2.0');
  const folder = join(engine.directory, 'page');
  mkdirSync(folder);
  const { blocks } = sectionsOfPage('upgrade.md').find(({ title }) => title === 'Docker and compose')!;
  writeFileSync(join(folder, 'docker-compose.yml'), blocks.find(({ language }) => language === 'yaml')!.text);
  writeFileSync(join(folder, 'routing.yml'), ROUTING);

  const compose = async (environment: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<void> => {
    const where = ['--project-directory', folder, '--file', join(folder, 'docker-compose.yml')];
    const { code, stderr } = await runInside(engine, 'docker-compose', [...where, ...args], environment);
    expect([args, code, code === 0 ? '' : stderr]).toEqual([args, 0, '']);
  };
  const state = (name: string, what: string): Promise<string> =>
    engine.docker('inspect', '--format', `{{${what}}}`, `page_${name}_1`);
  const isHealthy = async (name: string): Promise<void> => {
    await expect.poll(() => state(name, '.State.Health.Status')).toBe('healthy');
  };

  await compose({}, 'up', '--detach');
  await engine.serve('app', { args: '--network container:page_door_1', port: 9000 });
  const port = await engine.reach(80);

  test('by a second container, and back by the same way, without a failed request', async () => {
    await isHealthy('router-a');
    const load = new SteadyLoad({ port, kept: 4, fresh: 4 });
    await load.more(100);
    await compose({ B: 'signalbox:0.2.0' }, 'up', '--detach', '--no-deps', 'router-b');
    await isHealthy('router-b');
    await load.more(100);
    await compose({}, 'stop', 'router-a');
    expect(await state('router-a', '.State.ExitCode')).toBe('0');
    await load.more(200);
    expect(await state('router-b', '.Config.Image')).toBe('signalbox:0.2.0');

    await compose({}, 'up', '--detach', '--no-deps', 'router-a');
    await isHealthy('router-a');
    await compose({}, 'stop', 'router-b');
    expect(await state('router-b', '.State.ExitCode')).toBe('0');
    await load.more(200);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.renewed).toBeGreaterThan(0);
  });
});
