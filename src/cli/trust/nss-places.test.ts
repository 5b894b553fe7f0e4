import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { firefoxPlaces, nssPlaces } from './nss-places.ts';
import type { Surroundings } from './store.ts';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'signalbox-home-'));
});

afterEach(() => rmSync(home, { recursive: true }));

function at(platform: NodeJS.Platform = 'linux', more: Record<string, string> = {}): Surroundings {
  return { environment: { HOME: home, ...more }, platform, user: 'u', certificate: '' };
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
}

test('Chromium has two databases for each user, also before they are made, and one of its package where that is', () => {
  const found = (more = {}): readonly string[] => nssPlaces(at('linux', more)).map(({ directory }) => directory);
  expect(found()).toEqual([join(home, '.pki/nssdb'), join(home, '.local/share/pki/nssdb')]);
  expect(found({ XDG_DATA_HOME: '/d' })).toEqual([join(home, '.pki/nssdb'), '/d/pki/nssdb']);
  mkdirSync(join(home, 'snap/chromium/current/.pki/nssdb'), { recursive: true });
  expect(found()).toHaveLength(3);
  expect(nssPlaces(at('darwin'))).toEqual([]);
  expect(nssPlaces({ ...at(), environment: {} })).toEqual([]);
});

test('Firefox has one in each profile that exists', () => {
  mkdirSync(join(home, '.mozilla/firefox/a.default'), { recursive: true });
  mkdirSync(join(home, '.config/mozilla/firefox/c.new'), { recursive: true });
  mkdirSync(join(home, 'elsewhere'));
  write(
    '.mozilla/firefox/profiles.ini',
    `[Install4F96D1932A9F858E]\nDefault=a.default\n\n[Profile1]\nName=work\nIsRelative=0\nPath=${join(home, 'elsewhere')}\n\n[Profile0]\r\nName=default\r\nIsRelative=1\r\nPath=a.default\r\nDefault=1\r\n\n[Profile2]\nName=gone\nIsRelative=1\nPath=b.gone\n\n[General]\nStartWithLastProfile=1\n`,
  );
  write('.config/mozilla/firefox/profiles.ini', '[Profile0]\nPath=c.new\n');
  expect(firefoxPlaces(at()).map(({ name, directory }) => [name, directory])).toEqual([
    ['Firefox, profile work', join(home, 'elsewhere')],
    ['Firefox, profile default', join(home, '.mozilla/firefox/a.default')],
    ['Firefox, profile c.new', join(home, '.config/mozilla/firefox/c.new')],
  ]);
});

test('on other systems its folder is another one', () => {
  mkdirSync(join(home, 'Library/Application Support/Firefox/Profiles/a'), { recursive: true });
  write('Library/Application Support/Firefox/profiles.ini', '[Profile0]\nName=default\nPath=Profiles/a\n');
  expect(firefoxPlaces(at('darwin'))).toHaveLength(1);
  expect(firefoxPlaces(at('linux'))).toEqual([]);
  mkdirSync(join(home, 'R/Mozilla/Firefox/Profiles/a'), { recursive: true });
  write('R/Mozilla/Firefox/profiles.ini', '[Profile0]\nName=default\nPath=Profiles/a\n');
  expect(firefoxPlaces(at('win32', { APPDATA: join(home, 'R') }))).toHaveLength(1);
});
