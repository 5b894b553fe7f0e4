// TCP routers on entry points that come, move and go, and ten thousand of them.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { holdPorts } from '../support/ports.ts';
import { replaceFile } from '../support/replace-file.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { connectPlain, connectTls, echo, plainServer, tlsServer } from '../support/tcp-servers.ts';
import { certificateFor } from '../support/tls-client.ts';

async function said(router: RouterProcess, text: string, before: number): Promise<void> {
  await router.sees((all) => all.split(text).length - 1 > before);
}

test('TCP routers stand on entry points that come and move, and open connections stay', async () => {
  const server = await plainServer(echo('server'));
  const [first, second] = holdPorts(2) as [number, number];
  const install = (port: number): string => `
entryPoints:
  web: { address: "127.0.0.1:0" }
  db: { address: "127.0.0.1:${port}", transport: { lifeCycle: { graceTimeOut: 1h } } }
tcp:
  routers: { db: { rule: "HostSNI(\`*\`)", service: db, entryPoints: [db] } }
  services: { db: { loadBalancer: { servers: [{ address: "127.0.0.1:${server.port}" }] } } }
`;
  {
    await using router = await startRouter({ install: install(first), workers: 2 });
    const kept = await connectPlain(first);
    kept.socket.write('1;');
    await kept.has('server:1;');
    await replaceFile(join(router.directory, 'signalbox.yml'), install(second));
    await said(router, 'install configuration in force', 0);
    const fresh = await connectPlain(second);
    fresh.socket.write('2;');
    await fresh.has('server:2;');
    kept.socket.write('3;');
    await kept.has('server:3;');
    for (const client of [kept, fresh]) {
      client.socket.end();
      await client.ended();
    }
  }
  await server.close();
});

test('ten thousand TCP routers are served, and a change among them is in force soon', async () => {
  const plain = await plainServer(echo('plain'));
  const secure = await tlsServer(certificateFor(['server']), echo('secure'));
  const routing = (service: string): string =>
    `tcp:\n  routers:\n${Array.from(
      { length: 10_000 },
      (_, index) =>
        `    r${index}: { rule: "HostSNI(\`h${index}.example\`)", service: ${index === 7_777 ? service : 'secure'}, tls: { passthrough: ${index !== 7_777} } }\n`,
    ).join('')}  services:
    secure: { loadBalancer: { servers: [{ address: "127.0.0.1:${secure.port}" }] } }
    one: { loadBalancer: { servers: [{ address: "127.0.0.1:${plain.port}" }] } }
    other: { weighted: { services: [{ name: one }] } }
`;
  {
    await using router = await startRouter({
      install:
        'entryPoints: { web: { address: "127.0.0.1:0" } }\nproviders: { file: { filename: DIR/routing.yml } }\naccessLog: {}\n',
      files: { 'routing.yml': routing('one') },
    });
    const port = router.ports['web']!;
    for (const index of [0, 5_000, 9_999]) {
      const client = await connectTls(port, `h${index}.example`);
      client.socket.write('x');
      await client.has('secure:x');
      client.socket.destroy();
    }
    await replaceFile(join(router.directory, 'routing.yml'), routing('other'));
    await said(router, 'configuration changed', 0);
    expect(router.stderr()).toMatch(/configuration changed .*changed=1 /);
    const client = await connectTls(port, 'h7777.example');
    client.socket.write('x');
    await client.has('plain:x');
    client.socket.destroy();
    const nobody = connectTls(port, 'h10000.example').then((found) => found.socket.getPeerCertificate().subject.CN);
    expect(await nobody).toBe('SIGNALBOX DEFAULT CERT');
  }
  await plain.close();
  await secure.close();
});
