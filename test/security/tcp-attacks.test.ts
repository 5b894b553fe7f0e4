import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { connectPlain, connectTls, echo, plainServer, tlsServer, type TestServer } from '../support/tcp-servers.ts';
import { certificateFor } from '../support/tls-client.ts';

let router: RouterProcess;
let target: TestServer;
let secure: TestServer;

beforeAll(async () => {
  target = await plainServer(echo('target'));
  secure = await tlsServer(certificateFor(['pass.example']), echo('pass'));
  router = await startRouter({
    install: `
entryPoints:
  mixed: { address: "127.0.0.1:0" }
  hasty: { address: "127.0.0.1:0", transport: { respondingTimeouts: { headerTimeout: 500ms } } }
  quiet: { address: "127.0.0.1:0", transport: { respondingTimeouts: { tunnelIdleTimeout: 2s } } }
accessLog: { format: json }
tcp:
  routers:
    pass: { rule: "HostSNI(\`pass.example\`)", service: pass, tls: { passthrough: true }, entryPoints: [mixed, hasty] }
    quiet: { rule: "HostSNI(\`*\`)", service: target, entryPoints: [quiet] }
  services:
    target: { loadBalancer: { servers: [{ address: "127.0.0.1:${target.port}" }] } }
    pass: { loadBalancer: { servers: [{ address: "127.0.0.1:${secure.port}" }] } }
`,
  });
});

afterAll(async () => {
  await router[Symbol.asyncDispose]();
  await target.close();
  await secure.close();
});

/** The first bytes a TLS client sends for this name. */
async function clientHello(servername: string): Promise<Buffer> {
  const server = net.createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const { port } = server.address() as net.AddressInfo; // A TCP server.
  const failed = connectTls(port, servername).catch(() => {});
  const [socket] = await accepted;
  const [hello] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  await failed;
  server.close();
  return hello;
}

test('a ClientHello that never ends costs its connection a while, and nothing else', async () => {
  const hello = await clientHello('pass.example');
  const client = await connectPlain(router.ports['hasty']!);
  client.socket.write(hello.subarray(0, 40));
  await client.ended();
  expect(client.text).toBe('');
});

test('an outsized ClientHello is refused before it is whole', async () => {
  const client = await connectPlain(router.ports['mixed']!);
  // A handshake message of 16 MiB, in records of full length.
  const record = Buffer.alloc(5 + 16_384);
  record.set([22, 3, 1, 0x40, 0]);
  record.set([1, 0xff, 0xff, 0xff], 5);
  client.socket.write(record);
  await client.ended();
  // A fatal alert, decode_error (RFC 8446, section 6.2).
  expect(client.text).toBe('\x15\x03\x01\x00\x02\x02\x32');
});

test('a ClientHello in records of one byte finds its router', async () => {
  const hello = await clientHello('pass.example');
  const message = hello.subarray(5);
  const records = [...message].map((byte) => Buffer.from([22, 3, 1, 0, 1, byte]));
  const accepted = secure.accepted().catch(() => {});
  const before = new Promise<void>((resolve) => {
    const watch = setInterval(() => {
      if (secure.sockets.size === 0) return;
      clearInterval(watch);
      resolve();
    }, 5);
  });
  const client = await connectPlain(router.ports['mixed']!);
  client.socket.write(Buffer.concat(records));
  // Whether OpenSSL likes such records is the server's affair: the connection has come to it.
  await before;
  client.socket.destroy();
  void accepted;
});

test('junk on a TLS port goes to HTTP, which refuses it', async () => {
  const client = await connectPlain(router.ports['mixed']!);
  client.socket.write('\x80\x2e\x01\x03\x01 junk\r\n\r\n');
  await client.ended();
  expect(client.text).toMatch(/^HTTP\/1.1 400 |^$/);
});

test('a connection that nothing passes through ends', async () => {
  const client = await connectPlain(router.ports['quiet']!);
  client.socket.write('x');
  await client.has('target:x');
  await client.ended();
  await router.prints((text) => text.includes('"ResponseFlag":"tunnel_idle"'));
});
