// The application log: structured, one writer in the main thread, reopened for rotation. Everything but the composition
// root sees the interface only.

import { openSync, writeSync, closeSync } from 'node:fs';
import { pino } from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LogOptions {
  readonly level: 'trace' | LogLevel | 'fatal' | 'silent';
  readonly format: 'common' | 'json';
  /** '' is standard error, which leaves standard output to the access log. */
  readonly filePath: string;
}

/** Renders one record as a line for people: time, level, message, fields. */
function renderLine(json: string): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown>; // Pino's own output.
  const rest = Object.entries(fields)
    .map(
      ([name, value]) =>
        ` ${name}=${typeof value === 'string' && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value)}`,
    )
    .join('');
  return `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${rest}\n`;
}

export class ApplicationLog implements Log {
  readonly #filePath: string;
  readonly #logger: pino.Logger;
  #fd: number;

  /** Throws when the file cannot be opened. */
  constructor(options: LogOptions) {
    this.#filePath = options.filePath;
    this.#fd = this.#open();
    const destination = {
      write: (line: string): void => this.#write(options.format === 'json' ? line : renderLine(line)),
    };
    this.#logger = pino(
      {
        level: options.level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    );
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#logger.debug(fields, message);
  }
  info(message: string, fields: LogFields = {}): void {
    this.#logger.info(fields, message);
  }
  warn(message: string, fields: LogFields = {}): void {
    this.#logger.warn(fields, message);
  }
  error(message: string, fields: LogFields = {}): void {
    this.#logger.error(fields, message);
  }

  setLevel(level: LogOptions['level']): void {
    this.#logger.level = level;
  }

  /** For log rotation. */
  reopen(): void {
    if (this.#filePath === '') return;
    const fresh = this.#open();
    closeSync(this.#fd);
    this.#fd = fresh;
  }

  #open(): number {
    return this.#filePath === '' ? 2 : openSync(this.#filePath, 'a', 0o640);
  }

  #write(line: string): void {
    try {
      writeSync(this.#fd, line);
    } catch {
      // A closed pipe or a full disk: nowhere left to say so.
    }
  }
}
