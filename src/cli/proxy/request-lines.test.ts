import { expect, test } from 'vitest';
import { RequestLines } from './request-lines.ts';

const RECORD = {
  StartLocal: '2026-05-01T10:20:30.123Z',
  DownstreamStatus: 200,
  RequestMethod: 'GET',
  RequestHost: 'app.localhost',
  RequestPath: '/a?b=c',
  Duration: 12_345_678,
  ResponseFlag: '',
  ServiceURL: 'http://localhost:3000',
};

async function lines(records: readonly object[], color = false): Promise<string> {
  let said = '';
  const sink = new RequestLines((text) => (said += text), color);
  await sink.write(Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join('')));
  await sink.close();
  return said;
}

test('a request is a line', async () => {
  expect(await lines([RECORD, { ...RECORD, DownstreamStatus: 304, Duration: 900_000 }])).toBe(
    '10:20:30  200  GET      app.localhost/a?b=c  12 ms\n10:20:30  304  GET      app.localhost/a?b=c  0.9 ms\n',
  );
  expect(await lines([{ ...RECORD, Duration: 12_345_678_900 }])).toContain('12.3 s');
});

test('one that failed says why, and what it asked', async () => {
  const refused = { ...RECORD, DownstreamStatus: 502, ResponseFlag: 'upstream_connect_refused' };
  expect(await lines([refused])).toContain('(nothing listens on localhost:3000; is the server started?)');
  expect(await lines([{ ...refused, ResponseFlag: 'upstream_pool_full' }])).toContain('(Service Unavailable)');
  expect(await lines([{ ...refused, ResponseFlag: 'of_tomorrow' }])).toContain('(of_tomorrow)');
});

test('a WebSocket that the browser closes is no failure', async () => {
  const gone = { ...RECORD, DownstreamStatus: 101, ResponseFlag: 'client_gone' };
  expect(await lines([gone])).not.toContain('(');
  expect(await lines([{ ...gone, DownstreamStatus: 499 }])).toContain('(the browser did not wait for the answer)');
});

test('the status has a colour on terminals that have some', async () => {
  const statuses = await Promise.all(
    [200, 301, 404, 502].map((DownstreamStatus) => lines([{ ...RECORD, DownstreamStatus }], true)),
  );
  expect(statuses.map((line, index) => line.includes(`\x1b[${[32, 36, 33, 31][index]}m`))).toEqual(Array(4).fill(true));
});

test('nothing that a client sends reaches the terminal as a command', async () => {
  expect(await lines([{ ...RECORD, RequestPath: '/\u001b[2J\u009b\n\u2028' }])).toContain('app.localhost/?[2J???');
});
