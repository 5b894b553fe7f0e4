// Every example of docs/tcp.md runs as it stands, but for ports and paths, and does what the lines under it say.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { expect, test } from 'vitest';
import { commonFields } from '../src/observe/access-log-common.ts';
import { renderConnectionLine } from '../src/observe/access-log-connection.ts';
import { startRouter, type RouterProcess } from './support/router.ts';
import {
  connectPlain,
  connectTls,
  Gatherer,
  plainServer,
  subjectOf,
  tlsServer,
  type TestServer,
} from './support/tcp-servers.ts';
import { certificateFor } from './support/tls-client.ts';

const PAGE = readFileSync(new URL('../docs/tcp.md', import.meta.url), 'utf8');
const EXAMPLES = [...PAGE.matchAll(/```yaml\n((?:(?!```)[\s\S])*?)```\n\n```text\n([\s\S]*?)```/g)].map(
  ([, yaml, steps]) => ({ yaml: yaml!, steps: steps!.trim().split('\n') }),
);
/** Everybody the page mentions. */
const CERTIFICATES = new Map(
  [...PAGE.matchAll(/\/etc\/signalbox\/(\S+?)\.pem/g)].map(([, name]) => [name!, certificateFor([name!])]),
);

/** Says its address to whoever says anything; those on port 443 over TLS, those on 80 as an answer. */
function serverAt(address: string): Promise<TestServer> {
  const [host, port] = address.split(':');
  const serve = (socket: net.Socket): void => {
    socket.on('data', (chunk) => {
      if (chunk.toString() === 'PING\r\n') socket.write('+PONG\r\n');
      else if (port === '80') socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Says: HTTP;\r\n\r\n');
      else socket.write(`${address};`);
    });
    socket.on('end', () => socket.end());
  };
  return port === '443' ? tlsServer(certificateFor([host!]), serve) : plainServer(serve);
}

const STEP =
  /^(client|psql)(?: from (\S+))?(?: for (\S+?))?(?: offering (\S+))?(?: as (\S+))? at (\w+) → (\S+?)(?:, certificate of (\S+))?$/;

async function connect(router: RouterProcess, parts: readonly (string | undefined)[]): Promise<Gatherer> {
  const [, who, from, name, protocol, member, entryPoint] = parts;
  const port = router.ports[entryPoint!]!;
  if (name === undefined) return connectPlain(port, '127.0.0.1', from);
  const proof = CERTIFICATES.get(member ?? '');
  const options = {
    ...(protocol === undefined ? {} : { ALPNProtocols: [protocol] }),
    ...(proof === undefined ? {} : { cert: proof.certificate, key: proof.key }),
    // The client learns of a refusal within the handshake.
    maxVersion: 'TLSv1.2',
  } as const;
  if (who === 'client') return connectTls(port, name, options);
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  socket.write(Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]));
  await once(socket, 'data');
  return connectTls(0, name, { ...options, socket });
}

async function run(router: RouterProcess, step: string): Promise<void> {
  const parts = STEP.exec(step)!;
  const [expected, certificate] = parts.slice(7);
  const client = await connect(router, parts).catch((error: unknown) => {
    if (expected !== 'closed') throw error;
    return null;
  });
  if (client === null) return;
  client.socket.write('GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n');
  if (expected === 'closed') await client.ended();
  else {
    await client.has(';');
    expect([step, client.text.includes(`${expected};`)]).toEqual([step, true]);
  }
  if (certificate !== undefined) {
    expect([step, subjectOf(client as Parameters<typeof subjectOf>[0])]).toEqual([step, certificate]); // One of TLS, by the step.
  }
  client.socket.destroy();
}

test('the page has examples', () => {
  expect(EXAMPLES).toHaveLength(6);
});

test.each(EXAMPLES)('$steps', async ({ yaml, steps }) => {
  let install = yaml.replaceAll(/address: ':\d+'/g, "address: '127.0.0.1:0'").replaceAll('/etc/signalbox', 'DIR');
  const servers: TestServer[] = [];
  for (const address of new Set(yaml.match(/10\.0\.0\.\d:\d+/g))) {
    const server = await serverAt(address);
    servers.push(server);
    install = install.replaceAll(address, `127.0.0.1:${server.port}`);
  }
  const files: Record<string, string> = {};
  for (const [name, { certificate, key }] of CERTIFICATES) {
    files[`${name}.pem`] = certificate;
    files[`${name}.key`] = key;
  }
  {
    await using router = await startRouter({ install, files });
    for (const step of steps) await run(router, step);
  }
  for (const server of servers) await server.close();
});

test('the line of the common access log is as the page shows it', () => {
  const line = renderConnectionLine(
    {
      protocol: 'TCP',
      startWallMs: Date.UTC(2026, 0, 2, 15, 4, 5),
      durationMs: 1203.7,
      entryPointName: 'postgres',
      routerName: 'orders@file',
      serviceName: 'orders@file',
      serviceUrl: '10.0.0.1:5432',
      clientIp: '10.1.2.3',
      clientPort: 50_000,
      serverName: 'db.example',
      isPassthrough: false,
      tlsVersion: '1.3',
      tlsCipher: 'TLS_AES_128_GCM_SHA256',
      tlsClientSubject: '',
      receivedBytes: 640,
      sentBytes: 5120,
      responseFlag: '',
    },
    'common',
    17,
    commonFields({
      defaultMode: 'keep',
      names: {},
      headers: { defaultMode: 'drop', names: {} },
      queryParameters: { defaultMode: 'keep' },
    }),
    false,
  );
  expect(PAGE).toContain(`\n${line}`);
});
