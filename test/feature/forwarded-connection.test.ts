// Fields that a client's Connection header names belong to its hop: stages may be shown them, servers are not.

import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

test('rules see the fields that the entry point keeps, the server does not', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: simpleInstall(origin.port, '', '    forwardedHeaders: { connection: [X-Keep] }').replace(
      'rule: "PathPrefix(`/`)"',
      'rule: "Header(`X-Keep`, `1`)"',
    ),
  });
  const ask = async (name: string): Promise<number> => {
    const request = `GET / HTTP/1.1\r\nHost: a\r\nConnection: ${name}\r\nX-Keep: 1\r\nX-Drop: 1\r\n\r\n`;
    return (await RawClient.exchange(router.ports['web']!, request)).status;
  };
  expect(await ask('X-Keep, X-Drop')).toBe(200);
  expect(origin.received).not.toMatch(/x-keep|x-drop/i);
  // Not named, it is a field as any other.
  expect(await ask('close')).toBe(200);
  expect(origin.received).toMatch(/X-Keep: 1/);
});
