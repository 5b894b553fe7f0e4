// Options that name a file whose content belongs to the configuration. It is read when the configuration is, so that
// what is wrong with it is a diagnostic, and a change of it is a change of the configuration.

import { readNamedFileSync, unreadableReason } from '../core/named-file.ts';
import type { DecodeContext } from './decode-context.ts';
import { INVALID, type Invalid } from './invalid.ts';
import { string } from './scalar.ts';
import type { Schema } from './schema.ts';

const MAX_BYTES = 1024 * 1024;

/** Reads a file the option names; reports what is wrong with it. A file of a tenant's choice is not even looked for. */
function readNamed(name: string, context: DecodeContext): string | Invalid {
  if (!context.mayNameFiles) {
    const message = 'a file can be named only by whoever runs the router; write its content out';
    return context.invalid(message, 'the content itself', context.show(name));
  }
  context.noteFile(name);
  try {
    return readNamedFileSync(name, MAX_BYTES);
  } catch (error) {
    context.report('error', 'file-unreadable', `the file "${name}" cannot be read: ${unreadableReason(error)}`);
    return INVALID;
  }
}

const path = string({ pattern: /^[^\0]+$/, expected: 'a path' });

/** The lines of the file, without white space around them, empty ones and comments (`#`). Shown as what names it. */
export function linesOfFile(): Schema<readonly string[]> {
  return {
    label: 'path',
    fields: null,
    json: { type: 'string' },
    decode(input, context) {
      const name = path.decode(input, context);
      if (name === INVALID) return INVALID;
      const text = readNamed(name, context);
      if (text === INVALID) return INVALID;
      context.substituted.push({ path: [...context.path], written: name });
      return text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#'));
    },
  };
}

/** Text in PEM, written out or in the file that is named. Shown as it was written; keys are not shown at all. */
export function pem(kind: 'certificate' | 'key'): Schema<string> {
  return {
    label: 'path or PEM',
    fields: null,
    json: { type: 'string' },
    isSecret: kind === 'key',
    decode(input, context) {
      const given = path.decode(input, context);
      if (given === INVALID) return INVALID;
      if (given.includes('-----BEGIN ')) return given;
      // Certificate and key are two files, which are never replaced at one moment.
      context.mayKeepLast = context.mayNameFiles;
      const text = readNamed(given, context);
      if (text === INVALID) return INVALID;
      context.substituted.push({ path: [...context.path], written: given });
      if (text.includes('-----BEGIN ')) return text;
      context.report('error', 'invalid-value', `the file "${given}" holds no PEM; expected "-----BEGIN …-----"`);
      return INVALID;
    },
  };
}
