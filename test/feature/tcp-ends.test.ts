import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { connectPlain, echo, plainServer, tlsServer, type TestServer } from '../support/tcp-servers.ts';
import { certificateFor } from '../support/tls-client.ts';

let echoes: TestServer;
let silent: TestServer;
let leaving: TestServer;
let secure: TestServer;

beforeAll(async () => {
  echoes = await plainServer(echo('echo'));
  silent = await plainServer((socket) => socket.resume());
  leaving = await plainServer((socket) => socket.end('bye'));
  secure = await tlsServer(
    certificateFor(['pass.example']),
    (socket) => {
      socket.write(`${String(socket.alpnProtocol)};`);
      echo('secure')(socket);
    },
    { ALPNProtocols: ['h2'] },
  );
});

afterAll(async () => {
  for (const server of [echoes, silent, leaving, secure]) await server.close();
});

function start(graceTimeOut = '1h'): Promise<RouterProcess> {
  const at = ({ port }: TestServer): string => `servers: [{ address: "127.0.0.1:${port}" }]`;
  const names = ['echo', 'quick', 'default', 'pass'];
  return startRouter({
    install: `
entryPoints:
${names.map((name) => `  ${name}: { address: "127.0.0.1:0", transport: { lifeCycle: { graceTimeOut: ${graceTimeOut} } } }`).join('\n')}
accessLog: { format: json }
tcp:
  routers:
    echo: { rule: "HostSNI(\`*\`)", service: echo, entryPoints: [echo] }
    quick: { rule: "HostSNI(\`*\`)", service: quick, entryPoints: [quick] }
    default: { rule: "HostSNI(\`*\`)", service: default, entryPoints: [default] }
    pass: { rule: "HostSNI(\`pass.example\`)", service: pass, tls: { passthrough: true }, entryPoints: [pass] }
  services:
    echo: { loadBalancer: { ${at(echoes)} } }
    quick: { loadBalancer: { serversTransport: quick, ${at(silent)} } }
    default: { loadBalancer: { ${at(leaving)} } }
    pass: { loadBalancer: { ${at(secure)} } }
  serversTransports: { quick: { terminationDelay: 150ms } }
`,
  });
}

test('a server that says nothing after the client has ended is waited for as long as the transport says', async () => {
  await using router = await start();
  const client = await connectPlain(router.ports['quick']!);
  client.socket.end('x');
  await client.ended();
  await router.prints((text) => text.includes('"ResponseFlag":"termination_delay"'));
});

test('a client that stays when its server has left does not hold the connection', async () => {
  await using router = await start();
  const client = await connectPlain(router.ports['default']!);
  await client.has('bye');
  await router.prints((text) => text.includes('"ResponseFlag":"termination_delay"'));
  client.socket.destroy();
});

test('open connections may end by themselves when the router stops', async () => {
  await using router = await start();
  const client = await connectPlain(router.ports['echo']!);
  client.socket.write('before;');
  await client.has('echo:before;');
  router.signal('SIGTERM');
  await router.sees('shutting down');
  client.socket.write('after;');
  await client.has('echo:after;');
  client.socket.end();
  await client.ended();
  expect(await router.exited).toBe(0);
  expect(router.stdout()).toContain('"ResponseFlag":""');
});

test('those that do not are broken off when the time is over, and logged', async () => {
  await using router = await start('200ms');
  const client = await connectPlain(router.ports['echo']!);
  client.socket.write('x');
  await client.has('echo:x');
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
  expect(router.stdout()).toContain('"ResponseFlag":"drained"');
  await client.ended();
});

test('openssl s_client speaks to the server behind passthrough', async () => {
  await using router = await start();
  const args = ['s_client', '-connect', `127.0.0.1:${router.ports['pass']!}`, '-servername', 'pass.example'];
  const child = spawn('openssl', [...args, '-alpn', 'h2', '-ign_eof'], { stdio: ['pipe', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += String(chunk);
  });
  child.stdin.write('hello\n');
  while (!said.includes('secure:hello')) await once(child.stdout, 'data');
  child.kill();
  expect(said).toContain('h2;');
  expect(said).toMatch(/subject=CN ?= ?pass\.example/);
  await router.prints(
    (text) => text.includes('"TLSServerName":"pass.example"') && text.includes('"TLSPassthrough":true'),
  );
});
