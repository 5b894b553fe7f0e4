// Thousands of damaged request streams through the running router. Whatever it makes of them, the origin gets requests
// that the strictest reader splits as they were sent, and the router answers the next client.

import { expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';
import { mutate, SeededRandom } from './byte-mutator.ts';
import { answerWhole, readStrictly } from './strict-reading.ts';

const origin = await forFile(RecordingOrigin.start(answerWhole()));
const router = await forFile(startRouter({ install: simpleInstall(origin.port), workers: 2 }));

/** A request inside a body: nothing may ever make it a request of its own. */
const INNER = 'GET /inner HTTP/1.1\r\nHost: inner\r\n\r\n';
const SIZE = INNER.length.toString(16);
const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';

const CORPUS: readonly string[] = [
  `POST /outer HTTP/1.1\r\nHost: a\r\nContent-Length: ${INNER.length}\r\n\r\n${INNER}${NEXT}`,
  `POST /outer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${SIZE};a=b\r\n${INNER}\r\n0\r\nX: 1\r\n\r\n${NEXT}`,
  `PUT /outer HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${INNER.length}\r\n\r\n${INNER}${NEXT}`,
  `GET /a/../b?x=%20;y HTTP/1.1\r\nHost: a:80\r\nConnection: keep-alive, X\r\nX: 1\r\nTE: trailers\r\n\r\n${NEXT}`,
  `GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${NEXT}`,
  `HEAD http://b/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nContent_Length: 3\r\n\r\n${NEXT}`,
  `POST /outer HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc${NEXT}`,
];

/** Sends the stream, ends its side and waits for the router to end its own. */
async function play(stream: string): Promise<string> {
  const client = await RawClient.connect(router.ports['web']!);
  client.send(stream);
  client.socket.end();
  await client.closed();
  client.socket.destroy();
  return client.received;
}

test.each([11, 12])('1,500 mutated streams reach the origin strictly or not at all (seed %i)', async (seed) => {
  const random = new SeededRandom(seed);
  let answered = 0;
  for (let batch = 0; batch < 50; batch++) {
    const streams = Array.from({ length: 30 }, () => mutate(random, CORPUS));
    const answers = await Promise.all(streams.map(play));
    for (const [index, text] of answers.entries()) {
      expect([streams[index], text]).toEqual([streams[index], expect.stringMatching(/^(?:HTTP\/1\.1 [1-5]\d\d |$)/)]);
      if (text !== '') answered++;
    }
    for (const connection of origin.connections) {
      const { requests, violation } = readStrictly(connection.received);
      expect([violation, connection.received]).toEqual([null, connection.received]);
      // The router adds this to every request of its own; one that lacks it came from inside a body.
      for (const request of requests) expect(request.fields.map(([name]) => name)).toContain('x-forwarded-server');
    }
    // Finished connections have been judged.
    const open = origin.connections.filter((connection) => !connection.isClosed);
    origin.connections.splice(0, origin.connections.length, ...open);
  }
  expect(answered).toBeGreaterThan(500);
  expect((await RawClient.exchange(router.ports['web']!, NEXT)).body).toBe('ok');
  expect(router.stderr()).not.toMatch(/stage threw|worker crashed|worker is replaced/);
});
