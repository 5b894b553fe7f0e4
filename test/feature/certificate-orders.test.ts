// What certificates resolvers could not get, as `get certificates` and the API tell it.

import { expect, test } from 'vitest';
import { runCommand } from '../support/command.ts';
import { holdPort } from '../support/ports.ts';
import { startRouter } from '../support/router.ts';

test('orders that failed are listed beside certificates in force, with the reason and the next try', async () => {
  // Nobody listens there.
  const port = holdPort();
  await using router = await startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
api: {}
certificatesResolvers:
  le: { acme: { storage: DIR/acme.json, caServer: "https://127.0.0.1:${port}/directory", tlsChallenge: {} } }
http:
  routers:
    a: { rule: "Host(\`a.example.com\`)", service: s, tls: { certResolver: le } }
    b: { rule: "Host(\`b.example.com\`)", service: s, tls: { certResolver: le } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${port}" }] } } }
`,
  });
  await router.sees('a certificate could not be had');
  const admin = `http://127.0.0.1:${router.ports['traefik']!}`;
  const get = (...args: readonly string[]): ReturnType<typeof runCommand> =>
    runCommand(['get', 'certificates', ...args, '--admin', admin]);
  const list = await get();
  expect([list.code, list.stderr]).toEqual([0, '']);
  expect(list.stdout).toMatch(/^NAME +STATUS +FOR +KEY +VALID UNTIL +ISSUER\n/);
  expect(list.stdout).toMatch(/^le:a\.example\.com +failed +a\.example\.com +- +- +-$/m);
  expect(list.stdout).toMatch(/^le:b\.example\.com +pending +b\.example\.com +- +- +-$/m);
  expect(list.stdout).toMatch(/^le:a\.example\.com:\n {2}.*ECONNREFUSED.*\n {2}next try: \d{4}-\d\d-\d\dT[\d:.]+Z$/m);
  const one = await get('--json', '--search', 'a.example');
  expect(JSON.parse(one.stdout)).toEqual([
    expect.objectContaining({ name: 'le:a.example.com', status: 'failed', resolver: 'le', failures: 1 }),
  ]);
  expect(JSON.parse((await get('le:b.example.com')).stdout)).toMatchObject({ status: 'pending' });
  const states = (await (await fetch(`${admin}/api/acme/certificates`)).json()) as object[]; // The API's own.
  expect(states).toMatchObject([
    { state: 'failed', failures: 1, nextTry: expect.any(String), lastError: expect.stringContaining('ECONNREFUSED') },
    { state: 'pending', failures: 1, nextTry: expect.any(String) },
  ]);
});

test('a resolver that cannot keep what it gets says so in the same place', async () => {
  await using router = await startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
api: {}
certificatesResolvers:
  le: { acme: { storage: DIR/nowhere/acme.json, tlsChallenge: {} } }
http:
  routers: { a: { rule: "Host(\`a.example.com\`)", service: s, tls: { certResolver: le } } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }
`,
    // A file where a directory is needed.
    files: { nowhere: '' },
  });
  await router.sees('a certificates resolver cannot be used');
  const admin = `http://127.0.0.1:${router.ports['traefik']!}`;
  const { stdout } = await runCommand(['get', 'certificates', '--admin', admin]);
  expect(stdout).toMatch(/^le:a\.example\.com +failed /m);
  expect(stdout).toMatch(/^le:a\.example\.com:\n {2}.*nowhere.*\n {2}next try: \d{4}-/m);
});
