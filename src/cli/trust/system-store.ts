// The store of the system: what curl, wget and most programs that are no browsers look into, and browsers on macOS and
// Windows.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { AUTHORITY_NAME, type Root } from '../../controlplane/local-authority/root-certificate.ts';
import {
  changed,
  failed,
  findProgram,
  NOT_TRUSTED,
  runProgram,
  TRUSTED,
  type Outcome,
  type Surroundings,
  type TrustStore,
} from './store.ts';

/** A folder of authorities, and the program that makes what others read of it. */
export interface AnchorFolder {
  readonly name: string;
  readonly directory: string;
  readonly program: string;
  /** What it makes. */
  readonly bundle: string;
}

const ANCHOR_FOLDERS: readonly AnchorFolder[] = [
  {
    name: 'the system (Debian)',
    directory: '/usr/local/share/ca-certificates',
    program: 'update-ca-certificates',
    bundle: '/etc/ssl/certs/ca-certificates.crt',
  },
  {
    name: 'the system (Fedora)',
    directory: '/etc/pki/ca-trust/source/anchors',
    program: 'update-ca-trust',
    bundle: '/etc/pki/tls/certs/ca-bundle.crt',
  },
  {
    name: 'the system (Arch)',
    directory: '/etc/ca-certificates/trust-source/anchors',
    program: 'update-ca-trust',
    bundle: '/etc/ssl/certs/ca-certificates.crt',
  },
  {
    name: 'the system (openSUSE)',
    directory: '/etc/pki/trust/anchors',
    program: 'update-ca-certificates',
    bundle: '/etc/ssl/ca-bundle.pem',
  },
];

/** Null where this program does not know how the system keeps its authorities. */
export function systemStore(
  surroundings: Surroundings,
  folders: readonly AnchorFolder[] = ANCHOR_FOLDERS,
): TrustStore | null {
  if (surroundings.platform === 'darwin') return new Keychain(surroundings);
  if (surroundings.platform === 'win32') return new WindowsStore(surroundings);
  for (const folder of folders) {
    const program = findProgram(folder.program, surroundings);
    if (program !== null && existsSync(folder.directory)) return new AnchorStore(folder, program, surroundings);
  }
  return null;
}

class AnchorStore implements TrustStore {
  readonly kind = 'system';
  readonly name: string;
  readonly place: string;
  readonly #folder: AnchorFolder;
  readonly #program: string;
  readonly #surroundings: Surroundings;

  constructor(folder: AnchorFolder, program: string, surroundings: Surroundings) {
    this.name = folder.name;
    // Each user has an authority.
    this.place = join(folder.directory, `signalbox-local-authority-${surroundings.user}.crt`);
    this.#folder = folder;
    this.#program = program;
    this.#surroundings = surroundings;
  }

  check({ certificate }: Root): Promise<Outcome> {
    const isThere = contentOf(this.place) === certificate;
    const isKnown = contentOf(this.#folder.bundle).includes(bodyOf(certificate));
    if (isThere && !isKnown) return Promise.resolve({ ...NOT_TRUSTED, remark: `"${this.#program}" has not been run` });
    return Promise.resolve(isThere ? TRUSTED : NOT_TRUSTED);
  }

  async install(root: Root): Promise<Outcome> {
    const present = await this.check(root);
    if (present.state === 'trusted') return present;
    const how = `sudo cp ${quoted(this.#surroundings.certificate)} ${this.place} && sudo ${this.#program}`;
    return this.#change(how, () => writeFileSync(this.place, root.certificate, { mode: 0o644 }), TRUSTED);
  }

  async remove(): Promise<Outcome> {
    if (!existsSync(this.place)) return NOT_TRUSTED;
    return this.#change(`sudo rm ${this.place} && sudo ${this.#program}`, () => rmSync(this.place), NOT_TRUSTED);
  }

  async #change(how: string, change: () => void, then: Outcome): Promise<Outcome> {
    try {
      change();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      if (code === 'EACCES' || code === 'EPERM') return failed(`this takes root; run: ${how}`);
      return failed(messageOf(error));
    }
    const { code, stderr } = await runProgram(this.#program, []);
    if (code === 0) return changed(then);
    // The next run of the program, for whatever reason, is not to do what has been told as failed.
    if (then.state === 'trusted') rmSync(this.place, { force: true });
    return failed(`${this.#program}: ${stderr}`);
  }
}

class Keychain implements TrustStore {
  readonly kind = 'system';
  readonly name = 'the login keychain';
  readonly place: string;
  readonly #certificate: string;

  constructor({ environment, certificate }: Surroundings) {
    this.place = join(environment['HOME'] ?? '', 'Library/Keychains/login.keychain-db');
    this.#certificate = certificate;
  }

  async check(): Promise<Outcome> {
    const { code } = await runProgram('/usr/bin/security', ['verify-cert', '-c', this.#certificate, '-l', '-L']);
    return code === 0 ? TRUSTED : NOT_TRUSTED;
  }

  async install(): Promise<Outcome> {
    if ((await this.check()).state === 'trusted') return TRUSTED;
    const args = ['add-trusted-cert', '-r', 'trustRoot', '-k', this.place, this.#certificate];
    const { code, stderr } = await runProgram('/usr/bin/security', args);
    return code === 0 ? changed(TRUSTED) : failed(stderr);
  }

  async remove(): Promise<Outcome> {
    let isChanged = false;
    for (;;) {
      const found = await runProgram('/usr/bin/security', ['find-certificate', '-c', AUTHORITY_NAME, '-Z', this.place]);
      const hash = /SHA-1 hash: ([0-9A-F]+)/.exec(found.stdout)?.[1];
      if (found.code !== 0 || hash === undefined) return { ...NOT_TRUSTED, isChanged };
      const { code, stderr } = await runProgram('/usr/bin/security', [
        'delete-certificate',
        '-Z',
        hash,
        '-t',
        this.place,
      ]);
      if (code !== 0) return failed(stderr);
      isChanged = true;
    }
  }
}

class WindowsStore implements TrustStore {
  readonly kind = 'system';
  readonly name = 'the user’s root store';
  readonly place = 'CurrentUser\\Root';
  readonly #certificate: string;
  readonly #program: string;

  constructor({ environment, certificate }: Surroundings) {
    this.#certificate = certificate;
    // certutil of NSS may come first on the path.
    this.#program = join(environment['SystemRoot'] ?? 'C:\\Windows', 'System32', 'certutil.exe');
  }

  async check({ commonName }: Root): Promise<Outcome> {
    const { code } = await runProgram(this.#program, ['-user', '-store', 'Root', commonName]);
    return code === 0 ? TRUSTED : NOT_TRUSTED;
  }

  async install(root: Root): Promise<Outcome> {
    if ((await this.check(root)).state === 'trusted') return TRUSTED;
    const { code, stdout, stderr } = await runProgram(this.#program, ['-user', '-addstore', 'Root', this.#certificate]);
    return code === 0 ? changed(TRUSTED) : failed(stderr === '' ? stdout : stderr);
  }

  async remove(root: Root | null): Promise<Outcome> {
    if (root === null || (await this.check(root)).state !== 'trusted') return NOT_TRUSTED;
    const { code, stdout, stderr } = await runProgram(this.#program, ['-user', '-delstore', 'Root', root.commonName]);
    return code === 0 ? changed(NOT_TRUSTED) : failed(stderr === '' ? stdout : stderr);
  }
}

/** '' when there is none. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A bundle may break its lines otherwise, but hardly within the first. */
function bodyOf(pem: string): string {
  return pem.split('\n').slice(1, -2).join('\n');
}

function quoted(path: string): string {
  return /[^\w./-]/.test(path) ? `'${path.replaceAll("'", "'\\''")}'` : path;
}
