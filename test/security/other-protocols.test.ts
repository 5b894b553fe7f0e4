// Bytes that no request can begin with: whoever speaks another protocol at a plain port learns it at once, not when the
// time for a head is over.

import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

const origin = await forFile(RecordingOrigin.start());
// Without a timeout a head is waited for as long as it takes: what is answered is answered at once.
const router = await forFile(
  startRouter({
    install: simpleInstall(origin.port, '', '    transport: { respondingTimeouts: { headerTimeout: 0s } }'),
  }),
);

const HELLO = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03';

test.each([
  ['a TLS hello', HELLO],
  ['its first byte', '\x16'],
  ['a TLS hello behind an empty line', `\r\n${HELLO}`],
  ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n\0'],
  ['PostgreSQL', '\0\0\0\x08\x04\xd2\x16\x2f'],
  ['a bare line feed', '\n'],
  ['a space', ' '],
  ['a control byte in the method', 'GE\x01'],
  ['a control byte in a field', 'GET / HTTP/1.1\r\nHost: a\x02'],
  ['UTF-8', '\xc3\xa4'],
])('%s is answered 400 at once', async (_, bytes) => {
  for (const port of [router.ports['web']!, router.ports['traefik']!]) {
    const client = await RawClient.connect(port);
    client.send(bytes);
    await client.until(() => client.isEnded, true);
    if (port === router.ports['web']) expect(client.received).toMatch(/^HTTP\/1\.1 400 /);
    client.socket.destroy();
  }
});

test('behind a request as well', async () => {
  const client = await RawClient.connect(router.ports['web']!);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).status).toBe(200);
  client.send(HELLO);
  expect((await client.response()).status).toBe(400);
  client.socket.destroy();
});

test('every octet but those of a token, and the one empty line, is refused', async () => {
  for (let octet = 0; octet < 256; octet++) {
    const char = String.fromCharCode(octet);
    if (/[\r!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(char)) continue;
    const client = await RawClient.connect(router.ports['web']!);
    client.send(char);
    expect([octet, (await client.response()).status]).toEqual([octet, 400]);
    client.socket.destroy();
  }
});

test('the kernel watches over clients of HTTP that are silent', async () => {
  const client = await RawClient.connect(router.ports['web']!);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.response();
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  const local = `0100007F:${hex(router.ports['web']!)}`;
  const remote = `0100007F:${hex((client.socket.address() as AddressInfo).port)}`;
  const timer = (): string | undefined => {
    const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n');
    return / 01 \S+ (\d\d):/.exec(lines.find((one) => one.includes(`${local} ${remote} 01 `)) ?? '')?.[1];
  };
  // 02 is keepalive's; until the client has acknowledged the answer there is another one.
  await expect.poll(timer).toBe('02');
  client.socket.destroy();
});
