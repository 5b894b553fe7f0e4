// Where a local authority lies, and how it comes there: one for all processes of a user, however many ask for it at
// once. What it is, is one file that appears whole; another one takes its place under the next number, which only one
// process can get.

import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { delimiter, isAbsolute, join } from 'node:path';
import { messageOf, SignalboxError } from '../../core/errors.ts';
import { isMap } from '../../schema/input.ts';
import { createRoot, isSufficient, rootOf, type Root } from './root-certificate.ts';

const FORMAT = 1;
const FILE = /^authority-([1-9]\d{0,8})\.json$/;
/** For people and other programs; made from the file with the key. */
const CERTIFICATE = 'root.pem';
/** Each attempt loses to another process that has got further. */
const MAX_ATTEMPTS = 100;

/** Null where neither a user nor a service has a place to keep something. */
export function authorityDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  stateDirectory: string | null,
): string | null {
  const { XDG_DATA_HOME: data = '', HOME: home = '', STATE_DIRECTORY: state = '' } = environment;
  // Relative ones are to be ignored (XDG base directory specification).
  if (isAbsolute(data)) return join(data, 'signalbox', 'authority');
  if (isAbsolute(home)) return join(home, '.local', 'share', 'signalbox', 'authority');
  // As systemd names it.
  const own = stateDirectory ?? state.split(delimiter)[0]!;
  return own === '' ? null : join(own, 'authority');
}

/** Where the certificate is, for those that import it by hand. */
export function certificatePath(directory: string): string {
  return join(directory, CERTIFICATE);
}

/** The authority as it is; null when none has been made. Throws a SignalboxError when it cannot be used. */
export function findAuthority(directory: string): Root | null {
  for (let left = MAX_ATTEMPTS; left > 0; left--) {
    const number = newest(directory);
    if (number === 0) return null;
    const root = read(directory, number);
    // Null: another one has taken its place meanwhile.
    if (root !== null) return root;
  }
  throw unusable(directory, 'it changes all the time');
}

/**
 * An authority that may certify these names beside those of this machine: the one that is there, or another in its
 * place that may certify the names of both. Throws a SignalboxError.
 */
export function openAuthority(directory: string, names: readonly string[], nowMs: number): Root {
  for (let left = MAX_ATTEMPTS; left > 0; left--) {
    const before = newest(directory);
    const present = before === 0 ? null : read(directory, before);
    if (before > 0 && present === null) continue;
    if (present !== null && isSufficient(present, names, nowMs)) return present;
    const root = createRoot([...new Set([...(present?.names ?? []), ...names])], nowMs);
    if (!write(directory, before + 1, root)) continue;
    for (let number = before; number > 0 && number > before - MAX_ATTEMPTS; number--) {
      rmSync(fileOf(directory, number), { force: true });
    }
    showCertificate(directory);
    return root;
  }
  throw unusable(directory, 'other processes change it all the time');
}

function fileOf(directory: string, number: number): string {
  return join(directory, `authority-${number}.json`);
}

/** 0 when there is none. */
function newest(directory: string): number {
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw inaccessible(directory, error);
  }
  return Math.max(0, ...names.map((name) => Number(FILE.exec(name)?.[1] ?? 0)));
}

/** Null when it is gone. */
function read(directory: string, number: number): Root | null {
  const path = fileOf(directory, number);
  let text: string;
  try {
    const { mode } = statSync(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw unusable(directory, `others may read the key in ${path}; take that away with "chmod 600 ${path}"`);
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof SignalboxError) throw error;
    if (codeOf(error) === 'ENOENT') return null;
    throw inaccessible(directory, error);
  }
  try {
    const document: unknown = JSON.parse(text);
    if (!isMap(document)) throw new Error('it is no object');
    const { format, certificate, key, names } = document;
    if (format !== FORMAT) throw new Error(`it has the format ${String(format)}, this program knows ${FORMAT}`);
    if (typeof certificate !== 'string' || typeof key !== 'string' || !Array.isArray(names)) {
      throw new Error('certificate, key or names are missing');
    }
    return rootOf({ certificate, key }, names.map(String));
  } catch (error) {
    const what = messageOf(error);
    throw unusable(
      directory,
      `${path} cannot be used (${what}); remove it, and another authority is made, which "signalbox trust" then has to install`,
    );
  }
}

/** False when another process has been first. */
function write(directory: string, number: number, { certificate, key, names }: Root): boolean {
  const path = fileOf(directory, number);
  const temporary = `${path}.${randomUUID()}`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
    const text = `${JSON.stringify({ format: FORMAT, names, certificate, key }, null, 2)}\n`;
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx', flush: true });
    try {
      if (!place(temporary, path, text)) return false;
    } finally {
      rmSync(temporary, { force: true });
    }
    // The number was free since it was given up already: others are further.
    if (newest(directory) > number) {
      rmSync(path, { force: true });
      return false;
    }
    return true;
  } catch (error) {
    throw inaccessible(directory, error);
  }
}

/** Writes the certificate of whichever is the present one when this ends. */
function showCertificate(directory: string): void {
  try {
    for (let left = MAX_ATTEMPTS; left > 0; left--) {
      const number = newest(directory);
      const root = number === 0 ? null : read(directory, number);
      if (root === null) continue;
      const shown = `${certificatePath(directory)}.${randomUUID()}`;
      writeFileSync(shown, root.certificate, { mode: 0o644, flag: 'wx' });
      renameSync(shown, certificatePath(directory));
      if (newest(directory) === number) return;
    }
  } catch (error) {
    throw inaccessible(directory, error);
  }
}

/** Gives the file its name, unless there is one of that name. */
function place(from: string, path: string, text: string): boolean {
  try {
    linkSync(from, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!/^(?:EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EMLINK)$/.test(codeOf(error))) throw error;
  }
  // A file system without links.
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Of an error of the system, or of one that says all there is to say. */
function inaccessible(directory: string, error: unknown): SignalboxError {
  if (error instanceof SignalboxError) return error;
  return unusable(
    directory,
    `${messageOf(error)}; it takes a directory that this user may write to: set XDG_DATA_HOME to one, or see to this one`,
  );
}

function unusable(directory: string, why: string): SignalboxError {
  return new SignalboxError('ERR_AUTHORITY_UNUSABLE', `the local authority in ${directory}: ${why}`);
}
