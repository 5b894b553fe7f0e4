import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeApi, runAgainst } from '../../../test/support/fake-api.ts';

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api[Symbol.asyncDispose]());

const worker = (id: number, version: number, isReady = true): object => ({ id, version, isReady });

test.each([
  [{ isApplied: true, workers: [worker(0, 7)] }, 0, 'version 7 is in force on 1 worker\n'],
  [{ isApplied: true, workers: [worker(0, 7), worker(1, 7)] }, 0, 'version 7 is in force on 2 workers\n'],
  [{ reason: 'a newer one came', workers: [] }, 1, 'not in force: a newer one came\n'],
  [
    { workers: [worker(0, 7), worker(1, 6), worker(2, 7, false)] },
    1,
    'version 7 is not in force after 5s: worker 1 runs version 6, worker 2 runs version 7\n',
  ],
  [{ workers: [worker(0, 7)] }, 1, 'version 7 is not in force after 5s: a change is on its way\n'],
])('%j is told with its exit code', async (status, code, text) => {
  api.answer = () => ({ body: { version: 7, isApplied: false, reason: null, ...status } });
  expect(await runAgainst(api, 'wait', 'a/7', '--timeout', '5s')).toEqual([code, text, '']);
  expect(api.asked).toMatchObject([{ method: 'GET', path: '/api/snapshots/a%2F7/status?wait=5s' }]);
});

test('the newest version is waited for half a minute when nothing else is said; JSON is the answer', async () => {
  const status = { version: 7, isApplied: true, reason: null, workers: [] };
  api.answer = () => ({ body: status });
  const [code, text] = await runAgainst(api, 'wait', '--json');
  expect([code, JSON.parse(text), api.asked[0]!.path]).toEqual([0, status, '/api/snapshots/latest/status?wait=30s']);
});
