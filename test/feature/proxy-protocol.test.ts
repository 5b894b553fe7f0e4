import net from 'node:net';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { renderProxyHeader } from '../../src/dataplane/net/proxy-protocol.ts';
import { forFile } from '../support/lab.ts';
import { scrape } from '../support/laboratory.ts';
import { RawClient, type RawResponse } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter } from '../support/router.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const V1 = 'PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n';

const origin = await forFile(RecordingOrigin.start());
const router = await forFile(
  startRouter({
    workers: 2,
    install: `
entryPoints:
  optional: { address: "127.0.0.1:0", proxyProtocol: { trustedIPs: [127.0.0.1] } }
  required: { address: "127.0.0.1:0", proxyProtocol: { insecure: true, required: true } }
  distrusting: { address: "127.0.0.1:0", proxyProtocol: { trustedIPs: [192.0.2.0/24] } }
  limited:
    address: "127.0.0.1:0"
    proxyProtocol: { insecure: true }
    transport: { limits: { maxConnectionsPerIP: 1 } }
  hasty:
    address: "127.0.0.1:0"
    proxyProtocol: { insecure: true }
    transport: { respondingTimeouts: { headerTimeout: 2s } }
accessLog: { format: json }
metrics: { prometheus: {} }
http:
  routers:
    client: { rule: "ClientIP(\`192.0.2.1\`)", service: origin }
    secure: { rule: "ClientIP(\`192.0.2.1\`)", service: origin, tls: {} }
    other: { rule: "PathPrefix(\`/\`)", service: origin, priority: 1 }
  services:
    origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } }
`,
  }),
);

function ask(entryPoint: string, header: string | Buffer, request = REQUEST): Promise<RawResponse> {
  return RawClient.exchange(router.ports[entryPoint]!, `${header.toString('latin1')}${request}`);
}

/** What the origin was told of the client by the last request. */
function forwardedFor(): string {
  return /\r\nx-forwarded-for: ([^\r]*)/i.exec(origin.connections.map(({ received }) => received).join(''))?.[1] ?? '';
}

async function forwardedAfter(header: string | Buffer, entryPoint = 'optional'): Promise<string> {
  for (const connection of origin.connections) connection.received = '';
  expect((await ask(entryPoint, header)).status).toBe(200);
  return forwardedFor();
}

const addresses = { sourceIp: '192.0.2.1', sourcePort: 4000, destinationIp: '198.51.100.2', destinationPort: 80 };

describe('a trusted peer', () => {
  test.each([
    ['version 1', V1],
    ['version 2', renderProxyHeader(2, addresses)],
  ])('speaks for its client in %s', async (_, header) => {
    expect(await forwardedAfter(header)).toBe('192.0.2.1');
    expect(await forwardedAfter(header, 'required')).toBe('192.0.2.1');
  });

  test('speaks for an IPv6 client', async () => {
    const header = renderProxyHeader(2, { ...addresses, sourceIp: '2001:db8::7', destinationIp: '::1' });
    expect(await forwardedAfter(header)).toBe('2001:db8::7');
  });

  test.each(['PROXY UNKNOWN\r\n', renderProxyHeader(2, { ...addresses, sourceIp: '' })])(
    'speaks for itself with %j',
    async (header) => {
      expect(await forwardedAfter(header)).toBe('127.0.0.1');
    },
  );

  test('needs no header, unless it is required', async () => {
    expect(await forwardedAfter('')).toBe('127.0.0.1');
    const client = await RawClient.connect(router.ports['required']!);
    client.send(REQUEST);
    await client.closed();
    expect(client.received).toBe('');
  });

  test('may send its header in pieces', async () => {
    const client = await RawClient.connect(router.ports['optional']!);
    for (const piece of [V1.slice(0, 3), V1.slice(3, 20), V1.slice(20) + REQUEST.slice(0, 5), REQUEST.slice(5)]) {
      await new Promise<void>((resolve) => {
        client.socket.write(piece, 'latin1', () => setImmediate(resolve));
      });
    }
    expect((await client.response()).status).toBe(200);
    client.socket.destroy();
  });

  test('speaks for a client that comes over TLS', async () => {
    const plain = net.connect({ host: '127.0.0.1', port: router.ports['optional']! });
    plain.write(V1);
    const socket = tls.connect({ socket: plain, servername: 'a.example', rejectUnauthorized: false });
    const answer = new Promise<string>((resolve, reject) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    socket.write('GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n');
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    await router.prints((printed) => printed.includes('"RouterName":"secure@install"'));
    const line = router
      .stdout()
      .split('\n')
      .find((one) => one.includes('secure@install'));
    expect(line).toContain('"ClientHost":"192.0.2.1"');
    expect(line).toContain('"ClientPort":"12345"');
  });
});

test('clients behind one proxy are limited by their own addresses', async () => {
  const port = router.ports['limited']!;
  const header = (client: string): string => `PROXY TCP4 ${client} 198.51.100.2 1 2\r\n${REQUEST}`;
  const first = await RawClient.connect(port);
  first.send(header('192.0.2.1'));
  expect((await first.response()).status).toBe(200);
  const second = await RawClient.connect(port);
  second.send(header('192.0.2.2'));
  expect((await second.response()).status).toBe(200);
  const third = await RawClient.connect(port);
  third.send(header('192.0.2.1'));
  await third.closed();
  expect(third.received).toBe('');
  first.socket.destroy();
  second.socket.destroy();
});

test.each([V1, renderProxyHeader(2, addresses)])(
  'a peer that is not trusted is refused with its header %#',
  async (header) => {
    expect((await ask('distrusting', header)).status).toBe(400);
    expect((await ask('distrusting', '')).status).toBe(200);
  },
);

test.each([
  ['a bad address', 'PROXY TCP4 192.0.2.999 198.51.100.2 1 2\r\n'],
  ['a line without end', `PROXY TCP4 ${'1'.repeat(200)}`],
  ['a bomb of a length', Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff', 'latin1')],
  ['an unknown version', Buffer.from('\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c', 'latin1')],
])('%s closes the connection', async (_, header) => {
  const client = await RawClient.connect(router.ports['optional']!);
  client.send(header.toString('latin1') + REQUEST);
  await client.closed();
  expect(client.received).toBe('');
});

test('a header that does not come whole ends with the time for it', async () => {
  const client = await RawClient.connect(router.ports['hasty']!);
  client.send('PROXY TCP4 192.0.2.1');
  await client.closed();
  expect(client.received).toBe('');
  const metrics = await scrape(router);
  expect(metrics).toContain('signalbox_proxy_protocol_failures_total{entrypoint="hasty",reason="cut_off"} 1');
  expect(metrics).toMatch(/signalbox_proxy_protocol_failures_total\{entrypoint="optional",reason="malformed"\} [1-9]/);
  expect(metrics).toContain('signalbox_proxy_protocol_failures_total{entrypoint="required",reason="missing"} 1');
});

test('a header with nobody in it to trust is a warning', async () => {
  await using silent = await startRouter({
    install: `entryPoints: { web: { address: "127.0.0.1:0", proxyProtocol: {} } }`,
  });
  await silent.sees('proxyProtocol');
  expect(silent.stderr()).toContain('no peer is trusted');
});
