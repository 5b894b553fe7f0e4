import { expect, test } from 'vitest';
import { RecordedIo } from '../../test/support/fake-api.ts';
import { runCommandLine } from './command-line.ts';
import { COMMANDS } from './commands.ts';

async function run(...argv: readonly string[]): Promise<readonly [number, string, string]> {
  const io = new RecordedIo();
  const code = await runCommandLine(argv, io);
  return [code, io.stdout, io.stderr];
}

test.each([
  ['comand', 'unknown command "comand"'],
  ['chekc', 'unknown command "chekc"; did you mean "check"?'],
])('%s is no command', async (word, message) => {
  expect(await run(word)).toEqual([2, '', `${message}\n"signalbox help" shows how.\n`]);
});

test.each([
  [['version', 'extra'], 'version takes no "extra"', 'version'],
  [['explain'], 'explain needs URL', 'explain'],
  [['explain', 'a', 'b'], 'explain takes no "b"', 'explain'],
  [['wait', '--timeuot', '3s'], 'wait: unknown flag --timeuot; did you mean --timeout?', 'wait'],
] as const)('%j is a mistake of whoever typed it, and its help is named', async (argv, message, command) => {
  expect(await run(...argv)).toEqual([2, '', `${message}\n"signalbox help ${command}" shows how.\n`]);
});

test.each([
  ['start', 'there is no command "start"; write "signalbox run"'],
  ['serve', 'there is no command "serve"; write "signalbox run"'],
  ['validate', 'there is no command "validate"; write "signalbox check"'],
  [
    'reload',
    'there is no command "reload"; a running router follows its files by itself; SIGHUP makes it read all of them again',
  ],
])('%s is a word of other programs, and what it is here is said', async (word, message) => {
  expect(await run(word)).toEqual([2, '', `${message}\n"signalbox help" shows how.\n`]);
});

test('help of what is no command says so', async () => {
  expect(await run('help', 'runn')).toEqual([
    2,
    '',
    'unknown command "runn"; did you mean "run"?\n"signalbox help" lists them all.\n',
  ]);
});

test('a file is named by --config where a command takes it so', async () => {
  for (const file of ['Caddyfile', 'signalbox.yml', 'etc/r'])
    expect((await run('run', file))[2]).toContain(`run takes no "${file}"; write "signalbox run --config ${file}"\n`);
  expect((await run('run', 'fast'))[2]).toMatch(/^run takes no "fast"\n/);
});

test('errors are JSON for who reads JSON', async () => {
  const [code, text, rest] = await run('get', 'routers', '--admin', 'unix:/nowhere', '--json');
  expect([code, JSON.parse(text), rest]).toMatchObject([3, { error: { code: 'ERR_ADMIN_UNREACHABLE' } }, '']);
  const [usage, said] = await run('get', '--json', '--nope');
  expect([usage, JSON.parse(said)]).toMatchObject([2, { error: { code: 'ERR_CLI_USAGE' } }]);
  const [none, , told] = await run('run', '--config', '/nowhere.yml', '--json');
  expect([
    none,
    told
      .trim()
      .split('\n')
      .map((line) => typeof JSON.parse(line)),
  ]).toMatchObject([2, ['object', 'object']]);
});

test('options alone run the router, as Traefik is started', async () => {
  const [code, text, errors] = await run('--entryPoints.web.address=nowhere');
  expect([code, text, errors]).toEqual([2, '', expect.stringContaining('has errors; nothing was started.')]);
});

test('every command is in the help, and has its own', async () => {
  const [code, text, errors] = await run();
  expect([code, errors]).toEqual([0, '']);
  for (const { name, summary } of COMMANDS) expect(text).toMatch(new RegExp(`^  signalbox ${name} +${summary}$`, 'm'));
  expect(text).toContain('2 the command line or the install configuration is wrong; nothing was started');
  for (const same of [['help'], ['--help'], ['-h'], ['help', 'help']])
    expect(await run(...same)).toEqual([0, text, '']);
  for (const { name, flags, takesOptions } of COMMANDS) {
    const [, own] = await run('help', name);
    expect(own.startsWith(`signalbox ${name}`)).toBe(true);
    for (const flag of Object.keys(flags)) expect(own).toContain(` --${flag}`);
    expect(own.split('\n').filter((line, index) => index > 0 && line.length > 100)).toEqual([]);
    expect(own.includes('Any option of the install configuration may follow')).toBe(takesOptions);
    expect(await run(name, '--help')).toEqual([0, own, '']);
  }
  expect((await run('help', 'run'))[1]).toContain('\n  -c, --config FILE');
});

test('the version is told in words and as JSON', async () => {
  const [code, text] = await run('version');
  expect([code, text]).toEqual([0, expect.stringMatching(/^signalbox \d+\.\d+\.\d+\S* on Node \d+/)]);
  expect([await run('--version'), await run('-v')]).toEqual([
    [0, text, ''],
    [0, text, ''],
  ]);
  expect(JSON.parse((await run('version', '--json'))[1])).toMatchObject({ node: process.versions.node });
});

test('the name of the program, or of the one whose place it takes, may stand in front', async () => {
  const text = (await run('version'))[1];
  expect(await run('traefik', 'version')).toEqual([0, text, '']);
  expect(await run('signalbox', 'traefik', 'version')).toEqual([0, text, '']);
  expect((await run('traefik', '--entryPoints.web.adress=:1'))[2]).toContain('did you mean "address"?');
});

test('what was typed wrong is said without a code, and a router that does not answer has an exit code of its own', async () => {
  expect(await run('wait', '--timeout', 'soon')).toEqual([
    2,
    '',
    '--timeout takes a duration such as 30s, found "soon"\n',
  ]);
  const [code, , text] = await run('healthcheck', '--admin', 'unix:/nowhere/api.sock');
  expect([code, text]).toEqual([
    3,
    expect.stringMatching(/^ERR_ADMIN_UNREACHABLE: no router answers on unix:\/nowhere/),
  ]);
  const [unreadable, , why] = await run('diff', '/nowhere/a.yml');
  expect([unreadable, why]).toEqual([2, expect.stringMatching(/^ERR_CONFIG_UNREADABLE: /)]);
});

test.each(['bash', 'zsh', 'fish'])('the script for %s asks the program', async (shell) => {
  const [code, script] = await run('completion', shell);
  expect([code, script]).toEqual([0, expect.stringContaining(' __complete ')]);
});

test.each(['tcsh', 'constructor'])('there is no completion for %s', async (shell) => {
  expect(await run('completion', shell)).toEqual([
    2,
    '',
    `completion: there is none for "${shell}"; known: bash, zsh, fish\n`,
  ]);
});

test('those that start a router, check one or find it by its configuration take options of it', () => {
  expect(COMMANDS.filter(({ takesOptions }) => takesOptions).map(({ name }) => name)).toEqual([
    'run',
    'check',
    'healthcheck',
  ]);
});
