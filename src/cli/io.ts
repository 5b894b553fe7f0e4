// What commands see of the terminal and the process; tests pass their own.

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Of standard output and standard error. */
  readonly color: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export const TERMINAL: Io = {
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    process.stderr.write(text);
  },
  color:
    process.stderr.isTTY === true &&
    process.stdout.isTTY === true &&
    (process.env['NO_COLOR'] ?? '') === '' &&
    process.env['TERM'] !== 'dumb',
  environment: process.env,
};

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
