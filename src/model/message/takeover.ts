// What a running process and the one that is to succeed it say to each other, over the channel that Node opens between
// a process and its child. The two may be of different versions of the program.

import type { SavedHistory } from '../history.ts';
import type { StoredForm } from '../stored-form.ts';

/** How a process is started: what `signalbox run --takeover` was itself started with, but for that flag. */
export interface ProcessCommand {
  /** Absolute path of Node.js. */
  readonly executable: string;
  readonly nodeArgs: readonly string[];
  /** Absolute path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly directory: string;
  /** Variables of the configuration: names that begin with SIGNALBOX_ or TRAEFIK_. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What lives in memory and must not be lost. Binary parts are Base64. */
export interface Inheritance {
  readonly ticketKeys: string;
  readonly secret: string;
  /** What was last pushed to the provider `rest`; null when nothing was. */
  readonly rest: string | null;
  /** The newest snapshot and the pinned one, where no state directory keeps them. */
  readonly history: SavedHistory;
  /** Last good forms of objects, where no state directory keeps them; left out by versions that had none. */
  readonly lastGood?: readonly StoredForm[];
}

export type FromSuccessor =
  /** Its configuration is good: it needs what the other has, who from now on writes nothing and changes nothing. */
  | { readonly kind: 'claim'; readonly protocol: number }
  /** It serves: the other may go. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: string };

export type FromPredecessor = { readonly kind: 'inheritance'; readonly inheritance: Inheritance };

/** Counts up when a message changes its meaning. */
export const TAKEOVER_PROTOCOL = 2;
/** Holds the process id of the one that is succeeded; set in the successor alone. */
export const SUCCEEDS_VARIABLE = 'SIGNALBOX_SUCCEEDS';
