// Shares the turns of a worker's event loop between clients that are connected and those that wait to be accepted.
//
// libuv accepts one connection of a listening socket in each turn, and a turn serves every connection that is readable:
// beside a thousand busy clients a new one waits for a thousand requests, and so does each of those behind it in the
// kernel's queue. While that is so, what arrives stands in a line, in the order of arrival, and each turn deals with
// the first few of the line and no more: the fewer, the longer somebody waits at the door. Both kinds then wait alike.
//
//   CALM ──accept──▶ WATCHING ──accepts beside many reads──▶ CROWDED ──nobody at the door──▶ WATCHING ──▶ CALM
//
// bench/load/newcomers.mjs shows what it does for both kinds, and what it costs.

/** Fewer reads than this in a turn keep nobody waiting at the door. */
const CROWD = 8;
/** What one turn deals with. The door opens once a turn: with the least, half of those served are new. */
const MIN_SHARE = 2;
const MAX_SHARE = 64;
/** That many turns without anybody at the door end a crowd. */
const QUIET_TURNS = 32;

/** What has arrived on one connection, to be dealt with later. */
export interface Arrived {
  /** Deals with it, unless the connection is gone. */
  deliver(): void;
}

export class Turns {
  /** What arrives goes to the end of the line. */
  isCrowded = false;
  /** Messages dealt with in this turn; whoever does so counts. */
  reads = 0;
  private isWatching = false;
  private hasAccepted = false;
  /** The turn in which watching began was seen in part. */
  private isPartial = false;
  private share = MAX_SHARE;
  private quietTurns = 0;
  private line: Arrived[] = [];
  private next = 0;
  private readonly soon: (callback: () => void) => void;

  /** `soon` runs its callback once, at the end of the present turn. */
  constructor(soon: (callback: () => void) => void = setImmediate) {
    this.soon = soon;
  }

  /** A connection has been accepted. */
  accepted(): void {
    this.hasAccepted = true;
    if (this.isWatching) return;
    this.isWatching = true;
    this.isPartial = true;
    this.soon(this.turned);
  }

  await(arrived: Arrived): void {
    this.line.push(arrived);
  }

  private readonly turned = (): void => {
    const { reads, hasAccepted, isPartial } = this;
    this.reads = 0;
    this.hasAccepted = false;
    this.isPartial = false;
    if (this.isCrowded) {
      if (hasAccepted) {
        this.quietTurns = 0;
        this.share = Math.max(MIN_SHARE, this.share >>> 1);
      } else {
        this.share = Math.min(MAX_SHARE, this.share * 2);
        this.isCrowded = ++this.quietTurns < QUIET_TURNS;
      }
    } else if (!isPartial && hasAccepted && reads >= CROWD) {
      this.isCrowded = true;
      this.quietTurns = 0;
      this.share = Math.min(MAX_SHARE, reads >>> 1);
    }
    this.advance();
    this.isWatching = this.isCrowded || hasAccepted || this.line.length > 0;
    if (this.isWatching) this.soon(this.turned);
  };

  private advance(): void {
    const { line } = this;
    const end = Math.min(line.length, this.next + this.share);
    while (this.next < end) line[this.next++]!.deliver();
    if (this.next === line.length) {
      this.line = [];
      this.next = 0;
    } else if (this.next >= 1024) {
      this.line = line.slice(this.next);
      this.next = 0;
    }
  }
}

/** Of this worker. */
export const turns = new Turns();
