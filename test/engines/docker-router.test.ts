// Containers of a real engine in front of which the built program runs, in the same network: what people do with
// Docker, and what the engine does to them.

import { beforeEach, expect, test } from 'vitest';
import { DockerEngine, IMAGE, missingDocker } from '../support/docker-engine.ts';
import { forFile } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const missing = missingDocker();
const EXPOSED = { args: '--expose 80' };

interface Docker {
  readonly engine: DockerEngine;
  readonly router: RouterProcess;
  readonly web: number;
  readonly api: number;
}

async function startDocker(): Promise<Docker> {
  const engine = await forFile(DockerEngine.start());
  await engine.docker('network', 'create', 'front');
  await engine.docker('network', 'create', 'back');
  const router = await forFile(
    startRouter({
      inside: engine.inside,
      workers: 2,
      environment: { SECRET: 'sesame-4711' },
      install: `
entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
api: { insecure: true }
ping: {}
log: { level: debug }
providers:
  providersThrottleDuration: 10ms
  docker:
    endpoint: "unix://${engine.socket}"
    defaultRule: "Host(\`{{ normalize .Name }}.test\`)"
    network: front
    useBindPortIP: true
    resyncInterval: 5s
    httpClientTimeout: 5s
`,
    }),
  );
  const web = await engine.reach(router.ports['web']!);
  const api = await engine.reach(router.ports['traefik']!);
  return { engine, router, web, api };
}

const docker = missing === null ? await startDocker() : null;
const { engine, web, api, router } = docker ?? ({} as Docker); // Nothing runs without it.
const dockerTest = test.skipIf(missing !== null);
if (missing !== null) test.skip(`containers behind the router (${missing})`, () => {});

beforeEach(async () => {
  if (docker === null) return;
  const ids = (await engine.docker('ps', '-aq')).split('\n').filter((id) => id !== '');
  if (ids.length > 0) await engine.docker('rm', '-f', ...ids);
});

/** What the router answers for the host: the body of a 200, otherwise the status. */
async function ask(host: string): Promise<string> {
  const { status, body } = await RawClient.exchange(
    web,
    `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  );
  return status === 200 ? body : String(status);
}

/** What the API says of each container. */
async function discovered(): Promise<readonly object[]> {
  const answer = await fetch(`http://127.0.0.1:${api}/api/discovered`);
  const all = (await answer.json()) as { name: string; status: string; error?: readonly string[] }[]; // The API's own.
  return all.map(({ name, status, error }) => ({ name, status, error })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** URLs of the servers of a service. */
async function servers(service: string): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${api}/api/http/services/${service}@docker`);
  if (!answer.ok) return answer.status;
  const { serverStatus = {} } = (await answer.json()) as { serverStatus?: object }; // The API's own.
  return Object.keys(serverStatus);
}

const answers = (host: string): { toBe(answer: string): Promise<void> } => expect.poll(() => ask(host));

dockerTest('a container is served under its name while it runs', async () => {
  await answers('plain.test').toBe('404');
  await engine.serve('plain', EXPOSED);
  await answers('plain.test').toBe('plain');
  await engine.docker('stop', 'plain');
  await answers('plain.test').toBe('404');
  await engine.docker('start', 'plain');
  await answers('plain.test').toBe('plain');
  await engine.docker('rename', 'plain', 'other');
  await answers('other.test').toBe('plain');
  await answers('plain.test').toBe('404');
});

dockerTest(
  'one that is paused or fails its health check gets nothing, and is served again when it is well',
  async () => {
    await engine.serve('sick', {
      args: '--expose 80 --tmpfs /tmp --health-interval 200ms --health-retries 1 --health-cmd /bin/well',
    });
    await expect.poll(() => engine.docker('inspect', '-f', '{{.State.Health.Status}}', 'sick')).toBe('unhealthy');
    await answers('sick.test').toBe('404');
    await engine.docker('exec', 'sick', 'touch', '/tmp/well');
    await answers('sick.test').toBe('sick');
    await engine.docker('exec', 'sick', 'rm', '/tmp/well');
    await answers('sick.test').toBe('404');
    await engine.docker('exec', 'sick', 'touch', '/tmp/well');
    await answers('sick.test').toBe('sick');
    await engine.docker('pause', 'sick');
    // Whoever asks one that is paused waits.
    await expect.poll(discovered).toMatchObject([{ name: 'container sick', error: ['it is paused'] }]);
    await answers('sick.test').toBe('404');
    await engine.docker('unpause', 'sick');
    await answers('sick.test').toBe('sick');
  },
);

dockerTest('of several networks the one that is named is used, and the other one where its label says so', async () => {
  // Neither is reached on the wrong one: another container has its address there.
  await engine.serve('two', { args: '--expose 80 --network back' });
  await engine.docker('network', 'connect', 'front', 'two');
  await engine.serve('three', {
    args: '--expose 80 --network front',
    labels: ['traefik.docker.network=back'],
  });
  await engine.docker('network', 'connect', 'back', 'three');
  const addressOf = async (name: string, network: string): Promise<string> =>
    engine.docker('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name);
  await expect.poll(() => servers('two')).toEqual([`http://${await addressOf('two', 'front')}:80`]);
  await expect.poll(() => servers('three')).toEqual([`http://${await addressOf('three', 'back')}:80`]);
  await answers('two.test').toBe('two');
  await answers('three.test').toBe('three');
});

dockerTest('containers of one service of a compose file are one service', async () => {
  const labels = ['com.docker.compose.project=shop', 'com.docker.compose.service=web'];
  const compose = { args: '--expose 80', labels };
  await engine.serve('shop_web_1', compose);
  await engine.serve('shop_web_2', compose);
  await answers('web-shop.test').toBe('shop_web_1');
  await answers('web-shop.test').toBe('shop_web_2');
});

dockerTest('a container with the network of the host, or of another container, is reached there', async () => {
  await engine.serve('on-host', {
    args: '--network host',
    labels: ['traefik.http.services.on-host.loadbalancer.server.port=18080'],
    port: 18_080,
  });
  await answers('on-host.test').toBe('on-host');
  await engine.docker(
    'run',
    '-d',
    '--name',
    'pod',
    ...'--network front -l traefik.enable=false'.split(' '),
    IMAGE,
    '/bin/sleep',
    '1000',
  );
  await engine.serve('in-pod', {
    args: '--network container:pod',
    labels: ['traefik.http.services.in-pod.loadbalancer.server.port=80'],
  });
  await answers('in-pod.test').toBe('in-pod');
  await answers('pod.test').toBe('404');
});

dockerTest('a port that is published on an address of the host is reached there, others inside', async () => {
  await engine.serve('bound', { args: '-p 127.0.0.5:18081:80 -p 127.0.0.6:18082:90' });
  await expect.poll(() => servers('bound')).toEqual(['http://127.0.0.5:18081']);
  await answers('bound.test').toBe('bound');
  await engine.serve('open', { args: '-p 18083:80' });
  await expect.poll(() => servers('open')).toEqual([expect.stringMatching(/^http:\/\/198\.18\..*:80$/)]);
  await answers('open.test').toBe('open');
});

dockerTest('a container reads nothing of the router’s, and takes nothing of another one’s', async () => {
  await engine.serve('victim', EXPOSED);
  await answers('victim.test').toBe('victim');
  await engine.serve('thief', {
    args: '--expose 80',
    labels: [
      'traefik.http.routers.leak.rule=Host(`leak.test`)',
      'traefik.http.routers.leak.middlewares=leak',
      'traefik.http.middlewares.leak.headers.customresponseheaders.X-Leak=a ${SECRET}',
      // Names of others, and of the router itself.
      'traefik.http.routers.victim.rule=Host(`victim.test`) && PathPrefix(`/`)',
      'traefik.http.routers.victim.service=thief',
      'traefik.http.services.thief.loadbalancer.server.port=80',
      'traefik.http.routers.api.rule=Host(`api.test`)',
      'traefik.http.routers.api.service=api@internal',
      'traefik.http.routers.rest.rule=Host(`rest.test`)',
      'traefik.http.routers.rest.service=rest@internal',
      'traefik.http.routers.file.rule=Host(`file.test`)',
      'traefik.http.routers.file.service=thief',
      'traefik.http.routers.file.middlewares=file',
      'traefik.http.middlewares.file.basicauth.usersfile=/etc/passwd',
    ],
  });
  await answers('leak.test').toBe('thief');
  const leak = await RawClient.exchange(web, 'GET / HTTP/1.1\r\nHost: leak.test\r\nConnection: close\r\n\r\n');
  expect(leak.head).toContain('a ${SECRET}');
  expect(leak.head + router.stderr()).not.toContain('sesame-4711');
  expect(await ask('victim.test')).toBe('victim');
  for (const host of ['api.test', 'rest.test', 'file.test']) expect(await ask(host)).toMatch(/^(?:404|503)$/);
  expect(router.stderr()).not.toContain('root:');
});

dockerTest('a bad label costs what it stands at, and is told with its container and its name', async () => {
  await engine.serve('half', {
    args: '--expose 80',
    labels: ['traefik.http.routers.good.rule=Host(`good.test`)', 'traefik.http.routers.bad.rule=Hst(`bad.test`)'],
  });
  await answers('good.test').toBe('half');
  await expect.poll(() => router.stderr()).toMatch(/container half, label traefik\.http\.routers\.bad\.rule/);
});

dockerTest(
  'an engine that is killed or stops answering disturbs nobody, and what happened meanwhile is seen',
  async () => {
    await engine.serve('steady', { ...EXPOSED, labels: ['traefik.http.routers.steady.rule=Host(`load.test`)'] });
    await answers('load.test').toBe('steady');
    const load = new SteadyLoad({ port: web, kept: 2, fresh: 2 });
    await load.more(100);
    await engine.signal('KILL');
    await router.sees('the source of a provider does not answer; what it said last stays in force');
    await load.more(200);
    await engine.signal('start');
    await engine.answers();
    await router.sees('the source of a provider answers again');
    await engine.serve('after', EXPOSED);
    await answers('after.test').toBe('after');
    await engine.signal('STOP');
    await router.sees(/no (?:whole )?answer.* within 5 s/);
    await load.more(200);
    await engine.signal('CONT');
    await engine.serve('later', EXPOSED);
    await answers('later.test').toBe('later');
    await load.stop();
    expect(load.failures).toEqual([]);
  },
);

dockerTest('the API says what became of each container', async () => {
  await engine.serve('served', EXPOSED);
  await engine.serve('hidden', { labels: ['traefik.enable=false'] });
  await engine.serve('portless');
  await answers('served.test').toBe('served');
  await expect.poll(discovered).toEqual([
    { name: 'container hidden', status: 'disabled', error: ['disabled by traefik.enable=false'] },
    { name: 'container portless', status: 'disabled', error: [expect.stringMatching(/^no port/)] },
    { name: 'container served', status: 'enabled' },
  ]);
});
