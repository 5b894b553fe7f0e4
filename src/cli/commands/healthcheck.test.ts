import { expect, test } from 'vitest';
import { FakeApi, runAgainst } from '../../../test/support/fake-api.ts';

test.each([
  [200, 'OK', 0, 'OK\n'],
  [503, 'draining\n', 1, '503 draining\n'],
  [404, '', 1, 'URL has no ping; switch it on with "ping: {}"\n'],
])('a router that answers %i is well or not', async (status, body, code, text) => {
  await using api = await FakeApi.start();
  api.answer = () => ({ status, body });
  expect(await runAgainst(api, 'healthcheck')).toEqual([code, text.replace('URL', api.url), '']);
  const [same, json] = await runAgainst(api, 'healthcheck', '--json');
  const message = code === 0 ? {} : { message: text.trim().replace('URL', api.url) };
  expect([same, JSON.parse(json)]).toEqual([code, { isWell: code === 0, status, ...message }]);
  expect(api.asked[0]).toMatchObject({ method: 'GET', path: '/ping' });
});
