// Databases of NSS: one of each user for Chromium and what is made of it, one of each profile for Firefox. They are
// changed by `certutil` alone, which is not part of the browsers.

import { existsSync, mkdirSync } from 'node:fs';
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
  type Ended,
  type Outcome,
  type StoreKind,
  type Surroundings,
  type TrustStore,
} from './store.ts';

const HOW_TO_INSTALL =
  'certutil is not installed; get it with "apt install libnss3-tools" (Debian, Ubuntu), "dnf install nss-tools" (Fedora), "pacman -S nss" (Arch) or "brew install nss" (macOS), then ask again';
/** For websites, not for mail or programs. */
const TRUST_FLAGS = 'C,,';

export interface NssPlace {
  readonly kind: Extract<StoreKind, 'nss' | 'firefox'>;
  readonly name: string;
  /** Of `cert9.db`. */
  readonly directory: string;
}

/** Runs certutil on the database. */
type Run = (...args: readonly string[]) => Promise<Ended>;

interface Listed {
  readonly nickname: string;
  readonly flags: string;
}

export class NssStore implements TrustStore {
  readonly kind: StoreKind;
  readonly name: string;
  readonly place: string;
  readonly #surroundings: Surroundings;

  constructor({ kind, name, directory }: NssPlace, surroundings: Surroundings) {
    this.kind = kind;
    this.name = name;
    this.place = directory;
    this.#surroundings = surroundings;
  }

  async check(root: Root): Promise<Outcome> {
    return this.#within(async (run) => ((await this.#holds(root, run)) ? TRUSTED : NOT_TRUSTED));
  }

  install(root: Root): Promise<Outcome> {
    return this.#within(async (run) => {
      if (!this.#exists) {
        mkdirSync(this.place, { recursive: true, mode: 0o700 });
        const made = await run('-N', '--empty-password');
        if (made.code !== 0) return failed(made.stderr);
      }
      let isChanged = false;
      for (const { nickname } of await this.#own(run)) {
        if (nickname === root.commonName) continue;
        await run('-D', '-n', nickname);
        isChanged = true;
      }
      if (await this.#holds(root, run)) return { ...TRUSTED, isChanged };
      const { certificate } = this.#surroundings;
      const added = await run('-A', '-n', root.commonName, '-t', TRUST_FLAGS, '-i', certificate);
      return added.code === 0 ? changed(TRUSTED) : failed(added.stderr);
    });
  }

  remove(): Promise<Outcome> {
    return this.#within(async (run) => {
      const own = await this.#own(run);
      for (const { nickname } of own) {
        const removed = await run('-D', '-n', nickname);
        if (removed.code !== 0) return failed(removed.stderr);
      }
      return own.length > 0 ? changed(NOT_TRUSTED) : NOT_TRUSTED;
    });
  }

  /** Authorities of this program, the present one or not. */
  async #own(run: Run): Promise<readonly Listed[]> {
    if (!this.#exists) return [];
    const { code, stdout, stderr } = await run('-L');
    if (code !== 0) throw new Error(stderr);
    return [...stdout.matchAll(/^(.+?)\s+(\w*,\w*,\w*)\s*$/gm)]
      .map(([, nickname = '', flags = '']) => ({ nickname, flags }))
      .filter(({ nickname }) => nickname.startsWith(AUTHORITY_NAME));
  }

  async #holds({ commonName, certificate }: Root, run: Run): Promise<boolean> {
    const found = (await this.#own(run)).find(({ nickname }) => nickname === commonName);
    if (found === undefined || !found.flags.split(',')[0]!.includes('C')) return false;
    const { stdout } = await run('-L', '-n', commonName, '-a');
    return bodyOf(stdout) === bodyOf(certificate);
  }

  get #exists(): boolean {
    return existsSync(join(this.place, 'cert9.db'));
  }

  async #within(work: (run: Run) => Promise<Outcome>): Promise<Outcome> {
    const certutil = findProgram('certutil', this.#surroundings);
    if (certutil === null) return failed(HOW_TO_INSTALL);
    try {
      return await work((...args) => runProgram(certutil, ['-d', `sql:${this.place}`, ...args]));
    } catch (error) {
      return failed(messageOf(error));
    }
  }
}

function bodyOf(pem: string): string {
  return pem.replaceAll(/-----[^-]+-----|\s/g, '');
}
