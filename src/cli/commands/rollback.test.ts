import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeApi, runAgainst } from '../../../test/support/fake-api.ts';

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
  api.answer = () => ({ body: { version: 9 } });
});
afterEach(() => api[Symbol.asyncDispose]());

const asked = (): readonly string[] => api.asked.map(({ method, path }) => `${method} ${path}`);

/** Versions and their contents, of which the last but one is in force. */
function keep(...digests: readonly string[]): void {
  const snapshots = digests.map((digest, index) => ({ version: index + 1, digest }));
  api.answer = ({ method }) => ({
    body: method === 'GET' ? { current: digests.length - 1, pinned: null, snapshots } : { version: 9 },
  });
}

test('a version that is named is in force again', async () => {
  expect(await runAgainst(api, 'rollback', 'a/3')).toEqual([
    0, 'version a/3 is in force again, as version 9; it stays until "signalbox rollback --release"\n', '',
  ]); // prettier-ignore
  expect(asked()).toEqual(['POST /api/snapshots/a%2F3/activate']);
});

test('without one it is the newest before whose content is another', async () => {
  keep('a', 'b', 'c', 'c', 'later');
  expect((await runAgainst(api, 'rollback', '--json'))[1]).toBe('{\n  "version": 9\n}\n');
  expect(asked()).toEqual(['GET /api/snapshots', 'POST /api/snapshots/2/activate']);
});

test('there may be none', async () => {
  keep('c', 'c', 'later');
  expect(await runAgainst(api, 'rollback')).toEqual([2, '', 'there is no earlier snapshot to go back to\n']);
});

test('a release goes on with the newest, and takes no version', async () => {
  expect(await runAgainst(api, 'rollback', '--release')).toEqual([
    0, 'the newest configuration is in force as version 9\n', '',
  ]); // prettier-ignore
  expect((await runAgainst(api, 'rollback', '--release', '--json'))[1]).toBe('{\n  "version": 9\n}\n');
  expect(asked()).toEqual(['POST /api/snapshots/release', 'POST /api/snapshots/release']);
  const [code, , text] = await runAgainst(api, 'rollback', '--release', '3');
  expect([code, text]).toEqual([2, expect.stringContaining('takes no version, found "3"')]);
  expect(api.asked).toHaveLength(2);
});
