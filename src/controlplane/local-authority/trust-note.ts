// Whether `signalbox trust` has been run for an authority: what the stores of the machine hold would take long to find
// out.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'trusted';

/** Null takes it back. */
export function noteTrusted(directory: string, fingerprint: string | null): void {
  const path = join(directory, FILE);
  if (fingerprint === null) rmSync(path, { force: true });
  else writeFileSync(path, `${fingerprint}\n`, { mode: 0o600 });
}

export function isNotedTrusted(directory: string, fingerprint: string): boolean {
  try {
    return readFileSync(join(directory, FILE), 'utf8').trim() === fingerprint;
  } catch {
    return false;
  }
}
