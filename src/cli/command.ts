// What a command is; the table of all of them is commands.ts.

import type { Arguments, FlagSpec } from './arguments.ts';
import type { Io } from './io.ts';

/** What scripts of completion ask; no command of the table, since nobody types it. */
export const COMPLETE = '__complete';

export interface Command {
  readonly name: string;
  /** What follows the name. */
  readonly usage: string;
  readonly summary: string;
  /** More, for its own help and the reference page. */
  readonly description: string;
  readonly flags: Readonly<Record<string, FlagSpec>>;
  /** Takes options of the install configuration as flags. */
  readonly takesOptions: boolean;
  /** Words that stand alone, for completion. */
  readonly words?: readonly string[];
  readonly minPositionals: number;
  readonly maxPositionals: number;
  run(args: Arguments, io: Io): Promise<number>;
}
