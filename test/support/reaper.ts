// Waits until the runner closes its standard input, by ending it or by dying, and ends every process that has the run's
// mark.

import { endMarked } from './marked-processes.ts';

const run = process.argv[2]!;
process.stdin.resume();
process.stdin.once('close', () => void endMarked(`${run}/`));
