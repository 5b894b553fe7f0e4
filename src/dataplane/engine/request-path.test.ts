// Holds the table "The way of a request" of ARCHITECTURE.md against the code: one request, and which steps it passes
// first.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import {
  entryPointSpecs,
  listen,
  loadBalancer,
  makeEngine,
  routeSpec,
  rowsOf,
  snapshotOf,
  tcpRouteSpec,
  tlsOptionsSpec,
} from '../../../test/support/data-plane.ts';
import { tlsGet } from '../../../test/support/tls-client.ts';

const TEXT = readFileSync(new URL('../../../ARCHITECTURE.md', import.meta.url), 'utf8');
const SECTION = TEXT.slice(TEXT.indexOf('## The way of a request'), TEXT.indexOf('## Decisions'));
const STEPS = [...SECTION.matchAll(/^\| `(\w+)\.(\w+)` +\| `([\w/-]+\.ts)`/gm)].map(([, owner, method, file]) => ({
  owner: owner!,
  method: method!,
  file: file!,
}));

test('a request passes the steps in the order of the table', async () => {
  expect(STEPS.length).toBeGreaterThan(15);
  const passed: string[] = [];
  for (const { owner, method, file } of STEPS) {
    const module = (await import(new URL(`../${file}`, import.meta.url).href)) as Record<
      string,
      { prototype: Record<string, (...values: never[]) => unknown> }
    >;
    const { prototype } = module[owner]!;
    const original = prototype[method];
    if (original === undefined) throw new Error(`${owner} of ${file} has no ${method}`);
    const name = `${owner}.${method}`;
    vi.spyOn(prototype, method).mockImplementation(function (this: unknown, ...values: never[]) {
      if (!passed.includes(name)) passed.push(name);
      return original.apply(this, values);
    });
  }
  const server = http.createServer((_, response) => response.end('answered'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const engine = makeEngine();
  engine.start(
    snapshotOf({
      entryPoints: entryPointSpecs('{ web: { address: ":0" } }'),
      routes: { r: routeSpec('r', 'Host(`a.example`)', 's', { tls: true, middlewares: ['m'] }) },
      middlewares: { m: { name: 'm', kind: 'addPrefix', options: { prefix: '/x' } } },
      ...loadBalancer('s', (server.address() as AddressInfo).port),
      tlsOptions: { default: tlsOptionsSpec('default') },
      tlsHosts: { h: { name: 'web/b.example', entryPoint: 'web', host: 'b.example', options: 'default' } },
      tcpRoutes: { t: tcpRouteSpec('t', 'HostSNI(`t.example`)', '', { isDisabled: true, tls: { passthrough: true, options: '' } }) },
    }),
    {},
    rowsOf(['web']),
  ); // prettier-ignore
  const { body } = await tlsGet(await listen(engine, 'web'));
  expect(body).toBe('answered');
  await engine.drain(0, false);
  engine.destroy();
  server.close();
  expect(passed).toEqual(STEPS.map(({ owner, method }) => `${owner}.${method}`));
});
