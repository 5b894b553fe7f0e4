// Files that the configuration names and that are none: nobody waits for them, everything else is served, and the
// message says what lies there.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { runCommand } from '../support/command.ts';
import { startRouter } from '../support/router.ts';

const routing = (port: number): string => `
http:
  routers:
    good: { rule: "Path(\`/good\`)", service: s }
    users: { rule: "Path(\`/users\`)", service: s, middlewares: [users] }
    secret: { rule: "Path(\`/secret\`)", service: s, middlewares: [secret] }
    zero: { rule: "Path(\`/zero\`)", service: s, middlewares: [zero] }
  middlewares:
    users: { basicAuth: { usersFile: DIR/fifo } }
    secret: { headers: { customRequestHeaders: { X-A: "\${file:DIR/fifo}" } } }
    zero: { headers: { customRequestHeaders: { X-A: "\${file:/dev/zero}" } } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${port}" }] } } }
tls: { certificates: [{ certFile: DIR/fifo, keyFile: DIR/fifo }] }
`;

test('named pipes and devices hold up neither start nor changes nor end', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: `
entryPoints:
  web: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
providers: { file: { directory: DIR/rules } }
`,
    // The pipes are there from the second reading on.
    files: { 'rules/a.yml': routing(origin.port), 'rules/b.yml': '{}' },
  });
  const fifos = ['fifo', 'rules/c.yml'].map((name) => join(router.directory, name));
  execFileSync('mkfifo', fifos);
  router.signal('SIGHUP');
  const kinds = ['usersFile', 'customRequestHeaders', 'certFile', 'keyFile'];
  await router.sees((said) => said.includes('rules/c.yml') && (said.match(/is a named pipe/g) ?? []).length >= kinds.length);
  await router.sees('it is a device; expected a regular file');
  await router.sees('the configuration was read again');
  const answer = await RawClient.exchange(router.ports['web']!, 'GET /good HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(answer.status).toBe(200);
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
}); // prettier-ignore

test('an install file or a plugin that is a named pipe is refused at once', async () => {
  await using router = await startRouter({
    install: 'entryPoints: { web: { address: "127.0.0.1:0" } }\nplugins: { p: { path: DIR/p.mjs } }\n',
    isExpectedToStart: false,
  });
  expect(await router.exited).toBe(2);
  for (const name of ['p.mjs', 'install.yml', 'signalbox.config.mjs']) {
    execFileSync('mkfifo', [join(router.directory, name)]);
  }
  const runs = ['signalbox.yml', 'install.yml', 'signalbox.config.mjs'].map((name) =>
    runCommand(['run', '--config', join(router.directory, name)]),
  );
  for (const { code, stderr } of await Promise.all(runs)) {
    expect(code).toBe(2);
    expect(stderr).toMatch(/is a named pipe|this is no file/);
  }
});
