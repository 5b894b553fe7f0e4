// The `plugin` middleware through the built program: plugins by path and package, in TypeScript and JavaScript, what
// they are told, and what their mistakes cost.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { startRouter as startEmbedded } from '../../dist/index.js';
import { runCommand, type CommandResult } from '../support/command.ts';
import { startLab } from '../support/lab.ts';
import { ask, field, installWithMiddlewares } from '../support/middlewares.ts';
import { RawClient } from '../support/raw-client.ts';
import { answerOk } from '../support/recording-origin.ts';
import { startRouter } from '../support/router.ts';

const SWITCH_TO_WS = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

/** Sets a request field and a response field. */
const MARK = `
import { defineMiddleware, object, required, string, duration, withDefault } from 'signalbox/plugin';
import { twice } from './helper.ts';
import type { Exchange } from 'signalbox/plugin';

interface Options { readonly value: string; readonly wait: number }

export default defineMiddleware<Options>({
  kind: 'mark',
  summary: '',
  description: '',
  options: object({ value: required(string(), ''), wait: withDefault(duration(), 0, '') }),
  create({ value, wait }, { name }) {
    return (next) => (exchange: Exchange) => {
      exchange.requestHeaders.set('X-Mark', twice(value));
      exchange.onResponse(({ responseHeaders }) => responseHeaders.set('X-Marked', \`\${value} \${wait} \${name}\`));
      return next(exchange);
    };
  },
});
`;

/** Fails in the way its option says. */
const FAULTY = `
import { defineMiddleware, object, oneOf, required, respond } from 'signalbox/plugin';

const PLACES = ['handler', 'rejection', 'hook', 'hook-own', 'create', 'compose', 'nothing', 'late', 'odd', 'async', 'hook-async'];
export default defineMiddleware({
  kind: 'faulty',
  summary: '',
  description: '',
  options: object({ at: required(oneOf(...PLACES), '') }),
  create({ at }) {
    if (at === 'create') throw new Error('thrown in create');
    if (at === 'nothing') return undefined;
    const failing = () => { throw new Error('thrown in ' + at); };
    return (next) => {
      if (at === 'compose') failing();
      return (exchange) => {
        if (at === 'handler') failing();
        if (at === 'rejection') return Promise.resolve().then(failing);
        if (at === 'hook' || at === 'hook-own') exchange.onResponse(failing);
        if (at === 'hook-async') exchange.onResponse(async () => failing());
        if (at === 'hook-own') return Promise.resolve().then(() => respond(exchange, 200, 'own'));
        if (at === 'late') return Promise.resolve(next(exchange)).then(failing);
        if (at === 'async') return new Promise((resolve) => setImmediate(resolve)).then(() => next(exchange));
        next(exchange);
        return at === 'odd' ? 42 : undefined;
      };
    };
  },
});
`;

const PACKAGED = `
import { defineMiddleware, object, respond } from 'signalbox/plugin';
export default defineMiddleware({
  kind: 'packaged',
  summary: '',
  description: '',
  options: object({}),
  create: () => () => (exchange) => respond(exchange, 418, 'packaged'),
});
`;

/** A stand-in for an installed signalbox: packages import theirs. */
const INSTALLED = {
  'node_modules/signalbox/package.json':
    '{ "name": "signalbox", "type": "module", "exports": { "./plugin": "./plugin.js" } }',
  'node_modules/signalbox/plugin.js': `export * from ${JSON.stringify(new URL('../../dist/plugin.js', import.meta.url).href)};`,
};

const FILES = {
  'plugins/mark.ts': MARK,
  'plugins/helper.ts': 'export const twice = (text: string): string => text + text;',
  'plugins/faulty.js': FAULTY,
  'node_modules/@acme/built/package.json':
    '{ "name": "@acme/built", "version": "1.0.0", "type": "module", "exports": { "import": "./main.js" } }',
  'node_modules/@acme/built/main.js': PACKAGED,
  'node_modules/sources/package.json':
    '{ "name": "sources", "version": "1.0.0", "type": "module", "exports": "./main.ts" }',
  'node_modules/sources/main.ts': PACKAGED.replaceAll('packaged', 'sources'),
  ...INSTALLED,
};
const PLUGINS = {
  mark: { path: './plugins/mark.ts' },
  faulty: { path: 'plugins/faulty.js' },
  built: { package: '@acme/built' },
  sources: { package: 'sources' },
};
const faulty = (at: string): object => ({ plugin: { faulty: { at } } });

function install(originPort: number, middlewares: Readonly<Record<string, object>>, chains = {}): string {
  const base = JSON.parse(installWithMiddlewares(originPort, middlewares, chains)) as object; // Made there.
  return JSON.stringify({
    ...base,
    plugins: PLUGINS,
    api: { token: 'writer' },
    log: { format: 'json' },
    accessLog: { format: 'json' },
    providers: { rest: { insecure: true } },
  });
}

const { origin, router, web } = await startLab((originPort) => ({
  install: install(
    originPort,
    {
      mark: { plugin: { mark: { VALUE: 'a', wait: '2s' } } },
      outer: { plugin: { mark: { value: 'outer' } } },
      built: { plugin: { built: {} } },
      sources: { plugin: { sources: null } },
      ...Object.fromEntries(
        [
          'handler',
          'rejection',
          'hook',
          'hook-own',
          'create',
          'compose',
          'nothing',
          'late',
          'odd',
          'async',
          'hook-async',
        ].map((at) => [at, faulty(at)]),
      ),
      misspelt: { plugin: { mark: { valeu: 'a' } } },
      unknown: { plugin: { marc: {} } },
      several: { plugin: { mark: { value: 'a' }, built: {} } },
    },
    { around: ['outer', 'hook'], plain: [] },
  ),
  files: FILES,
}));

test('a TypeScript plugin by path, whose folder knows no signalbox, with a module of its own', async () => {
  const response = await ask(web, 'mark', '/');
  expect(response.status).toBe(200);
  expect(field(response, 'X-Marked')).toBe('a 2000 mark@install');
  expect(origin.received).toContain('X-Mark: aa\r\n');
});

test('plugins by package, built and as sources', async () => {
  expect(await ask(web, 'built', '/')).toMatchObject({ status: 418, body: 'packaged' });
  expect(await ask(web, 'sources', '/')).toMatchObject({ status: 418, body: 'sources' });
});

test('options are decoded by the plugin, and an object with mistakes is disabled', async () => {
  const said = router.stderr().replaceAll('\\"', '"');
  expect(said).toMatch(/unknown option "valeu"; did you mean "value"\?/);
  expect(said).toMatch(/there is no plugin "marc"; did you mean "mark"\?/);
  expect(said).toMatch(/name one plugin and its options, found mark, built/);
  for (const name of ['misspelt', 'unknown', 'several']) expect((await ask(web, name, '/')).status).toBe(503);
});

test.each([
  ['handler', /"middleware":"handler@install".*thrown in handler.*faulty\.js/],
  ['rejection', /"middleware":"rejection@install".*thrown in rejection.*faulty\.js/],
  ['hook', /"router":"hook@install".*"plugin":"faulty".*thrown in hook\\n.*faulty\.js/],
  ['hook-own', /"router":"hook-own@install".*"plugin":"faulty".*thrown in hook-own.*faulty\.js/],
  ['create', /"middleware":"create@install".*thrown in create.*faulty\.js/],
  ['compose', /"middleware":"compose@install".*thrown in compose.*faulty\.js/],
  ['nothing', /"middleware":"nothing@install".*create returned no function/],
])('what fails in %s costs its own request', async (at, line) => {
  const others = await RawClient.connect(web);
  const asked = 'GET / HTTP/1.1\r\nHost: plain.test\r\n\r\n';
  others.send(asked);
  expect((await others.response()).status).toBe(200);
  for (let round = 0; round < 3; round++) {
    const response = await ask(web, at, '/', { method: 'POST', fields: 'Content-Length: 3\r\n', body: 'abc' });
    expect(response).toMatchObject({ status: 500, body: 'Internal Server Error\n' });
  }
  await router.sees(line);
  // Anything that is said wakes it up.
  await router.sees(() => router.stdout().includes(`"RouterName":"${at}@install"`));
  const logged = router
    .stdout()
    .split('\n')
    .filter((one) => one.includes(`"RouterName":"${at}@install"`));
  for (const one of logged) expect(one).toContain('"ResponseFlag":"internal_error"');
  // On the same connection: the worker is still the same.
  others.send(asked);
  expect((await others.response()).status).toBe(200);
  others.socket.destroy();
  expect(router.stderr()).not.toMatch(/crashed|is replaced/);
});

test('stages further out see the answer that takes the place of one whose hook threw', async () => {
  const response = await ask(web, 'around', '/');
  expect(response.status).toBe(500);
  expect(field(response, 'X-Marked')).toBe('outer 0 outer@install');
});

test('a hook that throws costs a failing server nothing but its own answer, and a tunnel its beginning', async () => {
  origin.respond = ({ socket }) => socket.destroy();
  expect((await ask(web, 'hook', '/')).status).toBe(500);
  origin.respond = ({ socket }) => socket.write(SWITCH_TO_WS);
  const fields = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  expect((await ask(web, 'hook', '/', { fields })).status).toBe(500);
  origin.respond = ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf');
  expect((await ask(web, 'hook', '/')).status).toBe(500);
  await origin.until(() => origin.connections.every(({ isClosed }) => isClosed));
  origin.respond = answerOk;
  expect((await ask(web, 'plain', '/')).status).toBe(200);
});

test('what fails after the request was handed on, or returns something odd', async () => {
  expect((await ask(web, 'odd', '/')).status).toBe(200);
  expect((await ask(web, 'async', '/')).status).toBe(200);
  // It was handed on and not answered yet: the server is stopped.
  expect((await ask(web, 'late', '/')).status).toBe(500);
});

test('a plugin that loads in the main thread and in no worker answers 500, and no worker is replaced', async () => {
  const picky = `import { isMainThread } from 'node:worker_threads';
if (!isMainThread) throw new Error('not here');
${PACKAGED}`;
  const base = JSON.parse(
    installWithMiddlewares(origin.port, { m: { plugin: { picky: {} } } }, { plain: [] }),
  ) as object; // Made there.
  await using other = await startRouter({
    install: JSON.stringify({ ...base, plugins: { picky: { path: 'picky.mjs' } } }),
    files: { 'picky.mjs': picky },
    workers: 2,
  });
  const port = other.ports['web']!;
  expect((await ask(port, 'm', '/')).status).toBe(500);
  expect((await ask(port, 'plain', '/')).status).toBe(200);
  await other.sees(/a plugin could not be loaded in a worker .*not here/);
  expect(other.stderr()).not.toMatch(/crashed|is replaced/);
});

test('an async hook that rejects is logged, and the worker goes on', async () => {
  expect((await ask(web, 'hook-async', '/')).status).toBe(200);
  await router.sees(/a plugin left a rejection unhandled/);
  expect(router.stderr()).toMatch(/"plugin":"faulty","error":"Error: thrown in hook-async/);
  expect((await ask(web, 'plain', '/')).status).toBe(200);
  expect(router.stderr()).not.toMatch(/crashed|is replaced/);
});

async function put(routing: object): Promise<string> {
  const text = JSON.stringify(routing);
  const response = await RawClient.exchange(
    router.ports['traefik']!,
    `PUT /api/providers/rest HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer writer\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    'PUT',
  );
  expect(response.status).toBe(200);
  return response.body;
}

test('options change while requests are served; the API knows the plugins', async () => {
  const routing = (options: object): object => ({
    http: {
      routers: {
        hot: { rule: 'Host(`hot.test`)', service: 'origin@install', middlewares: ['hot'], entryPoints: ['web'] },
      },
      middlewares: { hot: { plugin: { mark: options } } },
    },
  });
  const client = await RawClient.connect(web);
  const marked = async (): Promise<string | null> => {
    client.send('GET / HTTP/1.1\r\nHost: hot.test\r\n\r\n');
    return field(await client.response(), 'X-Marked');
  };
  await put(routing({ value: 'one' }));
  expect(await marked()).toBe('one 0 hot@rest');
  await put(routing({ value: 'two', wait: 3 }));
  expect(await marked()).toBe('two 3000 hot@rest');
  expect(await put(routing({ value: ['a'] }))).toMatch(/http\.middlewares\.hot\.plugin\.mark\.value/);
  // It goes on as it last was.
  expect(await marked()).toBe('two 3000 hot@rest');
  client.socket.destroy();
  const text = JSON.stringify(routing({ wrong: 1 }));
  const checked = await RawClient.exchange(
    router.ports['traefik']!,
    `POST /api/check HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer writer\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    'POST',
  );
  expect(checked.body).toMatch(/unknown option \\"wrong\\"/);
});

test('embedded: a plugin by path, and one that is not there', async () => {
  const path = join(router.directory, 'plugins/mark.ts');
  const config = {
    entryPoints: { web: { address: '127.0.0.1:0' } },
    plugins: { mark: { path } },
    http: {
      routers: { r: { rule: 'PathPrefix(`/`)', service: 's', middlewares: ['m'] } },
      middlewares: { m: { plugin: { mark: { value: 'in' } } } },
      services: { s: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${origin.port}` }] } } },
    },
  };
  const embedded = await startEmbedded(config);
  const answer = async (): Promise<string | null> =>
    (await fetch(embedded.addresses['web']!.url)).headers.get('x-marked');
  expect(await answer()).toBe('in 0 m@install');
  config.http.middlewares.m.plugin.mark.value = 'changed';
  expect(await embedded.reconfigure({ http: config.http })).toEqual([]);
  expect(await answer()).toBe('changed 0 m@install');
  await embedded.stop();
  const gone = startEmbedded({ ...config, plugins: { mark: { path: '/nowhere.ts' } } });
  await expect(gone).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
});

/** Runs a command beside files of its own. */
async function inFolder(files: Readonly<Record<string, string>>, args: readonly string[]): Promise<CommandResult> {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-plugins-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), text);
    }
    const { code, stdout, stderr } = await runCommand(args, { directory });
    return { code, stdout: stdout.replaceAll(directory, 'DIR'), stderr: stderr.replaceAll(directory, 'DIR') };
  } finally {
    await rm(directory, { recursive: true });
  }
}

const naming = (plugin: object): string =>
  `entryPoints: { web: { address: "127.0.0.1:0" } }\nplugins:\n  p: ${JSON.stringify(plugin)}\n`;

test.each([
  [{ path: 'gone.ts' }, {}, 'plugins.p: DIR/gone.ts: the file does not exist; the path is relative to DIR'],
  [{ path: 'p.ts' }, { 'p.ts': 'export default 1;' }, 'plugins.p: DIR/p.ts: there is no middleware in the default export; write "export default defineMiddleware({ … })" with defineMiddleware of signalbox/plugin'],
  [{ path: 'p.js' }, { 'p.js': 'export default { create() {} };' }, 'the default export has no "options"'],
  [{ path: 'p.js' }, { 'p.js': 'throw new Error("at import");' }, 'DIR/p.js: the plugin cannot be loaded: at import'],
  [{ path: 'p.ts' }, { 'p.ts': 'const = ;' }, 'DIR/p.ts: the plugin cannot be loaded: '],
  [{ path: 'p.js' }, { 'p.js': 'import "nowhere"; export default 1;' }, "the plugin cannot be loaded: Cannot find module 'nowhere'"],
  [{ package: 'nowhere' }, {}, 'plugins.p: the package "nowhere" is not found from DIR; install it there with "npm install nowhere"'],
] as const)('%j %j cannot be loaded: run and check say so', async (plugin, files, message) => {
  const all = { 'signalbox.yml': naming(plugin), ...files };
  const ran = await inFolder(all, ['run', '--config', 'signalbox.yml', '--workers', '1']);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain('ERR_PLUGIN_LOAD: signalbox.yml:3:');
  expect(ran.stderr).toContain(message);
  const checked = await inFolder(all, ['check', '--json', 'signalbox.yml']);
  expect(checked.code).toBe(1);
  const { diagnostics } = JSON.parse(checked.stdout) as { diagnostics: { message: string }[] }; // Its own form.
  expect(diagnostics).toMatchObject([{ code: 'ERR_PLUGIN_LOAD', path: 'plugins.p', line: 3 }]);
  expect(diagnostics[0]!.message).toContain(message);
}); // prettier-ignore

test('the section itself is decoded like any other', async () => {
  const check = async (plugin: object): Promise<string> =>
    (await inFolder({ 'signalbox.yml': naming(plugin) }, ['check', 'signalbox.yml'])).stdout;
  expect(await check({})).toContain('say where the plugin is, with "path" or "package"');
  expect(await check({ path: 'a.ts', package: 'a' })).toContain('a plugin is a path or a package, found both');
  expect(await check({ path: 'a.wasm' })).toContain('expected the path of a .ts, .mts, .js or .mjs file');
  const fromFlag = await inFolder({ 'signalbox.yml': 'entryPoints: { web: { address: ":0" } }\n', 'mark.ts': MARK, 'helper.ts': FILES['plugins/helper.ts'] }, [
    'check', 'signalbox.yml', '--plugins.mark.path=mark.ts',
  ]); // prettier-ignore
  expect(fromFlag.stdout).toBe('0 errors, 0 warnings\n');
  expect(await check({ pat: 'a.ts' })).toContain('did you mean "path"?');
});

test('check: plugins of the install file are known to routing files, and Traefik’s own are told of ours', async () => {
  const routing = (options: object): string =>
    JSON.stringify({ http: { middlewares: { m: { plugin: { mark: options } } } } });
  const files = {
    ...FILES,
    'signalbox.yml':
      'entryPoints: { web: { address: ":0" } }\nplugins: { mark: { path: plugins/mark.ts } }\nproviders: { file: { filename: routing.json } }\nexperimental: { plugins: {} }\n',
  };
  const wrong = await inFolder({ ...files, 'routing.json': routing({}) }, ['check', 'signalbox.yml']);
  expect(wrong.stdout).toMatch(/value.*required|required/);
  const right = await inFolder({ ...files, 'routing.json': routing({ value: 'a' }) }, ['check', 'signalbox.yml']);
  expect(right.stdout).toMatch(/name it in the section "plugins"[\s\S]*\n0 errors, 1 warning\n$/);
  const alone = await inFolder({ 'routing.json': routing({ any: 1 }) }, ['check', 'routing.json']);
  expect(alone.stdout).toBe('0 errors, 0 warnings\n');
});
