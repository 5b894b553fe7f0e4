// What commands see of the terminal; tests pass their own.

export interface Io {
  out(text: string): void;
  err(text: string): void;
  readonly color: boolean;
}

export const TERMINAL: Io = {
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    process.stderr.write(text);
  },
  color: process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined,
};

/** Exit codes of all commands; docs/reference/cli.md lists them. */
export const EXIT_OK = 0;
/** A check found errors, or the router broke down while running. */
export const EXIT_FAILED = 1;
/** The command line or the install configuration is wrong; nothing was started. */
export const EXIT_USAGE = 2;
