import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { authorityDirectory, certificatePath, findAuthority, openAuthority } from './authority-directory.ts';

const NOW = Date.parse('2026-05-01T00:00:00Z');

let scratch: string;
let directory: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'signalbox-authority-'));
  directory = join(scratch, 'signalbox', 'authority');
});

afterEach(() => rmSync(scratch, { recursive: true }));

test('lies among the data of the user, or with the state of a service', () => {
  expect(authorityDirectory({ XDG_DATA_HOME: '/d', HOME: '/h' }, '/s')).toBe('/d/signalbox/authority');
  expect(authorityDirectory({ XDG_DATA_HOME: 'd', HOME: '/h' }, '/s')).toBe('/h/.local/share/signalbox/authority');
  expect(authorityDirectory({ STATE_DIRECTORY: '/t:/u' }, '/s')).toBe('/s/authority');
  expect(authorityDirectory({ STATE_DIRECTORY: '/t:/u' }, null)).toBe('/t/authority');
  expect(authorityDirectory({}, null)).toBe(null);
});

test('is made at first use, readable by its user alone, with a certificate beside it for everybody', () => {
  expect(findAuthority(directory)).toBe(null);
  const made = openAuthority(directory, [], NOW);
  expect(readdirSync(directory)).toEqual(['authority-1.json', 'root.pem']);
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  expect(modeOf(directory)).toBe(0o700);
  expect(modeOf(join(directory, 'authority-1.json'))).toBe(0o600);
  expect(readFileSync(certificatePath(directory), 'utf8')).toBe(made.certificate);
  expect(findAuthority(directory)).toEqual(made);
  expect(openAuthority(directory, [], NOW)).toEqual(made);
});

test('for another name another one takes its place, which certifies the earlier ones too', () => {
  const first = openAuthority(directory, ['b.test'], NOW);
  const second = openAuthority(directory, ['a.test'], NOW);
  expect(second.fingerprint).not.toBe(first.fingerprint);
  expect(second.names).toEqual(['a.test', 'b.test']);
  expect(readdirSync(directory)).toEqual(['authority-2.json', 'root.pem']);
  expect(readFileSync(certificatePath(directory), 'utf8')).toBe(second.certificate);
  expect(openAuthority(directory, ['b.test'], NOW).fingerprint).toBe(second.fingerprint);
});

test('one that is about to end is followed by another', () => {
  const first = openAuthority(directory, ['a.test'], NOW);
  const later = openAuthority(directory, [], first.notAfter - 86_400_000);
  expect(later.fingerprint).not.toBe(first.fingerprint);
  expect(later.names).toEqual(['a.test']);
});

test('whose key others may read is not used', () => {
  openAuthority(directory, [], NOW);
  const path = join(directory, 'authority-1.json');
  chmodSync(path, 0o640);
  expect(() => openAuthority(directory, [], NOW)).toThrow(`chmod 600 ${path}`);
});

test.each(['', '[]', '{"format":1}', '{"format":2}', '{"format":1,"names":[],"certificate":"x","key":"y"}'])(
  'that cannot be read is named, and what to do: %s',
  (text) => {
    openAuthority(directory, [], NOW);
    const path = join(directory, 'authority-1.json');
    writeFileSync(path, text);
    expect(() => findAuthority(directory)).toThrow(/authority-1\.json cannot be used \(.+\); remove it, and another/);
    rmSync(path);
    expect(openAuthority(directory, [], NOW).names).toEqual([]);
  },
);

test('says where it cannot be made', () => {
  writeFileSync(join(scratch, 'signalbox'), '');
  expect(() => openAuthority(directory, [], NOW)).toThrow(
    /the local authority in .*: .*ENOTDIR.*set XDG_DATA_HOME to one/,
  );
});
