// Tests depend on nothing but the code: not on how fast the machine is, nor on a port that somebody else may have. What
// would make one do so is looked for in the text of all of them.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Engine } from './support/engine.ts';
import { cleanEnvironment, endMarked, MARK } from './support/marked-processes.ts';
import { holdPort, holdPorts } from './support/ports.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const files = ['src', 'test']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(ROOT, folder, name)),
  )
  .filter((path) => /\.test\.ts$|\/test\/.*\.(?:ts|mjs)$/.test(path))
  .filter((path) => path !== fileURLToPath(import.meta.url) && !path.includes('/conformance/'));

/** Where the pattern is found, as `file:line text`; text in quotes and templates counts, comments do not. */
function uses(pattern: RegExp, except: readonly string[] = []): readonly string[] {
  return files
    .filter((path) => !except.includes(relative(ROOT, path)))
    .flatMap((path) =>
      readFileSync(path, 'utf8')
        .split('\n')
        .map(
          (line, index) =>
            [`${relative(ROOT, path)}:${index + 1}`, line.replace(/^\s*(?:\/\/|\*|\/\*\*).*/, '')] as const,
        )
        .filter(([, line]) => pattern.test(line))
        .map(([place, line]) => `${place} ${line.trim()}`),
    );
}

test.each([
  ['waits for a time', /\bsetTimeout\(|\bsleep\(|timers\/promises/],
  ['has a limit of its own', /testTimeout|\{ timeout: [\d_]{3,}|\}, [\d_]{4,}\);|AbortSignal\.timeout/],
  ['is tried again', /\bretry: \d|vi\.waitFor|vi\.waitUntil|\brepeats: \d/],
  ['measures a time', /performance\.now\(\)|hrtime/],
] as const)('no test %s', (_, pattern) => {
  expect(files.length).toBeGreaterThan(100);
  expect(uses(pattern)).toEqual([]);
});

test('no test listens on a port that is written down, nor lets a router do so', () => {
  expect(uses(/\.listen\((?:\{ port: )?[1-9]\d*/)).toEqual([]);
  expect(uses(/entryPoints?: .*address: ["']?(?:127\.0\.0\.1)?:(?:8080|8000)["' ]/)).toEqual([]);
});

test('ports that have to be known are held: nobody looks for a free one and lets it go', () => {
  expect(uses(/freePort|getPort\(/)).toEqual([]);
});

test('what tests start carries their mark: with no environment of its own, or a clean one', () => {
  expect(uses(/\benv: \{/, ['test/support/marked-processes.ts'])).toEqual([]);
});

test('what is left running is ended by its mark, and nothing else is', async () => {
  const start = async (mark: string): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['-e', 'console.log("up"); process.stdin.resume()'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: cleanEnvironment({ [MARK]: mark }),
    });
    await once(child.stdout, 'data');
    return child;
  };
  const own = process.env[MARK]!;
  const [left, other] = [await start(`${own}/left`), await start(`${own}/other`)];
  const ended = once(left, 'exit');
  expect(await endMarked(`${own}/left`)).toEqual([expect.stringContaining(`${left.pid} `)]);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(other.exitCode ?? other.signalCode).toBeNull();
  other.stdin!.end();
  expect(await once(other, 'exit')).toEqual([0, null]);
});

test('a held port refuses connections, is listened on beside its holder, and is given to nobody', async () => {
  const port = holdPort();
  const outcome = async (): Promise<string> => {
    const socket = net.connect(port, '127.0.0.1');
    const [error] = (await Promise.race([once(socket, 'connect'), once(socket, 'error')]).catch((reason: unknown) => [
      reason,
    ])) as [NodeJS.ErrnoException?];
    socket.destroy();
    return error?.code ?? 'connected';
  };
  for (let round = 0; round < 2; round++) {
    expect(await outcome()).toBe('ECONNREFUSED');
    const server = net.createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
    await once(server, 'listening');
    expect(await outcome()).toBe('connected');
    await new Promise((resolve) => server.close(resolve));
  }
  expect(new Set([port, ...holdPorts(50)]).size).toBe(51);
});

test('an engine is ready when its ports are open, also where it says so before', async () => {
  const port = holdPort();
  const program = `
console.log('ready');
let turns = 3000;
(function turn() {
  if (turns-- > 0) setImmediate(turn);
  else require('node:net').createServer((socket) => socket.destroy()).listen(${port}, '127.0.0.1');
})();`;
  await using _engine = await Engine.start('node', { args: ['-e', program], ready: /ready/, opens: [port] });
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
});
