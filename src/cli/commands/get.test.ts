import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeApi, runAgainst } from '../../../test/support/fake-api.ts';
import { COMMANDS } from '../commands.ts';
import { KINDS } from './get.ts';

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api[Symbol.asyncDispose]());

const PIN = { 'X-Signalbox-Pin': 'version 3 is pinned' };
const get = (...argv: readonly string[]) => runAgainst(api, 'get', ...argv);

test.each([
  ['routers', '/api/http/routers', 'NAME  STATUS  PRIORITY  ENTRY POINTS  SERVICE  RULE'],
  ['Router', '/api/http/routers', 'NAME  STATUS  PRIORITY  ENTRY POINTS  SERVICE  RULE'],
  ['services', '/api/http/services', 'NAME  STATUS  TYPE  SERVERS  USED BY'],
  ['middlewares', '/api/http/middlewares', 'NAME  STATUS  TYPE  USED BY'],
  ['tcpRouters', '/api/tcp/routers', 'NAME  STATUS  PRIORITY  ENTRY POINTS  SERVICE  RULE'],
  ['tcpservices', '/api/tcp/services', 'NAME  STATUS  TYPE  SERVERS  USED BY'],
  ['tcpmiddlewares', '/api/tcp/middlewares', 'NAME  STATUS  TYPE  USED BY'],
  ['udprouters', '/api/udp/routers', 'NAME  STATUS  ENTRY POINTS  SERVICE'],
  ['udpservices', '/api/udp/services', 'NAME  STATUS  TYPE  USED BY'],
  ['entrypoints', '/api/entrypoints', 'NAME  ADDRESS'],
  ['discovered', '/api/discovered', 'NAME  PROVIDER  STATE  STATUS  DEFINES'],
  ['provider', '/api/providers', 'NAME  STATE  LAST ANSWER  AWAY SINCE  REASON'],
])('%s are listed with their columns', async (kind, path, heads) => {
  api.answer = () => ({ body: [{ name: 'n' }] });
  const [code, text] = await get(kind, '--search', 'a b');
  expect([code, text.split('\n')[0]!.replace(/ {2,}/g, '  '), text.split('\n')[1]!.split(/ +/)[0]]).toEqual([
    0,
    heads,
    'n',
  ]);
  expect(api.asked.map((asked) => asked.path)).toEqual([`${path}?search=a+b&page=1`]);
});

test('what a router is stands in its columns, and what is wrong with it below', async () => {
  api.answer = () => ({
    headers: PIN,
    body: [
      { name: 'a', status: 'enabled', priorityStr: '7', using: ['web', 'websecure'], service: 's', rule: 'Host(`x`)' },
      { name: 'b', status: 'disabled', priorityStr: 5, using: [], service: '', error: ['first', 'second'] },
    ],
  });
  expect(await get('routers')).toEqual([
    0,
    [
      'version 3 is pinned',
      'NAME  STATUS    PRIORITY  ENTRY POINTS   SERVICE  RULE',
      'a     enabled   7         web,websecure  s        Host(`x`)',
      'b     disabled  5         -                       -',
      '', 'b:', '  first', '  second', '',
    ].join('\n'),
    '',
  ]); // prettier-ignore
});

test.each([
  [{ a: 'UP', b: 'DOWN', c: 'UP' }, [{ check: {} }], '2 up, 1 down'],
  [{ a: 'UP' }, [{ check: {} }], '1 up'],
  [{ a: 'UP', b: 'UP' }, [{}], '2 (not checked)'],
  [{ a: 'UP', b: 'DOWN' }, undefined, '1 (not checked), 1 down'],
])('of servers %j is known how they are', async (serverStatus, serverHealth, shown) => {
  api.answer = () => ({ body: [{ name: 'n', status: 's', type: 't', serverStatus, serverHealth, usedBy: ['r'] }] });
  expect((await get('services'))[1].replace(/ {2,}/g, '  ')).toContain(`  ${shown}  r\n`);
});

test('nothing to list is said; JSON and one object come as they are, and what is pinned goes beside', async () => {
  api.answer = ({ path }) => ({ headers: PIN, body: path.includes('page=') ? [] : { name: 'a/b@file' } });
  expect(await get('router')).toEqual([0, 'version 3 is pinned\nno routers\n', '']);
  expect(await get('routers', '--json')).toEqual([0, '[]\n', 'version 3 is pinned\n']);
  expect(await get('routers', 'a/b@file')).toEqual([0, '{\n  "name": "a/b@file"\n}\n', 'version 3 is pinned\n']);
  expect(api.asked.at(-1)!.path).toBe('/api/http/routers/a%2Fb%40file');
});

test.each([
  [null, 'current'],
  [2, 'current, pinned to 2'],
])('snapshots are listed, with %j pinned', async (pinned, state) => {
  const snapshots = [
    { version: 1, createdAt: 'then', digest: 'd1' },
    { version: 2, createdAt: 'now', routers: 4, digest: 'd2' },
  ];
  api.answer = () => ({ body: { current: 2, pinned, snapshots } });
  const [, text] = await get('snapshots');
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  expect(rows).toEqual([
    ['VERSION', 'STATE', 'CREATED AT', 'ROUTERS', 'SERVICES', 'MIDDLEWARES', 'DIGEST'],
    ['1', 'then', '-', '-', '-', 'd1'],
    ['2', state, 'now', '4', '-', '-', 'd2'],
  ]);
  expect(JSON.parse((await get('snapshots', '--json'))[1])).toEqual({ current: 2, pinned, snapshots });
});

test('diagnostics are told as `check` tells them', async () => {
  const one = { severity: 'error', source: 'a.yml', line: 1, column: 2, path: 'p', message: 'wrong' };
  api.answer = () => ({ body: [one] });
  expect((await get('diagnostics'))[1]).toBe('error   a.yml:1:2  p\n        wrong\n');
  expect(JSON.parse((await get('diagnostics', '--json'))[1])).toEqual([one]);
  api.answer = () => ({ body: [] });
  expect(await get('diagnostic')).toEqual([0, 'no diagnostics\n', '']);
});

test('one of a list that the API has only as a whole is looked for in it', async () => {
  const web = { name: 'container web', status: 'enabled' };
  api.answer = () => ({ body: [{ name: 'container web-2' }, web] });
  for (const name of ['web', 'container web']) expect(JSON.parse((await get('discovered', name))[1])).toEqual(web);
  expect(await get('discovered', 'eb')).toEqual([2, '', 'get: there is none named "eb"\n']);
  expect(api.asked.map(({ path }) => path)).toEqual(['/api/discovered?page=1', '/api/discovered?page=1', '/api/discovered?page=1']);
}); // prettier-ignore

test('what cannot be listed is a mistake, and what was meant is guessed', async () => {
  expect(await get('rooters')).toEqual([2, '', 'get: there is no "rooters" to list; did you mean "routers"?\n']);
  expect((await get('constructor'))[2]).toContain('get: there is no "constructor" to list; known: routers, services, ');
  expect(api.asked).toEqual([]);
});

test('certificates are followed by what resolvers have not got, with the reason and the next try', async () => {
  const order = { resolver: 'le', domains: ['a.test', 'b.test'], state: 'failed', notAfter: null, failures: 2 };
  const next = '2026-05-01T10:00:00.000Z';
  api.answer = ({ path }) => ({
    body: path.startsWith('/api/acme/')
      ? [
          { ...order, nextTry: next, lastError: 'refused' },
          { ...order, domains: ['c.test'], state: 'valid', nextTry: next, lastError: null, failures: 0 },
          { ...order, domains: ['d.test'], state: 'pending', nextTry: next, lastError: null, failures: 0 },
          { ...order, domains: ['e.test'], state: 'ordering', nextTry: null, lastError: null, failures: 0 },
        ]
      : [{ name: 'n', status: 'enabled', sans: ['c.test'], keyType: 'ec', notAfter: 'later', issuer: 'CN=A' }],
  });
  expect(await get('certificates')).toEqual([
    0,
    [
      'NAME       STATUS    FOR            KEY  VALID UNTIL  ISSUER',
      'n          enabled   c.test         ec   later        CN=A',
      'le:a.test  failed    a.test,b.test  -    -            -',
      'le:d.test  pending   d.test         -    -            -',
      'le:e.test  ordering  e.test         -    -            -',
      '', 'le:a.test:', '  refused (2 times in a row)', `  next try: ${next}`,
      '', 'le:d.test:', `  ordered: ${next}`, '',
    ].join('\n'),
    '',
  ]); // prettier-ignore
  expect(JSON.parse((await get('certificates', '--json', '--search', 'B.test'))[1])).toMatchObject([
    { name: 'n' },
    { name: 'le:a.test', status: 'failed', nextTry: next, failures: 2 },
  ]);
  expect(JSON.parse((await get('certificates', 'le:d.test'))[1])).toMatchObject({ status: 'pending' });
});

test('a name without its provider is enough where one object has it', async () => {
  const names = ['api@file', 'apiary@file', 'web@file', 'web@install'];
  api.answer = ({ path }) => ({ body: path.includes('?') ? names.map((name) => ({ name })) : { shown: path } });
  expect((await get('routers', 'api'))[1]).toContain('/api/http/routers/api%40file');
  expect((await get('routers', 'other'))[1]).toContain('/api/http/routers/other');
  expect(await get('routers', 'web')).toEqual([2, '', 'get: there are several named "web": web@file, web@install\n']);
});

test('the command table names every kind', async () => {
  const words = COMMANDS.find(({ name }) => name === 'get')!.words!;
  expect(words.toSorted()).toEqual([...Object.keys(KINDS), 'snapshots', 'diagnostics'].toSorted());
});
