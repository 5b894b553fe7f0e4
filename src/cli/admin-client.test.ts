import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeApi, RecordedIo } from '../../test/support/fake-api.ts';
import { holdPort } from '../../test/support/ports.ts';
import { AdminClient } from './admin-client.ts';
import type { Arguments } from './arguments.ts';

let directory: string;
let api: FakeApi;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'admin-client-'));
  api = await FakeApi.start();
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

function args(flags: Readonly<Record<string, string>>, options: Arguments['options'] = []): Arguments {
  const entries = Object.entries(flags).map(([name, value]): [string, string[]] => [name, [value]]);
  return { positionals: [], flags: new Map(entries), options };
}

function find(
  flags: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>> = {},
): Promise<AdminClient> {
  return AdminClient.find(args(flags), new RecordedIo(environment));
}

/** An install file. */
function config(text: string): string {
  const path = join(directory, 'signalbox.yml');
  writeFileSync(path, text);
  return path;
}

test('a request says whom it is for, its token and its body; the answer comes as it is', async () => {
  api.answer = () => ({ status: 418, headers: { 'X-Signalbox-Pin': 'pinned to 3' }, body: 'é' });
  const client = await find({ admin: `${api.url}/base/` }, { SIGNALBOX_ADMIN_TOKEN: 'secret' });
  expect([client.shown, client.pinned]).toEqual([`${api.url}/base/`, null]);
  expect(await client.ask('POST', '/api/x?y=1', { name: 'ü' })).toMatchObject({ status: 418, text: 'é' });
  expect(client.pinned).toBe('pinned to 3');
  expect(api.asked).toMatchObject([
    {
      method: 'POST', path: '/base/api/x?y=1', body: '{"name":"ü"}',
      headers: { host: 'localhost', authorization: 'Bearer secret', 'content-type': 'application/json', 'content-length': '13' },
    },
  ]); // prettier-ignore
  api.answer = () => ({ body: '' });
  await client.ask('GET', '/api');
  expect([client.pinned, api.asked[1]!.headers['content-type'], api.asked[1]!.body]).toEqual([null, undefined, '']);
});

test('a flag goes before the environment, which goes before the file', async () => {
  const [flag, environment] = ['http://flag.example:1', 'http://environment.example:2'];
  const path = config('entryPoints: { traefik: { address: "127.0.0.1:7777" } }\napi: {}\n');
  expect((await find({ admin: flag, config: path }, { SIGNALBOX_ADMIN_URL: environment })).shown).toBe(flag);
  expect((await find({ config: path }, { SIGNALBOX_ADMIN_URL: environment })).shown).toBe(environment);
});

test.each([
  ['unix:/run/a.sock', 'unix:/run/a.sock'],
  ['unix:///run/a.sock', 'unix:/run/a.sock'],
  ['/run/a.sock', 'unix:/run/a.sock'],
])('%s is a Unix socket', async (given, shown) => {
  expect((await find({ admin: given })).shown).toBe(shown);
});

test.each(['https://a.example', 'a.example:80', '', 'http://'])('"%s" is no address of an API', async (given) => {
  await expect(find({ admin: given })).rejects.toMatchObject({
    code: 'ERR_CLI_USAGE',
    message: `"${given}" is no address of an API; write http://127.0.0.1:8080 or unix:/run/signalbox.sock`,
  });
});

test('over a Unix socket no token is shown', async () => {
  const socket = join(directory, 'api.sock');
  await using other = await FakeApi.start(socket);
  await (await find({ admin: socket }, { SIGNALBOX_ADMIN_TOKEN: 'secret' })).ask('GET', '/api');
  expect(other.asked).toMatchObject([{ path: '/api' }]);
  expect(other.asked[0]!.headers.authorization).toBeUndefined();
});

test('one who does not answer in time is given up', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const client = await find({ admin: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` });
  await expect(client.ask('GET', '/', undefined, 20)).rejects.toThrow('(no answer within 0.02 s)');
  silent.closeAllConnections();
  silent.close();
});

test('that nobody is there is told with what to do', async () => {
  const port = holdPort();
  const client = await find({ admin: `http://127.0.0.1:${port}` });
  await expect(client.ask('GET', '/')).rejects.toMatchObject({
    code: 'ERR_ADMIN_UNREACHABLE',
    message: expect.stringMatching(
      new RegExp(`^no router answers on http://127.0.0.1:${port} \\(ECONNREFUSED\\); start it`),
    ),
  });
});

test('a router that asks for a token is no use without one', async () => {
  api.answer = () => ({ status: 401, body: '' });
  await expect((await find({ admin: api.url })).ask('GET', '/')).rejects.toMatchObject({
    code: 'ERR_ADMIN_UNREACHABLE',
    message: `the router on ${api.url} asks for a token; set SIGNALBOX_ADMIN_TOKEN to its api.token`,
  });
});

test('what is refused by the network is asked again over the owner’s socket, where that is one', async () => {
  const socket = join(directory, 'owner.sock');
  await using owner = await FakeApi.start(socket);
  owner.answer = () => ({ body: { done: true } });
  const client = await find({ admin: api.url });
  api.answer = () => ({ status: 403, body: { message: 'no', socket } });
  expect(await client.json('POST', '/api/x', { a: 1 })).toEqual({ done: true });
  expect(owner.asked).toMatchObject([{ method: 'POST', path: '/api/x', body: '{"a":1}' }]);
  for (const named of [join(directory, 'gone'), config(''), 7]) {
    api.answer = () => ({ status: 403, body: { message: 'no', socket: named } });
    await expect(client.json('POST', '/api/x')).rejects.toThrow('no');
  }
  expect(owner.asked).toHaveLength(1);
});

test.each([
  [404, 'not found', 'ERR_ADMIN_UNREACHABLE', 'has no API there: switch it on with "api: {}"'],
  [404, { message: 'there is no router r' }, 'ERR_CLI_USAGE', 'there is no router r'],
  [409, ' in the way \n', 'ERR_CLI_USAGE', 'in the way'],
])('a refusal with %i and %j says what the router said', async (status, body, code, message) => {
  api.answer = () => ({ status, body });
  const refusal = (await find({ admin: api.url })).json('GET', '/api/x');
  await expect(refusal).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});

test('a list is all of its pages', async () => {
  api.answer = ({ path }) => {
    const page = Number(new URLSearchParams(path.split('?')[1]).get('page'));
    return { headers: { 'X-Next-Page': String(page === 3 ? 1 : page + 1) }, body: [{ page }] };
  };
  const client = await find({ admin: api.url });
  expect(await client.list('/api/l', new URLSearchParams({ search: 'a b' }))).toEqual([
    { page: 1 },
    { page: 2 },
    { page: 3 },
  ]);
  expect(api.asked.map(({ path }) => path)).toEqual([1, 2, 3].map((page) => `/api/l?search=a+b&page=${page}`));
  api.answer = () => ({ body: [{ only: 1 }] });
  expect(await client.list('/api/l', new URLSearchParams())).toEqual([{ only: 1 }]);
  api.answer = () => ({ status: 400, body: { message: 'no such page' } });
  await expect(client.list('/api/l', new URLSearchParams())).rejects.toThrow('no such page');
});

test.each([
  [
    'its own entry point',
    'entryPoints: { traefik: { address: "127.0.0.1:7777" } }\napi: {}\n',
    'http://127.0.0.1:7777',
  ],
  [
    'all addresses',
    'entryPoints: { traefik: { address: ":7777" } }\napi: { insecure: true }\n',
    'http://127.0.0.1:7777',
  ],
  ['IPv6', 'entryPoints: { traefik: { address: "[::1]:7777" } }\napi: {}\n', 'http://[::1]:7777'],
  [
    'a file with errors elsewhere',
    'entryPoints: { traefik: { address: "127.0.0.1:7777" }, bad: { address: nowhere } }\napi: {}\n',
    'http://127.0.0.1:7777',
  ],
  ['a socket', 'api: { socket: /run/a.sock }\n', 'unix:/run/a.sock'],
  ['a file that does not parse', '{', 'http://127.0.0.1:8080'],
  ['a file that says nothing', 'api: {}\n', 'http://127.0.0.1:8080'],
])('an install file tells where the API is: %s', async (_, text, shown) => {
  expect((await find({ config: config(text) })).shown).toBe(shown);
});

test('without any word of it, the API is where it is by default', async () => {
  expect((await find({}, { HOME: directory })).shown).toBe('http://127.0.0.1:8080');
});

test('options of the command line say where the API is, and the token of the file is shown there', async () => {
  const path = config(
    'entryPoints: { traefik: { address: "127.0.0.1:7777" } }\napi: { token: "a-token-of-the-file" }\n',
  );
  const { port } = new URL(api.url);
  const options = [{ name: 'entryPoints.traefik.address', value: `127.0.0.1:${port}` }];
  const ask = async (environment: Readonly<Record<string, string>>): Promise<string | undefined> => {
    await (await AdminClient.find(args({ config: path }, options), new RecordedIo(environment))).ask('GET', '/');
    return api.asked.at(-1)!.headers.authorization;
  };
  expect(await ask({})).toBe('Bearer a-token-of-the-file');
  expect(await ask({ SIGNALBOX_ADMIN_TOKEN: 'another' })).toBe('Bearer another');
});
