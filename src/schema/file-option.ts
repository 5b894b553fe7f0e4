// Options that name a file whose content belongs to the configuration. It is read when the configuration is, so that what
// is wrong with it is a diagnostic, and a change of it is a change of the configuration.

import { readFileSync, statSync } from 'node:fs';
import { INVALID } from './invalid.ts';
import { string, type Schema } from './schema.ts';

const MAX_BYTES = 1024 * 1024;

/** The lines of the file, without white space around them, empty ones and comments (`#`). */
export function linesOfFile(): Schema<readonly string[]> {
  const path = string({ pattern: /^[^\0]+$/, expected: 'a path' });
  return {
    label: 'path',
    fields: null,
    json: { type: 'string' },
    decode(input, context) {
      const name = path.decode(input, context);
      if (name === INVALID) return INVALID;
      context.filesRead.add(name);
      let text: string;
      try {
        const info = statSync(name);
        // Reading a pipe or a device would wait for somebody.
        if (!info.isFile()) return unreadable('it is no file');
        if (info.size > MAX_BYTES) return unreadable(`it is larger than ${MAX_BYTES / 1024 / 1024} MiB`);
        text = readFileSync(name, 'utf8');
      } catch (error) {
        return unreadable(error instanceof Error && 'code' in error ? String(error.code) : String(error));
      }
      return text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#'));

      function unreadable(reason: string): typeof INVALID {
        context.report('error', 'file-unreadable', `the file "${String(name)}" cannot be read: ${reason}`);
        return INVALID;
      }
    },
  };
}
