import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Explanation } from '../../controlplane/pipeline/explain/explain.ts';
import { FakeApi, runAgainst } from '../../../test/support/fake-api.ts';

const NOBODY: Explanation = {
  request: { method: 'GET', host: 'a.example', path: '/x', query: '' }, entryPoint: 'web', router: null, disabled: null,
  tcpRouter: null, chain: [], taken: [], others: [], notes: [],
}; // prettier-ignore

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
  api.answer = () => ({ body: NOBODY });
});
afterEach(() => api[Symbol.asyncDispose]());

test.each([
  ['https://a.example/x', 'https://a.example/x'],
  ['a.example/x', 'http://a.example/x'],
  ['/x', '/x'],
])('%s is asked for', async (given, url) => {
  await runAgainst(api, 'explain', given);
  expect(new URLSearchParams(api.asked[0]!.path.split('?')[1]).get('url')).toBe(url);
});

test('what is said of the request goes along', async () => {
  const flags = [
    '--method',
    'PUT',
    '--header',
    'A: 1',
    '--header',
    'B: 2',
    '--entryPoint',
    'web',
    '--client-ip',
    '::1',
  ];
  await runAgainst(api, 'explain', 'a', ...flags);
  const [path, query] = api.asked[0]!.path.split('?');
  const pairs = [['url', 'http://a'], ['method', 'PUT'], ['header', 'A: 1'], ['header', 'B: 2'], ['entryPoint', 'web'], ['clientIp', '::1']]; // prettier-ignore
  expect([path, [...new URLSearchParams(query)]]).toEqual(['/api/explain', pairs]);
});

test.each([
  [{}, 1, 'no router takes it: it is answered 404'],
  [{ disabled: { router: 'r@file', status: 503 } }, 1, 'r@file is disabled: it is answered 503'],
  [{ tcpRouter: 't@file', disabled: { router: 'r', status: 503 } }, 1, 'the TCP router t@file takes its connection'],
])('%j is taken by no router', async (rest, code, line) => {
  api.answer = () => ({ body: { ...NOBODY, ...rest } });
  expect(await runAgainst(api, 'explain', 'a')).toEqual([code, `GET a.example/x on web\n${line}\n`, '']);
});

test('the way of a request is told, with who takes it, who does not, and why', async () => {
  const matchers = [
    { matcher: 'Host(`a`)', isTrue: true, found: 'the host is a' },
    { matcher: 'Path(`/y`)', isTrue: false, found: 'the path is /x' },
  ];
  const router = { router: 'r', rule: 'Host(`a`)', priority: 7, matchers: matchers.slice(0, 1), why: 'it is first' };
  const answer = {
    ...NOBODY,
    request: { ...NOBODY.request, query: 'q=1' },
    router: 'r',
    chain: [{ kind: 'middleware', name: 'm' }, { kind: 'service', name: 's', detail: '2 servers' }],
    taken: [router],
    others: [{ ...router, router: 'o', matchers, why: 'it does not match' }],
    notes: ['a note'],
  }; // prettier-ignore
  api.answer = () => ({ body: answer });
  const [code, text] = await runAgainst(api, 'explain', 'a');
  expect([code, text.split('\n')]).toEqual([
    0,
    [
      'GET a.example/x?q=1 on web', 'taken by r', '', '  middleware  m', '  service     s  (2 servers)', '',
      'r  priority 7  Host(`a`)', '    true  Host(`a`): the host is a', '    it is first', '', 'not taken by:', '',
      'o  priority 7  Host(`a`)', '    true  Host(`a`): the host is a', '    false Path(`/y`): the path is /x',
      '    it does not match', '', 'note: a note', '',
    ],
  ]); // prettier-ignore
  expect(JSON.parse((await runAgainst(api, 'explain', 'a', '--json'))[1])).toEqual(answer);
});
