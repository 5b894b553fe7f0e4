// UDP entry points: the main thread binds, one worker reads.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { adoptDatagrams } from '../../src/dataplane/net/datagram-handle.ts';
import { bindSocket, duplicateSockets } from '../../dist/dataplane/net/listening-socket.js';
import { ownAddress, ownPort } from '../support/ports.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const ANY = { host: '127.0.0.1', port: 0, protocol: 'udp' } as const;
const open: { close(): void }[] = [];
let router: RouterProcess | null = null;

afterEach(async () => {
  for (const one of open.splice(0)) one.close();
  await router?.[Symbol.asyncDispose]();
  router = null;
});

function client(): Socket {
  const socket = createSocket('udp4');
  open.push(socket);
  return socket;
}

test('datagrams wait for whoever reads from a duplicate, in order and all of them', async () => {
  const bound = await bindSocket('dns', ANY);
  open.push(bound.handle);
  const sender = client();
  for (const text of ['one', 'two', 'three']) {
    await new Promise((resolve) => sender.send(text, bound.address.port, '127.0.0.1', resolve));
  }
  const [handle] = await duplicateSockets([{ fd: bound.handle.fd, protocol: 'udp' }]);
  const reader = adoptDatagrams(handle!);
  open.push(reader);
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    reader.on('message', (message) => {
      seen.push(message.toString());
      if (seen.length === 3) resolve();
    });
  });
  expect(seen).toEqual(['one', 'two', 'three']);
});

test('answers leave from the port that was asked, and the socket outlives its reader', async () => {
  const bound = await bindSocket('dns', ANY);
  open.push(bound.handle);
  const asker = client();
  for (const answer of ['first reader', 'second reader']) {
    const [handle] = await duplicateSockets([{ fd: bound.handle.fd, protocol: 'udp' }]);
    const reader = adoptDatagrams(handle!);
    reader.once('message', (_, { port, address }) => reader.send(answer, port, address, () => reader.close()));
    asker.send('question', bound.address.port, '127.0.0.1');
    const [message, from] = (await once(asker, 'message')) as [Buffer, { port: number }];
    expect([message.toString(), from.port]).toEqual([answer, bound.address.port]);
  }
});

test('TCP and UDP sockets of one port number are duplicated together, in order', async () => {
  const own = { host: ownAddress(), port: ownPort() };
  const udp = await bindSocket('dns', { ...own, protocol: 'udp' });
  const tcp = await bindSocket('web', { ...own, protocol: 'tcp' });
  open.push(udp.handle, tcp.handle);
  const handles = await duplicateSockets([
    { fd: tcp.handle.fd, protocol: 'tcp' },
    { fd: udp.handle.fd, protocol: 'udp' },
  ]);
  const kinds = handles.map((handle) => ('recvStart' in handle ? 'udp' : 'tcp'));
  for (const handle of handles) (handle as { close(): void }).close();
  expect(kinds).toEqual(['tcp', 'udp']);
});

test('an address in use is an error that names the option and how to find who has it', async () => {
  const holder = client();
  holder.bind(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address();
  const refused = bindSocket('dns', { ...ANY, port });
  await expect(refused).rejects.toMatchObject({ code: 'ERR_LISTEN_ADDRESS_IN_USE' });
  await expect(refused).rejects.toThrow(
    `entryPoints.dns.address: another process listens on 127.0.0.1:${port}/udp; stop it (ss -lunp "sport = :${port}"`,
  );
});

test('a UDP entry point is bound beside one for TCP, and routers of HTTP do not stand on it', async () => {
  router = await startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" }, dns: { address: "127.0.0.1:0/udp" }, traefik: { address: "127.0.0.1:0" } }
api: {}
http:
  routers:
    everywhere: { rule: "PathPrefix(\`/\`)", service: noop@internal }
    misplaced: { rule: "PathPrefix(\`/\`)", service: noop@internal, entryPoints: [dns] }
`,
    workers: 2,
  });
  expect(router.stderr()).toMatch(/dns +udp:\/\/127\.0\.0\.1:\d+\n/);
  expect(router.stderr()).toContain('the entry point "dns" is for UDP; this router needs one for TCP');
  const shown = (path: string): Promise<unknown> =>
    fetch(`http://127.0.0.1:${router!.ports['traefik']}/api/${path}`).then((answer) => answer.json());
  expect(await shown('http/routers/everywhere@install')).toMatchObject({ using: ['web'] });
  expect(await shown('entrypoints/dns')).toMatchObject({ address: `127.0.0.1:${router.ports['dns']}/udp` });
  const holder = client();
  const error = new Promise((resolve) => holder.once('error', resolve));
  holder.bind(router.ports['dns'], '127.0.0.1');
  expect(await error).toMatchObject({ code: 'EADDRINUSE' });
});
