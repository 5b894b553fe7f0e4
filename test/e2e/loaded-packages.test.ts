// What a process loads of the packages that it is installed with: as little as its configuration needs.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startRouter } from '../support/router.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** The logger, which is six packages, and the parser of values. */
const ALWAYS = [
  '@pinojs/redact', 'atomic-sleep', 'js-yaml', 'on-exit-leak-free', 'pino', 'pino-std-serializers', 'quick-format-unescaped',
  'safe-stable-stringify', 'sonic-boom', 'thread-stream',
]; // prettier-ignore

/** Names of packages that any thread has loaded by its end, as the coverage of V8 has them. */
async function loadedBy(install: string, files: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  await using router = await startRouter({ install, files, environment: { NODE_V8_COVERAGE: directory } });
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
  const packages = new Set<string>();
  for (const name of await readdir(directory)) {
    const { result } = JSON.parse(await readFile(join(directory, name), 'utf8')) as { result: { url: string }[] };
    for (const { url } of result) {
      const found = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
      if (found !== undefined) packages.add(found);
    }
  }
  return [...packages].toSorted();
}

const ROUTING = `http:
  routers: { app: { rule: "Host(\`app.localhost\`)", service: app } }
  services: { app: { loadBalancer: { servers: [{ url: "http://127.0.0.1:9" }] } } }
`;
const ENTRY_POINT = 'entryPoints: { web: { address: "127.0.0.1:0" } }\n';

test('the file of the README loads the logger and the parser of values', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const file = /```yaml\n([\s\S]*?)```/.exec(readme)![1]!.replace(/address: .*?( *[},\n])/, "address: '127.0.0.1:0'$1");
  expect(await loadedBy(file)).toEqual(ALWAYS);
});

test.each([
  ['yaml', 'a mistake, whose place is looked for', ENTRY_POINT + ROUTING.replace('servers', 'severs')],
  ['re2js', 'a pattern that is more than plain', ENTRY_POINT + ROUTING.replace('Host(`app', 'HostRegexp(`(?i)^[a-z]+\\\\.a.*pp')],
])('%s is loaded for %s', async (name, _, install) => {
  expect(await loadedBy(install)).toEqual([...ALWAYS, name].toSorted());
}); // prettier-ignore

test('smol-toml is loaded for a file in TOML', async () => {
  const install = `${ENTRY_POINT}providers: { file: { filename: DIR/routing.toml } }\n`;
  expect(await loadedBy(install, { 'routing.toml': '[http.middlewares.m.addPrefix]\nprefix = "/a"\n' })).toEqual(
    [...ALWAYS, 'smol-toml'].toSorted(),
  );
});
