// Standard error as everything in this process writes to it: one queue, so that lines stay in order and whole, and
// nobody waits for a reader.

import { fstatSync } from 'node:fs';
import { FileOutput, StreamOutput, type LineOutput } from '../../core/line-output.ts';

let output: LineOutput | null = null;

export function standardError(): LineOutput {
  output ??= isFile() ? new FileOutput(2) : new StreamOutput(process.stderr);
  return output;
}

/** Node writes to a file at once, and throws when the disk is full. */
function isFile(): boolean {
  try {
    return fstatSync(2).isFile();
  } catch {
    return false;
  }
}
