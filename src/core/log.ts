// The application log: structured, one writer in the main thread, reopened for rotation, and never waited for.
// Everything but the composition root sees the interface only.

import { pino } from 'pino';
import { FileOutput, type LineOutput } from './line-output.ts';

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

const MAX_TRACE_LINES = 30;

/** Renders one record as a line for people: time, level, message, fields. */
function renderLine(json: string): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown>; // Pino's own output.
  let trace = '';
  let rest = '';
  for (const [name, value] of Object.entries(fields)) {
    let first = value;
    if (name === 'error' && typeof value === 'string' && value.includes('\n')) {
      const lines = value.split('\n');
      first = lines[0];
      trace += renderTrace(lines.slice(1));
    }
    rest += ` ${name}=${typeof first === 'string' && /^[\w.:/@-]+$/.test(first) ? first : JSON.stringify(first)}`;
  }
  return `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${rest}\n${trace}`;
}

/**
 * The rest of a stack as people read it, below its line; indented, so that no text in it can pass for a line of the
 * log.
 */
function renderTrace(given: readonly string[]): string {
  const lines = given.filter((line) => line.trim() !== '');
  const shown = lines.slice(0, MAX_TRACE_LINES).map((line) => `    ${escapeControls(line.trim())}\n`);
  return shown.join('') + (lines.length > MAX_TRACE_LINES ? `    and ${lines.length - MAX_TRACE_LINES} more\n` : '');
}

function escapeControls(line: string): string {
  // Quotes need no escape outside of JSON.
  return JSON.stringify(line).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}

export class ApplicationLog implements Log {
  readonly #filePath: string;
  readonly #logger: pino.Logger;
  readonly #output: LineOutput;
  /** Since the last one that was taken. */
  #lost = 0;
  /** Lines that nobody took. */
  dropped = 0;

  /** Throws when the file cannot be opened. */
  constructor(options: LogOptions, standardError: LineOutput) {
    this.#filePath = options.filePath;
    this.#output = options.filePath === '' ? standardError : new FileOutput(options.filePath);
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
    if (this.#output instanceof FileOutput && this.#filePath !== '') this.#output.reopen(this.#filePath);
  }

  /** Settles when all lines have left, or after so long. */
  flush(ms: number): Promise<void> {
    return this.#output.flush(ms);
  }

  #write(line: string): void {
    const isTaken = this.#output.write(line);
    if (!isTaken) {
      this.dropped++;
      this.#lost++;
    } else if (this.#lost > 0) {
      const lines = this.#lost;
      this.#lost = 0;
      this.warn('lines of this log are lost: their reader took none', { lines });
    }
  }
}
