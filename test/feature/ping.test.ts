// /ping tells whether the process lives, whatever its main thread is busy with.

import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { startRouter } from '../support/router.ts';

/** Holds up the thread that decodes its options, from `held` until there is `go`. */
const HOLDING = `
import { existsSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { defineMiddleware, object, required, string } from 'signalbox/plugin';
const options = object({ directory: required(string(), '') });
export default defineMiddleware({
  kind: 'holding',
  summary: '',
  description: '',
  options: {
    ...options,
    decode(input, context) {
      if (isMainThread) {
        writeFileSync(input.directory + '/held', '');
        while (!existsSync(input.directory + '/go'));
      }
      return options.decode(input, context);
    },
  },
  create: () => (next) => next,
});
`;

const REQUEST = 'HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

test('is answered while a configuration is compiled, on the internal entry point and behind a router', async () => {
  const install = `entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
providers: { providersThrottleDuration: 1ms, file: { filename: DIR/routing.yml } }
plugins: { holding: { path: DIR/holding.js } }
api: {}
ping: {}
`;
  const routing = 'http: { routers: { up: { rule: "Path(`/up`)", service: ping@internal } } }\n';
  await using router = await startRouter({ install, files: { 'routing.yml': routing, 'holding.js': HOLDING } });
  const [web, port] = [router.ports['web']!, router.ports['traefik']!];
  const holding = `middlewares: { m: { plugin: { holding: { directory: ${router.directory} } } } }`;
  await writeFile(join(router.directory, 'routing.yml'), routing.replace('http: {', `http: { ${holding},`));
  const isHeld = (): Promise<boolean> => access(join(router.directory, 'held')).then(() => true, () => false);
  await expect.poll(isHeld).toBe(true);
  const asked = RawClient.exchange(port, `GET /api/version ${REQUEST}`);
  let isAnswered = false;
  void asked.then(() => (isAnswered = true));
  for (let count = 0; count < 10; count++) {
    expect(await RawClient.exchange(port, `GET /ping ${REQUEST}`)).toMatchObject({ status: 200, body: 'OK' });
    expect(await RawClient.exchange(web, `GET /up ${REQUEST}`)).toMatchObject({ status: 200, body: 'OK' });
  }
  expect(isAnswered).toBe(false);
  await writeFile(join(router.directory, 'go'), '');
  expect((await asked).status).toBe(200);
}); // prettier-ignore

test('answers by the rules of the internal entry point, and passes on the rest as it came', async () => {
  const install = `entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
api: { token: s3cret }
ping: { terminatingStatusCode: 418 }
`;
  await using router = await startRouter({ install });
  const port = router.ports['traefik']!;
  const ask = async (line: string, ...fields: readonly string[]): Promise<number> =>
    (await RawClient.exchange(port, [`${line} HTTP/1.1`, ...fields, 'Connection: close', '', ''].join('\r\n'))).status;
  expect(await ask('GET /ping?x', 'Host: localhost')).toBe(200);
  expect(await ask('HEAD /ping', 'Host: 127.0.0.1')).toBe(200);
  expect(await ask('POST /ping', 'Host: localhost', 'Content-Length: 0')).toBe(405);
  expect(await ask('GET /ping', 'Host: rebound.example')).toBe(403);
  expect(await ask('GET /ping', 'Host: rebound.example', 'Authorization: Bearer s3cret')).toBe(200);
  expect(await ask('GET /ping', 'Host: localhost', 'Host: localhost')).toBe(400);
  expect(await ask('GET /api/version', 'Host: localhost', 'Host: localhost')).toBe(400);
  expect(await ask('GET /api/version', 'Host: localhost')).toBe(401);
  expect(await ask('GET /api/version', 'Host: localhost', 'Authorization: Bearer s3cret')).toBe(200);
  expect(await ask('GET /ping')).toBe(400);
  expect(await ask('POST /api/snapshots/1/activate', 'Host: localhost', 'Authorization: Bearer s3cret', 'Content-Length: 0')).toBe(200);
  // Who asks is not what the request says.
  expect(await ask('POST /api/snapshots/release', 'Host: localhost', 'Authorization: Bearer s3cret', 'X-Signalbox-Peer: 192.0.2.1', 'Content-Length: 0')).toBe(200);
  await router.sees(/released: .* from="127\.0\.0\.1, with the token"/);
}); // prettier-ignore
