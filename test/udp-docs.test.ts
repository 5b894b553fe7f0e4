// Every example of docs/udp.md runs as it stands, but for addresses, and does what the lines under it say.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DatagramClient, NamedDatagramServer } from './support/datagrams.ts';
import { startRouter } from './support/router.ts';

const PAGE = readFileSync(new URL('../docs/udp.md', import.meta.url), 'utf8');
const EXAMPLES = [...PAGE.matchAll(/```yaml\n((?:(?!```)[\s\S])*?)```\n\n```text\n([\s\S]*?)```/g)].map(
  ([, yaml, steps]) => ({ yaml: yaml!, steps: steps!.trim().split('\n') }),
);

test('the page has examples', () => {
  expect(EXAMPLES).toHaveLength(2);
});

test.each(EXAMPLES)('$steps', async ({ yaml, steps }) => {
  const servers: NamedDatagramServer[] = [];
  const clients = new Map<string, DatagramClient>();
  let install = yaml.replaceAll(/address: ':\d+\/udp'/g, "address: '127.0.0.1:0/udp'");
  for (const address of new Set(yaml.match(/10\.0\.0\.\d:\d+/g))) {
    const server = await NamedDatagramServer.start(address);
    servers.push(server);
    install = install.replaceAll(address, `127.0.0.1:${server.port}`);
  }
  await using router = await startRouter({ install });
  for (const step of steps) {
    const [, who, entryPoint, server] = /^(\w+) client at (\w+) → (\S+)$/.exec(step)!;
    const client = clients.get(who!) ?? new DatagramClient(router.ports[entryPoint!]!);
    clients.set(who!, client);
    expect([step, await client.ask('?')]).toEqual([step, `${server!} ?`]);
  }
  for (const client of clients.values()) client[Symbol.dispose]();
  for (const server of servers) await server[Symbol.asyncDispose]();
});
