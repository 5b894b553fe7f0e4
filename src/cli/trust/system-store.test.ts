import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRoot } from '../../controlplane/local-authority/root-certificate.ts';
import type { Surroundings, TrustStore } from './store.ts';
import { systemStore, type AnchorFolder } from './system-store.ts';

const NOW = Date.parse('2026-05-01T00:00:00Z');
const root = createRoot([], NOW);

let scratch: string;
let folder: AnchorFolder;
let surroundings: Surroundings;

/** A program that makes a bundle of a folder, as the real ones do. */
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'signalbox-system-'));
  folder = {
    name: 'the system',
    directory: join(scratch, 'anchors'),
    program: 'update-anchors',
    bundle: join(scratch, 'bundle.crt'),
  };
  mkdirSync(folder.directory);
  writeFileSync(
    join(scratch, 'update-anchors'),
    `#!/bin/sh\ncat ${folder.directory}/* /dev/null > ${folder.bundle} 2> /dev/null || true\n`,
    { mode: 0o755 },
  );
  const certificate = join(scratch, 'root.pem');
  writeFileSync(certificate, root.certificate);
  surroundings = { environment: { PATH: `${scratch}:/bin:/usr/bin` }, platform: 'linux', user: 'ada', certificate };
});

afterEach(() => rmSync(scratch, { recursive: true }));

const store = (): TrustStore => systemStore(surroundings, [folder])!;

test('the root is put into the folder, and what others read is made anew; then taken out again', async () => {
  expect(await store().check(root)).toMatchObject({ state: 'not trusted' });
  expect(await store().install(root)).toEqual({ state: 'trusted', isChanged: true, remark: '' });
  expect(readFileSync(join(folder.directory, 'signalbox-local-authority-ada.crt'), 'utf8')).toBe(root.certificate);
  expect(await store().check(root)).toMatchObject({ state: 'trusted' });
  expect(await store().install(root)).toMatchObject({ state: 'trusted', isChanged: false });
  const next = createRoot([], NOW);
  expect(await store().check(next)).toMatchObject({ state: 'not trusted' });
  expect(await store().install(next)).toMatchObject({ state: 'trusted', isChanged: true });
  expect(readFileSync(folder.bundle, 'utf8')).toBe(next.certificate);
  expect(await store().remove(null)).toEqual({ state: 'not trusted', isChanged: true, remark: '' });
  expect(readFileSync(folder.bundle, 'utf8')).toBe('');
  expect(await store().remove(null)).toMatchObject({ state: 'not trusted', isChanged: false });
});

test('a file in the folder is not enough', async () => {
  writeFileSync(join(folder.directory, 'signalbox-local-authority-ada.crt'), root.certificate);
  const { state, remark } = await store().check(root);
  expect(state).toBe('not trusted');
  expect(remark).toMatch(/update-anchors" has not been run/);
});

test('what goes wrong is said in the program’s words', async () => {
  writeFileSync(join(scratch, 'update-anchors'), '#!/bin/sh\necho the disk is full >&2\nexit 3\n', { mode: 0o755 });
  const { state, remark } = await store().install(root);
  expect(state).toBe('failed');
  expect(remark).toMatch(/update-anchors: the disk is full/);
  expect(readdirSync(folder.directory)).toEqual([]);
});

test('a folder that is not there, or has no program, is none', () => {
  expect(systemStore(surroundings, [{ ...folder, program: 'no-such-program' }])).toBe(null);
  rmSync(folder.directory, { recursive: true });
  expect(systemStore(surroundings, [folder])).toBe(null);
  expect(existsSync(folder.bundle)).toBe(false);
});
