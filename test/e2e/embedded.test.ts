// The package as a program imports it.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type * as Signalbox from '../../src/index.ts';
import { cleanEnvironment } from '../support/marked-processes.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';

// The built one: workers are started from it.
const { defineConfig, SignalboxError, startRouter } = (await import(
  new URL('../../dist/index.js', import.meta.url).href
)) as typeof Signalbox;

function routes(rule: string, url: string): Signalbox.RoutingInput {
  return {
    http: {
      routers: { all: { rule, service: 'app' } },
      services: { app: { loadBalancer: { servers: [{ url }] } } },
    },
  };
}

async function status(url: string): Promise<number> {
  const response = await RawClient.exchange(Number(new URL(url).port), 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  return response.status;
}

test('starts, reconfigures and stops', async () => {
  await using origin = await RecordingOrigin.start();
  const url = `http://127.0.0.1:${origin.port}`;
  const config = defineConfig({ entryPoints: { web: { address: '127.0.0.1:${PORT:-0}' } }, ...routes('PathPrefix(`/`)', url) });
  const router = await startRouter(config, { workers: 2, environment: {} });
  const { web } = router.addresses;
  expect(await status(web!.url)).toBe(200);
  expect(await router.reconfigure(routes('Host(`b`)', url))).toEqual([]);
  expect(await status(web!.url)).toBe(404);
  const [found, ...more] = await router.reconfigure(routes('Hots(`a`)', url));
  expect(more).toMatchObject([{ code: 'last-good', severity: 'warning' }]);
  expect(found).toMatchObject({ code: 'rule-syntax', path: 'http.routers.all.rule' });
  expect(router.diagnostics).toEqual([found, ...more]);
  await router.reconfigure(routes('Host(`a`)', url));
  expect(await status(web!.url)).toBe(200);
  await Promise.all([router.stop(), router.stop()]);
  await expect(status(web!.url)).rejects.toThrow();
}); // prettier-ignore

test('addresses say what clients of each entry point begin with', async () => {
  const router = await startRouter(
    defineConfig({
      entryPoints: {
        web: { address: '127.0.0.1:0' },
        websecure: { address: '127.0.0.1:0', http: { tls: {} } },
        sql: { address: '127.0.0.1:0' },
        dns: { address: '127.0.0.1:0/udp' },
      },
      http: {
        routers: { all: { entryPoints: ['web', 'websecure'], rule: 'PathPrefix(`/`)', service: 'noop@internal' } },
      },
      tcp: {
        routers: { db: { entryPoints: ['sql'], rule: 'HostSNI(`*`)', service: 'db' } },
        services: { db: { loadBalancer: { servers: [{ address: '127.0.0.1:1' }] } } },
      },
    }),
    { environment: {}, log: false },
  );
  expect(router.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const schemes = Object.entries(router.addresses).map(([name, { url, port }]) => [name, url.replace(`:${port}`, '')]);
  expect(Object.fromEntries(schemes)).toMatchObject({
    web: 'http://127.0.0.1',
    websecure: 'https://127.0.0.1',
    sql: 'tcp://127.0.0.1',
    dns: 'udp://127.0.0.1',
  });
  await router.stop();
});

test('the log of the router is kept quiet where the program asks for it', async () => {
  const program = (options: string): string => `
    import { startRouter } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    await (await startRouter({ entryPoints: { web: { address: '127.0.0.1:0' } } }, ${options})).stop();
  `;
  const said = async (options: string): Promise<string> => {
    const args = ['--input-type=module', '-e', program(options)];
    return (await promisify(execFile)(process.execPath, args, { env: cleanEnvironment() })).stderr;
  };
  expect(await said('{}')).toContain('stopped');
  expect(await said('{ log: false }')).toBe('');
});

test('an install configuration with errors rejects with all of them', async () => {
  const config = {
    entryPoints: { web: { adress: ':1' } },
    log: { levle: 'loud' },
  } as unknown as Signalbox.InstallInput;
  const error: unknown = await startRouter(config).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SignalboxError);
  expect(error).toMatchObject({ code: 'ERR_CONFIG_INVALID' });
  expect(String(error)).toContain('did you mean "address"?');
  expect(String(error)).toContain('log.levle');
});

test('two routers in one process, and an address in use', async () => {
  await using first = await startRouter({ entryPoints: { web: { address: '127.0.0.1:0' } } });
  const address = `127.0.0.1:${first.addresses['web']!.port}`;
  await expect(startRouter({ entryPoints: { web: { address } } })).rejects.toMatchObject({ code: 'ERR_LISTEN_ADDRESS_IN_USE' });
  await using second = await startRouter({ entryPoints: { web: { address: '127.0.0.1:0' } } });
  expect(second.addresses['web']!.port).not.toBe(first.addresses['web']!.port);
}); // prettier-ignore
