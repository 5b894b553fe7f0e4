// An entry point that should send its clients elsewhere, and does not know where.

import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter } from '../support/router.ts';

test('answers 503 rather than what should be encrypted; other entry points are served', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: `entryPoints:
  web: { address: "127.0.0.1:0", http: { redirections: { entryPoint: { to: webb-secure } } } }
  other: { address: "127.0.0.1:0" }
http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: s } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } } }
`,
  });
  expect(router.stderr()).toMatch(/warning .*entryPoints\.web\.http\.redirections\.entryPoint\.to\n.*no entry point "webb-secure"; known: web, other; requests of "web" are answered 503/);
  const status = async (entryPoint: string): Promise<number> =>
    (await RawClient.exchange(router.ports[entryPoint]!, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).status;
  expect([await status('web'), await status('other')]).toEqual([503, 200]);
  expect(origin.connections).toHaveLength(1);
}); // prettier-ignore
