// What commands see of the terminal and the process; tests pass their own.

import { standardError } from '../app/process/standard-error.ts';

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Of standard output and standard error. */
  readonly color: boolean;
  /** People read both. */
  readonly isTerminal: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

// A reader that has seen enough, as `head`, is no mistake.
process.stdout.on('error', () => {});

export const TERMINAL: Io = {
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    standardError().write(text);
  },
  color: hasColor(),
  isTerminal: isTerminal(),
  environment: process.env,
};

/**
 * Where a program hands on what it is given, as in CI, FORCE_COLOR says that people read it (https://force-color.org).
 */
function isTerminal(): boolean {
  return (process.env['FORCE_COLOR'] ?? '') !== '' || (process.stderr.isTTY === true && process.stdout.isTTY === true);
}

function hasColor(): boolean {
  if ((process.env['NO_COLOR'] ?? '') !== '' || process.env['FORCE_COLOR'] === '0') return false;
  return isTerminal() && ((process.env['FORCE_COLOR'] ?? '') !== '' || process.env['TERM'] !== 'dumb');
}

export const EXIT_OK = 0;
/** A check found errors, a wait ran out, or the router broke down while running. */
export const EXIT_FAILED = 1;
/** The command line or the install configuration is wrong; nothing was started. */
export const EXIT_USAGE = 2;
/** The router that was asked does not answer, or not to us. */
export const EXIT_UNREACHABLE = 3;

/** For help and the reference page. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT_OK, 'all well'],
  [EXIT_FAILED, 'a check found errors, a wait ran out, a health check failed, or the router broke down while running'],
  [EXIT_USAGE, 'the command line or the install configuration is wrong; nothing was started'],
  [EXIT_UNREACHABLE, 'the router that was asked does not answer, or asks for a token'],
];

/** What a reader of standard error that takes nothing can hold up the end. */
const FLUSH_MS = 1_000;

/** Settles when what was written has left: a pipe takes only so much at a time. */
export async function flushTerminal(): Promise<void> {
  await standardError().flush(FLUSH_MS);
  const { stdout } = process;
  if (stdout.destroyed || stdout.writableLength === 0) return;
  await new Promise<void>((resolve) => {
    stdout.once('error', () => resolve());
    stdout.write('', () => resolve());
  });
}
