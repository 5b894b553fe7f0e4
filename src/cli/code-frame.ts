// The line a diagnostic is about, with a mark below the place, for people at a terminal.

import { readFileSync, statSync } from 'node:fs';
import { decodeText } from '../core/decode-text.ts';
import { hideSecrets, isSecretName } from '../core/hide-secrets.ts';
import type { Diagnostic } from '../model/diagnostic.ts';

const MAX_BYTES = 16 * 1024 * 1024;
/** Nobody has written a longer line by hand, and looking for secrets in it takes the square of its length. */
const MAX_LENGTH = 4_000;
/** Of a line; what is longer is cut around the place. */
const MAX_WIDTH = 96;

/** Reads each file once, however many diagnostics it has. */
export class CodeFrames {
  readonly #files = new Map<string, readonly string[]>();

  /** Two lines, or '' where there is no line to show, or one that may hold a secret. */
  of({ source, line, column, path }: Diagnostic): string {
    if (source === '' || line < 1) return '';
    const text = this.#linesOf(source)[line - 1];
    if (text === undefined || text.length > MAX_LENGTH || text.trim() === '' || mayHoldSecret(text, path)) return '';
    const start = Math.max(0, Math.min(column - 1 - MAX_WIDTH / 2, text.length - MAX_WIDTH));
    const shown = text.slice(start, start + MAX_WIDTH).replaceAll('\t', ' ');
    const number = String(line);
    const mark = ' '.repeat(Math.max(0, column - 1 - start));
    return `        ${number} | ${shown.trimEnd()}\n        ${' '.repeat(number.length)} | ${mark}^\n`;
  }

  #linesOf(source: string): readonly string[] {
    let lines = this.#files.get(source);
    if (lines === undefined) {
      try {
        const isFile = statSync(source).isFile() && statSync(source).size <= MAX_BYTES;
        lines = isFile ? decodeText(readFileSync(source)).split(/\r?\n/) : [];
      } catch {
        // A place that is no file, as an environment variable, or one that is gone.
        lines = [];
      }
      this.#files.set(source, lines);
    }
    return lines;
  }
}

/** Hashes of passwords, keys, users of URLs. */
const SECRET_TEXT = /\$(?:2[abxy]|apr1|[156]|argon2\w*)\$|\{SHA\}|-----BEGIN|[A-Za-z0-9+/]{40,}={0,2}(?:["'\s]|$)/;

function mayHoldSecret(line: string, path: string): boolean {
  const key = /^\s*(?:- +)*["']?([\w.-]+)["']?\s*[:=]/.exec(line)?.[1] ?? '';
  const names = [key, ...path.split(/[.[\]]/)];
  return names.some(isSecretName) || SECRET_TEXT.test(line) || hideSecrets(line) !== line;
}
