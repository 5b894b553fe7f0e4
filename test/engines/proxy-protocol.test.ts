import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine, missingPrograms } from '../support/engine.ts';
import { holdPorts } from '../support/ports.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { tlsGet } from '../support/tls-client.ts';

const missing = missingPrograms('haproxy');

const FORMS = [
  'send-proxy',
  'send-proxy-v2',
  'send-proxy-v2 proxy-v2-options crc32c,unique-id',
  'send-proxy-v2-ssl-cn',
];

describe.skipIf(missing !== null)(`behind HAProxy${missing === null ? '' : ` (${missing})`}`, () => {
  let directory: string;
  let origin: RecordingOrigin;
  let router: RouterProcess;
  let haproxy: Engine;
  let ports: readonly number[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'signalbox-haproxy-'));
    origin = await RecordingOrigin.start();
    router = await startRouter({
      install: `
entryPoints: { web: { address: "127.0.0.1:0", proxyProtocol: { trustedIPs: [127.0.0.1], required: true } } }
http:
  routers:
    all: { rule: "ClientIP(\`127.0.0.77\`)", service: origin }
    secure: { rule: "ClientIP(\`127.0.0.1\`)", service: origin, tls: {} }
  services: { origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } } }
`,
    });
    ports = holdPorts(FORMS.length + 1);
    const target = `127.0.0.1:${router.ports['web']!}`;
    const listeners = FORMS.map(
      (form, index) =>
        `listen form${index}\n  bind 127.0.0.1:${ports[index]!}\n  unique-id-format %[uuid]\n  server router ${target} ${form}`,
    );
    await writeFile(
      join(directory, 'haproxy.cfg'),
      `global
  log stdout format raw daemon
defaults
  log global
  mode tcp
  timeout connect 10m
  timeout client 10m
  timeout server 10m
${listeners.join('\n')}
listen checked
  bind 127.0.0.1:${ports.at(-1)!}
  option log-health-checks
  server router ${target} send-proxy-v2 check-send-proxy check inter 50ms rise 2
`,
    );
    haproxy = await Engine.start('haproxy', {
      args: ['-db', '-V', '-f', join(directory, 'haproxy.cfg')],
      // The last thing it does to be ready is a check of its own, which speaks for itself and needs a header as well.
      ready: /Health check for server checked\/router succeeded/,
    });
  });

  afterAll(async () => {
    await haproxy?.[Symbol.asyncDispose]();
    await router?.[Symbol.asyncDispose]();
    await origin?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  test.each(FORMS.map((form, index) => [form, index] as const))('%s: the client is known', async (_, index) => {
    const client = await RawClient.connect(ports[index]!, { localAddress: '127.0.0.77' });
    client.send('GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n');
    expect((await client.response()).status).toBe(200);
    expect(origin.received).toContain('127.0.0.77');
    await client.closed();
  });

  test('TLS goes through', async () => {
    expect((await tlsGet(ports[1]!, { host: 'a.example' })).status).toBe(200);
  });
});
