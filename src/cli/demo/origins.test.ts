import { afterEach, expect, test } from 'vitest';
import { RawClient } from '../../../test/support/raw-client.ts';
import { holdPort } from '../../../test/support/ports.ts';
import { parseArguments } from '../arguments.ts';
import { COMMANDS } from '../commands.ts';
import type { Io } from '../io.ts';
import { startEchoOrigin, type EchoOrigin } from './echo-origin.ts';

const origins: EchoOrigin[] = [];

afterEach(() => {
  for (const origin of origins.splice(0)) origin.close();
});

async function start(port: number, name?: string): Promise<number> {
  const origin = await startEchoOrigin(port, name);
  origins.push(origin);
  return origin.port;
}

/** Settles with the code when the command ends; `said` is called with all of it. */
function demo(words: readonly string[], onSaid: (text: string) => void): Promise<number> {
  const command = COMMANDS.find(({ name }) => name === 'demo')!;
  const args = parseArguments(words, command.flags, command.takesOptions);
  if (typeof args === 'string') throw new Error(args);
  const io: Io = { out: () => {}, err: onSaid, color: false, isTerminal: false, environment: {} };
  return command.run(args, io);
}

const get = (port: number, target: string, fields = ''): ReturnType<typeof RawClient.exchange> =>
  RawClient.exchange(port, `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);

test('an origin says who it is and what it was asked', async () => {
  const port = await start(0);
  const { status, head, body } = await get(port, '/x?y=1', 'X-Test: 1\r\n');
  expect([status, body]).toEqual([200, `${port} got GET /x?y=1\nhost: a\nx-test: 1\n`]);
  expect(head).toContain(`X-Origin: ${port}\r\n`);
  expect((await get(await start(0, 'shop'), '/')).body).toBe('shop got GET /\nhost: a\n');
});

test.each([
  ['/status/404', 404],
  ['/status/503/more', 503],
  ['/status/99', 200],
  ['/status/1000', 200],
  ['/statuses/404', 200],
  ['/wait/0', 200],
])('%s is answered %i', async (target, status) => {
  expect((await get(await start(0), target)).status).toBe(status);
});

test('a WebSocket is told who answers, and ended; other protocols are refused', async () => {
  const port = await start(0);
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  const { status, head } = await get(port, '/chat', `${upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`);
  expect(status).toBe(101);
  // The example of RFC 6455.
  expect(head).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  expect((await get(port, '/chat', upgrade)).status).toBe(400);
});

test('the command starts them, says where, and ends at Ctrl-C with none left', async () => {
  let said = '';
  const ended = demo(['--origins', '--ports', '0,0'], (text) => (said += text));
  await expect.poll(() => said).toContain('Ctrl-C ends it');
  const ports = [...said.matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
  expect(ports).toHaveLength(2);
  for (const port of ports) expect((await get(port, '/')).body).toContain(`${port} got GET /`);
  process.emit('SIGINT');
  expect(await ended).toBe(0);
  for (const port of ports) await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED');
});

test('a port that somebody has is named, with what to write', async () => {
  const port = holdPort();
  await start(port);
  await expect(demo(['--origins', '--ports', `${port}`], () => {})).rejects.toThrow(
    `demo: 127.0.0.1:${port}: somebody listens there already; name other ports, as in "signalbox demo --origins --ports`,
  );
});

test.each([
  [['--origins', '--ports', '9001,x'], 'demo: --ports takes ports from 1 to 65535, as in --ports 9001,9002'],
  [['--origins', '--ports', '70000'], 'found "70000"'],
  [['--ports', '9001'], '--ports goes with --origins'],
  [['--origins', '--workers', '1'], '--workers is of the router'],
] as const)('%j is refused', async (words, message) => {
  await expect(demo(words, () => {})).rejects.toThrow(message);
});
