// `signalbox init` and `signalbox hash-password` as the built program runs them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommand, type CommandResult } from '../support/command.ts';
import { findProgram, missingPrograms } from '../support/engine.ts';
import { cleanEnvironment } from '../support/marked-processes.ts';
import { NamedOrigin } from '../support/named-origin.ts';
import { startRouter } from '../support/router.ts';
import { tlsGet } from '../support/tls-client.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-first-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

const here = (...args: readonly string[]): Promise<CommandResult> =>
  runCommand(args, { directory, environment: { HOME: directory } });

describe('init', () => {
  test('writes a file that nothing can be said against, once', async () => {
    const first = await here('init');
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(first.stdout).toBe(`signalbox.yml is written: it sends https://app.localhost:8443 to a server on port 3000.

  signalbox run    starts it
  signalbox check  says what is wrong with it, after a change
  signalbox trust  makes browsers believe its certificate
`);
    const check = await here('check');
    expect([check.code, check.stdout + check.stderr]).toEqual([0, '0 errors, 0 warnings\n']);
    const text = readFileSync(join(directory, 'signalbox.yml'), 'utf8');
    const second = await here('init');
    expect([second.code, second.stderr]).toEqual([
      2,
      'init: signalbox.yml is there already, and stays as it is; name another file, as in "signalbox init other.yml"\n',
    ]);
    expect(readFileSync(join(directory, 'signalbox.yml'), 'utf8')).toBe(text);
  });

  test('what it writes runs, with HTTPS', async () => {
    await here('init');
    await using origin = await NamedOrigin.start('hello');
    const install = readFileSync(join(directory, 'signalbox.yml'), 'utf8')
      .replace('":8000"', '"127.0.0.1:0"')
      .replace('":8443"', '"127.0.0.1:0"')
      .replace(':3000', `:${origin.port}`);
    await using router = await startRouter({ install, environment: { HOME: directory } });
    const ca = readFileSync(join(directory, '.local/share/signalbox/authority/root.pem'), 'utf8');
    const options = { host: 'app.localhost', ca, rejectUnauthorized: true };
    const answer = await tlsGet(router.ports['websecure']!, options);
    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('hello') });
    expect(answer.head.toLowerCase()).toContain('x-content-type-options: nosniff');
    // The line that it shows for a password works as well.
    const { stdout } = await here('hash-password', '--help');
    expect(stdout).toContain('signalbox hash-password USER');
  });

  test('says what to do where it cannot write', async () => {
    const cases = [
      [['init', 'here.toml'], /what is written is YAML: .*"signalbox init here\.toml\.yml"/],
      [['init', 'no/such.yml'], /there is no directory .*no; make it, or name another file/],
    ] as const;
    for (const [args, expected] of cases) {
      const { code, stderr } = await here(...args);
      expect([code, stderr]).toEqual([2, expect.stringMatching(expected)]);
    }
    const other = await here('init', 'other.yml');
    expect([other.code, other.stdout]).toEqual([0, expect.stringContaining('signalbox run --config other.yml ')]);
    expect(other.stdout).toContain('signalbox check other.yml ');
  });
});

/** With the text as standard input. */
async function hash(input: string, ...args: readonly string[]): Promise<CommandResult> {
  const child = spawn(process.execPath, [MAIN, 'hash-password', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: cleanEnvironment(),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

describe('hash-password', () => {
  test('makes a line with which the user comes in, and nobody else', async () => {
    const { code, stdout, stderr } = await hash('pässword 1\n', 'ada', '--cost', '4');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ada:\$2y\$04\$[./0-9A-Za-z]{53}\n$/);
    await using origin = await NamedOrigin.start('hello');
    await using router = await startRouter({
      install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
http:
  routers: { r: { rule: "PathPrefix(\`/\`)", service: s, middlewares: [login] } }
  middlewares: { login: { basicAuth: { users: ["${stdout.trim()}"] } } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } } }
`,
    });
    const ask = async (password: string): Promise<number> => {
      const Authorization = `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`;
      return (await fetch(`http://127.0.0.1:${router.ports['web']!}/`, { headers: { Authorization } })).status;
    };
    expect([await ask('pässword 1'), await ask('pässword 2')]).toEqual([200, 401]);
  });

  test.each([
    [['ada'], '', /the password is empty/],
    [['ada'], 'x'.repeat(73), /73 bytes; bcrypt looks at the first 72/],
    [['ada'], 'one\ntwo\n', /more than one line; give the password alone/],
    [['ada:secret'], 'x', /holds no colon, found "ada:secret"; the password is asked for/],
    [['ada', '--cost', '20'], 'x', /--cost 20: the cost is a whole number from 4 to 15/],
    [['ada', 'secret'], 'x', /takes no "secret"/],
  ])('refuses %s', async (args, input, expected) => {
    const { code, stdout, stderr } = await hash(input, ...args);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(expected)]);
  });
});

// util-linux: a terminal for a program that wants one.
const missing = missingPrograms('script');

describe.skipIf(missing !== null)(`on a terminal${missing === null ? '' : ` (${missing})`}`, () => {
  /** Types each text when the prompt before it is shown. */
  async function type(answers: readonly (readonly [prompt: string, text: string])[]): Promise<string> {
    const out = join(directory, 'out');
    const command = `'${process.execPath}' '${MAIN}' hash-password ada --cost 4 > '${out}'; echo "ended with $?"`;
    const child = spawn(findProgram('script')!, ['-qc', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: cleanEnvironment({ TERM: 'dumb', SHELL: '/bin/sh' }),
    });
    let shown = '';
    const left = [...answers];
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      if (left.length > 0 && shown.includes(left[0]![0])) child.stdin.write(left.shift()![1]);
    });
    await once(child, 'close');
    return shown;
  }

  test('asks twice, shows nothing of it, and corrects as one types', async () => {
    writeFileSync(join(directory, 'out'), '');
    const shown = await type([
      ['Password of ada: ', 'wrong\x15secrex\x7ft\r'],
      ['Once more: ', 'secret\r'],
    ]);
    expect(shown).toContain('ended with 0');
    expect(shown).not.toMatch(/sec|wrong/);
    const { verifyPassword } = await import('../../src/dataplane/middleware/auth/password-hash.ts');
    const line = readFileSync(join(directory, 'out'), 'utf8').trim();
    expect(verifyPassword(line.slice('ada:'.length), Buffer.from('secret'))).toBe(true);
  });

  test('makes nothing of two that differ, or when it is given up', async () => {
    const differ = await type([
      ['Password of ada: ', 'one\r'],
      ['Once more: ', 'two\r'],
    ]);
    expect(differ).toContain('the two passwords differ; nothing was made of them');
    expect(differ).toContain('ended with 2');
    expect(await type([['Password of ada: ', 'one\x03']])).toContain('given up; nothing was made');
    expect(readFileSync(join(directory, 'out'), 'utf8')).toBe('');
  });
});
