// The units that come with the package, as systemd's own tools see them.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { missingPrograms } from './support/engine.ts';
import { cleanEnvironment } from './support/marked-processes.ts';

const UNITS = fileURLToPath(new URL('../deploy/systemd/', import.meta.url));
const PAGE = readFileSync(new URL('../docs/install.md', import.meta.url), 'utf8');
const names = readdirSync(UNITS);
const directory = mkdtempSync(join(tmpdir(), 'signalbox-units-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Under a user and with a program that this machine has. */
for (const name of names) {
  const text = readFileSync(join(UNITS, name), 'utf8');
  const { username } = userInfo();
  writeFileSync(
    join(directory, name),
    text
      .replaceAll('/usr/local/bin/signalbox', process.execPath)
      .replace('User=signalbox', `User=${username}`)
      .replace('Group=signalbox\n', ''),
  );
}

const missing = missingPrograms('systemd-analyze');

async function analyze(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('systemd-analyze', args, { env: cleanEnvironment() });
  return stdout + stderr;
}

test.skipIf(missing !== null)(`systemd has nothing to say against the units${missing ?? ''}`, async () => {
  expect(await analyze('verify', '--man=no', ...names.map((name) => join(directory, name)))).toBe('');
});

test.skipIf(missing !== null)(`the service is exposed little, as systemd rates it${missing ?? ''}`, async () => {
  const rated = await analyze('security', '--offline=true', '--threshold=25', join(directory, 'signalbox.service'));
  expect(rated).toContain('Overall exposure level');
});

test('sockets are named after the entry points of the page, which has each unit', () => {
  const sockets = names.filter((name) => name.endsWith('.socket'));
  expect(sockets.length).toBe(2);
  for (const name of sockets) {
    const text = readFileSync(join(UNITS, name), 'utf8');
    const entryPoint = /^FileDescriptorName=(.*)$/m.exec(text)![1]!;
    const port = /^ListenStream=(.*)$/m.exec(text)![1]!;
    expect(PAGE).toContain(`  ${entryPoint}:\n    address: ':${port}'\n`);
    expect(PAGE).toContain(name);
  }
});
