import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRouter, type RouterProcess } from '../support/router.ts';
import {
  connectPlain,
  connectTls,
  echo,
  Gatherer,
  plainServer,
  subjectOf,
  tlsServer,
  type TestServer,
} from '../support/tcp-servers.ts';
import { certificateFor } from '../support/tls-client.ts';

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]);
const own = certificateFor(['term.example']);
const theirs = certificateFor(['pass.example']);

let router: RouterProcess;
let servers: readonly TestServer[];

/** Answers a request for TLS as PostgreSQL does, and goes on over TLS. */
function postgres(answer: string): (socket: net.Socket) => void {
  return (socket) => {
    socket.once('data', (chunk) => {
      if (!chunk.equals(SSL_REQUEST)) {
        socket.end(`no request but ${chunk.toString('hex')}`);
        return;
      }
      socket.write(answer);
      if (answer !== 'S') return;
      const secure = new tls.TLSSocket(socket, {
        isServer: true,
        secureContext: tls.createSecureContext({ cert: theirs.certificate, key: theirs.key }),
      });
      secure.on('error', () => {});
      echo('postgres')(secure);
    });
  };
}

beforeAll(async () => {
  const plain = await plainServer(echo('plain'));
  const withTls = await plainServer(postgres('S'));
  const without = await plainServer(postgres('N'));
  const web = await tlsServer(own, (socket) => socket.end('web'));
  servers = [plain, withTls, without, web];
  const at = ({ port }: TestServer): string => `address: "127.0.0.1:${port}"`;
  router = await startRouter({
    install: `
entryPoints:
  db: { address: "127.0.0.1:0" }
  secure: { address: "127.0.0.1:0" }
tcp:
  routers:
    term: { rule: "HostSNI(\`term.example\`)", service: plain, tls: {} }
    pass: { rule: "HostSNI(\`pass.example\`)", service: withTls, tls: { passthrough: true } }
    refused: { rule: "HostSNI(\`refused.example\`)", service: without, tls: { passthrough: true } }
    again: { rule: "HostSNI(\`again.example\`)", service: again, tls: {} }
    other: { rule: "HostSNI(\`*\`)", service: plain, entryPoints: [db] }
  services:
    plain: { loadBalancer: { servers: [{ ${at(plain)} }] } }
    withTls: { loadBalancer: { servers: [{ ${at(withTls)} }] } }
    without: { loadBalancer: { servers: [{ ${at(without)} }] } }
    again: { loadBalancer: { serversTransport: any, servers: [{ ${at(withTls)}, tls: true }] } }
  serversTransports: { any: { tls: { insecureSkipVerify: true } } }
tls: { certificates: [{ certFile: DIR/own.pem, keyFile: DIR/own.key }] }
accessLog: {}
`,
    files: { 'own.pem': own.certificate, 'own.key': own.key },
  });
});

afterAll(async () => {
  await router[Symbol.asyncDispose]();
  for (const server of servers) await server.close();
});

/** Asks for TLS, in as many pieces as are given, and shakes hands. */
async function connect(
  servername: string,
  options: tls.ConnectionOptions = {},
): Promise<Gatherer & { readonly socket: tls.TLSSocket }> {
  const socket = net.connect({ port: router.ports['db']!, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await once(socket, 'connect');
  socket.write(SSL_REQUEST.subarray(0, 3));
  socket.write(SSL_REQUEST.subarray(3));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toBe('S');
  return connectTls(0, servername, { socket, ...options });
}

test('TLS is ended by the router, and the server gets the rest in plain', async () => {
  const client = await connect('term.example', { ALPNProtocols: ['postgresql'] });
  expect(subjectOf(client)).toBe('term.example');
  expect(client.socket.alpnProtocol).toBe('postgresql');
  client.socket.write('select');
  await client.has('plain:select');
  client.socket.destroy();
});

test('with passthrough the server is asked first, and ends TLS itself', async () => {
  const client = await connect('pass.example');
  expect(subjectOf(client)).toBe('pass.example');
  client.socket.write('select');
  await client.has('postgres:select');
  client.socket.destroy();
});

test('a server that refuses TLS ends the connection', async () => {
  await expect(connect('refused.example')).rejects.toThrow();
  await router.prints((text) => text.includes('"upstream_starttls_refused"'));
});

test('a server with tls is asked for it as the router was', async () => {
  const client = await connect('again.example');
  client.socket.write('select');
  await client.has('postgres:select');
  client.socket.destroy();
});

test('a name that no router has ends the handshake', async () => {
  await expect(connect('nobody.example')).rejects.toThrow();
});

test('bytes sent along with the request do not pass for encrypted ones', async () => {
  const client = await connectPlain(router.ports['db']!);
  client.socket.write(Buffer.concat([SSL_REQUEST, Buffer.from('select')]));
  await client.ended();
  expect(client.text).toBe('');
});

test('clients that do not ask are served in plain', async () => {
  const client = await connectPlain(router.ports['db']!);
  client.socket.write(Buffer.from([0, 0, 0, 8, 0, 3, 0, 0]));
  await client.has('plain:');
  client.socket.destroy();
});

test('a client that wants no TLS is closed at once where there is nothing without it', async () => {
  // The first message of the protocol, version 3.0: as with sslmode=disable.
  const client = await connectPlain(router.ports['secure']!);
  client.socket.write(Buffer.from('0000002100030000757365720061006461746162617365006100', 'hex'));
  await client.ended();
});
