// `signalbox trust`: makes the programs of this machine believe the local authority, tells where they do, and takes it
// back.

import { userInfo } from 'node:os';
import { SignalboxError } from '../../core/errors.ts';
import {
  authorityDirectory,
  certificatePath,
  findAuthority,
  openAuthority,
} from '../../controlplane/local-authority/authority-directory.ts';
import { noteTrusted } from '../../controlplane/local-authority/trust-note.ts';
import type { Root } from '../../controlplane/local-authority/root-certificate.ts';
import type { Arguments } from '../arguments.ts';
import { EXIT_FAILED, EXIT_OK, type Io } from '../io.ts';
import { firefoxPlaces, nssPlaces } from '../trust/nss-places.ts';
import { NssStore } from '../trust/nss-store.ts';
import { STORE_KINDS, type Outcome, type StoreKind, type Surroundings, type TrustStore } from '../trust/store.ts';
import { systemStore } from '../trust/system-store.ts';

type Action = 'install' | 'undo' | 'check';

interface Told extends Outcome {
  readonly store: string;
  readonly place: string;
}

export async function trust(args: Arguments, io: Io): Promise<number> {
  const action = actionOf(args);
  const kinds = kindsOf(args);
  const directory = authorityDirectory(io.environment, null);
  if (directory === null) {
    throw new SignalboxError(
      'ERR_AUTHORITY_UNUSABLE',
      'trust: there is no local authority, and no place for one: HOME is not set; set HOME or XDG_DATA_HOME to a directory of yours',
    );
  }
  const root = action === 'install' ? openAuthority(directory, [], Date.now()) : findAuthority(directory);
  if (root === null && action === 'check') {
    throw new SignalboxError(
      'ERR_AUTHORITY_UNUSABLE',
      `trust: there is no local authority yet in ${directory}; "signalbox trust" makes one, as does a router with HTTPS on localhost`,
    );
  }
  const stores = storesOf(kinds, {
    environment: io.environment,
    platform: process.platform,
    user: userName(),
    certificate: certificatePath(directory),
  });
  const told: Told[] = [];
  for (const store of stores) {
    const outcome = await carryOut(action, store, root);
    told.push({ store: store.name, place: store.place, ...outcome });
  }
  if (action === 'install' && told.some(({ state }) => state === 'trusted')) noteTrusted(directory, root!.fingerprint);
  if (action === 'undo' && kinds.length === STORE_KINDS.length) noteTrusted(directory, null);
  const isWell =
    told.length > 0 && told.every(({ state }) => state === (action === 'undo' ? 'not trusted' : 'trusted'));
  if (args.flags.has('json')) {
    const { fingerprint = null, commonName = null, names = [] } = root ?? {};
    const authority =
      root === null ? null : { name: commonName, fingerprint, names, certificate: certificatePath(directory) };
    io.out(`${JSON.stringify({ authority, stores: told }, null, 2)}\n`);
  } else io.out(textOf(action, root, directory, told, io));
  return isWell ? EXIT_OK : EXIT_FAILED;
}

function actionOf({ flags }: Arguments): Action {
  if (flags.has('undo') && flags.has('check')) {
    throw new SignalboxError('ERR_CLI_USAGE', 'trust: --undo and --check stand for two things; give one of them');
  }
  if (flags.has('undo')) return 'undo';
  return flags.has('check') ? 'check' : 'install';
}

function kindsOf({ flags }: Arguments): readonly StoreKind[] {
  const text = flags.get('stores')?.[0];
  if (text === undefined) return STORE_KINDS;
  return text.split(',').map((word) => {
    const kind = STORE_KINDS.find((one) => one === word.trim().toLowerCase());
    if (kind !== undefined) return kind;
    throw new SignalboxError(
      'ERR_CLI_USAGE',
      `trust: --stores takes some of ${STORE_KINDS.join(',')}, found "${word}"; write --stores nss,firefox to leave the system as it is`,
    );
  });
}

function storesOf(kinds: readonly StoreKind[], surroundings: Surroundings): readonly TrustStore[] {
  const system = kinds.includes('system') ? systemStore(surroundings) : null;
  const places = [
    ...(kinds.includes('nss') ? nssPlaces(surroundings) : []),
    ...(kinds.includes('firefox') ? firefoxPlaces(surroundings) : []),
  ];
  return [...(system === null ? [] : [system]), ...places.map((place) => new NssStore(place, surroundings))];
}

/** In a container nobody may have a name. */
function userName(): string {
  try {
    return userInfo().username.replaceAll(/[^\w.-]/g, '_');
  } catch {
    return String(process.getuid?.() ?? 'user');
  }
}

function carryOut(action: Action, store: TrustStore, root: Root | null): Promise<Outcome> {
  if (action === 'undo') return store.remove(root);
  return action === 'install' ? store.install(root!) : store.check(root!);
}

function textOf(action: Action, root: Root | null, directory: string, told: readonly Told[], io: Io): string {
  const head =
    root === null
      ? ''
      : `${root.commonName}, which certifies localhost and names below it, 127.0.0.0/8, ::1${root.names.map((name) => `, ${name}`).join('')} and nothing else\n  ${certificatePath(directory)}\n\n`;
  const lines = told.map(({ store, place, state, isChanged, remark }, index) => {
    // What holds for several is said once, at the last of them.
    const note = remark === '' || remark === told[index + 1]?.remark ? '' : `\n               ${remark}`;
    return `  ${verdict(state, isChanged, io).padEnd(11)}  ${store}: ${place}${note}\n`;
  });
  if (lines.length === 0) return `${head}There is no store here that this program knows.\n`;
  const { SUDO_USER: user } = io.environment;
  const foreign =
    user === undefined || user === 'root'
      ? ''
      : `\nThis is the authority of root, in ${directory}. For that of ${user}, run it without sudo: it says what takes root.\n`;
  const changedSome = told.some(({ isChanged }) => isChanged);
  return `${head}${lines.join('')}${changedSome ? '\nBrowsers that are open see it when they are started again.\n' : ''}${action === 'check' ? '' : foreign}`;
}

function verdict(state: Outcome['state'], isChanged: boolean, { color }: Io): string {
  const text =
    state === 'failed'
      ? 'failed'
      : state === 'trusted'
        ? isChanged
          ? 'installed'
          : 'trusted'
        : isChanged
          ? 'removed'
          : 'not trusted';
  if (!color) return text;
  return `${state === 'failed' ? '\x1b[31m' : state === 'trusted' ? '\x1b[32m' : '\x1b[33m'}${text.padEnd(11)}\x1b[0m`;
}
