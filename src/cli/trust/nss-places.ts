// Where the databases of a user's browsers are.

import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { NssPlace } from './nss-store.ts';
import type { Surroundings } from './store.ts';

/**
 * Both of Chromium's, also where they are not made yet: it uses the first until version 145, and the second from 146
 * on.
 */
export function nssPlaces({ environment, platform }: Surroundings): readonly NssPlace[] {
  const home = environment['HOME'] ?? '';
  // On other systems Chromium asks the system.
  if (platform !== 'linux' || !isAbsolute(home)) return [];
  const data = environment['XDG_DATA_HOME'] ?? '';
  const name = 'Chromium and its like';
  const always = [join(home, '.pki/nssdb'), join(isAbsolute(data) ? data : join(home, '.local/share'), 'pki/nssdb')];
  const packaged = [join(home, 'snap/chromium/current/.pki/nssdb')].filter((place) => existsSync(place));
  return [
    ...always.map((directory) => ({ kind: 'nss', name, directory }) as const),
    ...packaged.map((directory) => ({ kind: 'nss', name: `${name} (snap)`, directory }) as const),
  ];
}

/** Every profile that there is. */
export function firefoxPlaces(surroundings: Surroundings): readonly NssPlace[] {
  const places = new Map<string, NssPlace>();
  for (const folder of firefoxFolders(surroundings)) {
    for (const { name, directory } of profilesIn(folder)) {
      places.set(directory, { kind: 'firefox', name: `Firefox, profile ${name}`, directory });
    }
  }
  return [...places.values()];
}

function firefoxFolders({ environment, platform }: Surroundings): readonly string[] {
  const home = environment['HOME'] ?? environment['USERPROFILE'] ?? '';
  if (platform === 'darwin') return [join(home, 'Library/Application Support/Firefox')];
  if (platform === 'win32') return [join(environment['APPDATA'] ?? join(home, 'AppData/Roaming'), 'Mozilla/Firefox')];
  const config = environment['XDG_CONFIG_HOME'] ?? '';
  return [
    join(home, '.mozilla/firefox'),
    join(isAbsolute(config) ? config : join(home, '.config'), 'mozilla/firefox'),
    join(home, 'snap/firefox/common/.mozilla/firefox'),
    join(home, '.var/app/org.mozilla.firefox/.mozilla/firefox'),
  ];
}

/** Those of `profiles.ini` whose folder exists. */
function profilesIn(folder: string): readonly { readonly name: string; readonly directory: string }[] {
  let text: string;
  try {
    text = readFileSync(join(folder, 'profiles.ini'), 'utf8');
  } catch {
    return [];
  }
  const found: { name: string; directory: string }[] = [];
  for (const section of text.split(/^\s*\[/m)) {
    if (!/^Profile\d+\]/i.test(section)) continue;
    const value = (key: string): string => new RegExp(`^\\s*${key}\\s*=\\s*(.*?)\\s*$`, 'im').exec(section)?.[1] ?? '';
    const path = value('Path');
    if (path === '') continue;
    const directory = value('IsRelative') === '0' ? path : join(folder, path);
    if (existsSync(directory)) found.push({ name: value('Name') || path, directory });
  }
  return found;
}
