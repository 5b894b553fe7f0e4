// A place in which programs look up whom they trust, as `signalbox trust` changes it.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Root } from '../../controlplane/local-authority/root-certificate.ts';

export type StoreKind = 'system' | 'nss' | 'firefox';
export const STORE_KINDS: readonly StoreKind[] = ['system', 'nss', 'firefox'];

export interface Outcome {
  readonly state: 'trusted' | 'not trusted' | 'failed';
  /** Something is other than before. */
  readonly isChanged: boolean;
  /** What to know of it, or to do; '' when the state says all. */
  readonly remark: string;
}

export interface TrustStore {
  readonly kind: StoreKind;
  /** Whose it is. */
  readonly name: string;
  /** Where it is. */
  readonly place: string;
  check(root: Root): Promise<Outcome>;
  /** Earlier authorities of this program are taken out. */
  install(root: Root): Promise<Outcome>;
  /** Takes out every authority of this program; null for what was made of it is gone. */
  remove(root: Root | null): Promise<Outcome>;
}

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** As a part of file names. */
  readonly user: string;
  /** File of the root, which programs import. */
  readonly certificate: string;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program that waits for somebody, or for a database in use, can hold up. */
const MAX_RUN_MS = 60_000;

export function runProgram(path: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(path, args, { timeout: MAX_RUN_MS, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
    });
    // Who asks for a passphrase gets none.
    child.stdin?.end();
  });
}

/** Null when there is none of that name. */
export function findProgram(name: string, { environment, platform }: Surroundings): string | null {
  const own = (environment['PATH'] ?? '').split(delimiter).filter((place) => place !== '');
  for (const place of platform === 'win32' ? own : [...own, '/usr/sbin', '/sbin']) {
    const path = join(place, platform === 'win32' ? `${name}.exe` : name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next place.
    }
  }
  return null;
}

export const TRUSTED: Outcome = { state: 'trusted', isChanged: false, remark: '' };
export const NOT_TRUSTED: Outcome = { state: 'not trusted', isChanged: false, remark: '' };

export function failed(remark: string): Outcome {
  return { state: 'failed', isChanged: false, remark: remark.trim().replaceAll(/\s*\n\s*/g, '; ') };
}

export function changed(outcome: Outcome): Outcome {
  return { ...outcome, isChanged: true };
}
