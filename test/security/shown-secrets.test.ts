// Secrets of a configuration, wherever the built program shows configuration.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '../support/command.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';

const SECRET = /s3cret|JdPOmY/;

const ROUTING = `http:
  routers:
    all: { rule: "PathPrefix(\`/\`)", service: refused, middlewares: [fields, users] }
    sent: { rule: "Path(\`/sent\`)", service: taken }
  middlewares:
    fields: { headers: { customRequestHeaders: { Authorization: "Basic s3cret", X-Api-Key: s3cret, Cookie: "a=s3cret" }, customResponseHeaders: { Set-Cookie: "a=s3cret" } } }
    users: { basicAuth: { users: ["u:{SHA}5en6G6MezRroT3XKqkdJdPOmYBf="], userz: ["v:s3cret"] } }
  services:
    refused: { loadBalancer: { servers: [{ url: "http://user:s3cret@127.0.0.1:99999" }, { url: "user:s3cret@127.0.0.1:1" }] } }
    taken:
      loadBalancer:
        servers: [{ url: "http://user:s3cret@127.0.0.1:1" }]
        healthCheck: { path: "/?token=s3cret", interval: 1m, headers: { Authorization: s3cret, Proxy-Authorization: s3cret } }
tcp:
  routers: { redis: { rule: "HostSNI(\`*\`)", service: redis, entryPoints: [tcp] } }
  services: { redis: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }], healthCheck: { send: "AUTH s3cret\\r\\nPING\\r\\n" } } } }
`;

test('they are in no answer, page, log, difference or list of origins', async () => {
  await using router = await startRouter({
    install: `entryPoints: { web: { address: "127.0.0.1:0" }, tcp: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
api: {}
metrics: { prometheus: { addServicesLabels: true } }
accessLog: {}
log: { level: debug }
${ROUTING}`,
  });
  const [web, port] = [router.ports['web']!, router.ports['traefik']!];
  await RawClient.exchange(web, 'GET /sent HTTP/1.1\r\nHost: a\r\n\r\n');
  await RawClient.exchange(web, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const paths = ['rawdata', 'diagnostics', 'http/services', 'http/middlewares', 'http/services/taken@install', 'tcp/services']
    .map((path) => `/api/${path}`)
    .concat('/dashboard/', '/metrics', '/api/explain?url=http://a/sent&entryPoint=web'); // prettier-ignore
  for (const path of paths) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    expect([path, response.status]).toEqual([path, 200]);
    expect([path, (await response.text()).match(SECRET)]).toEqual([path, null]);
  }
  await router.prints((text) => text.includes('/sent'));
  expect(router.stderr()).not.toMatch(SECRET);
  expect(router.stdout()).not.toMatch(SECRET);
  const changed = join(router.directory, 'changed.yml');
  await writeFile(changed, ROUTING.replaceAll('s3cret', 's3cret2').replace('JdPOmY', 'JdPOmYz'));
  const admin = ['--admin', `http://127.0.0.1:${port}`];
  const file = join(router.directory, 'signalbox.yml');
  for (const command of [['diff', changed, ...admin], ['check', file], ['check', file, '--show-origin'], ['check', file, '--json', '--show-origin']]) {
    const { stdout, stderr } = await runCommand(command);
    expect([command[0], stdout.length > 100]).toEqual([command[0], true]);
    expect([command, (stdout + stderr).match(SECRET)]).toEqual([command, null]);
  }
}); // prettier-ignore
