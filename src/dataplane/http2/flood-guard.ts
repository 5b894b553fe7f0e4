// Counts what a peer makes this side do without getting anything done itself. Everything counts per time and not per
// connection: a connection that lives for days may cancel thousands of requests, one that does so in a second is an
// attack. Two buckets fill up again with time, and the first also with data that moves.

/**
 * Frames that only cost: PING, SETTINGS, PRIORITY, empty frames, small window updates, frames for streams long gone.
 */
const CONTROL_BURST = 2_000;
const CONTROL_PER_SECOND = 500;
/** DATA of some size pays for the window updates and pings that go with it. */
const CONTROL_PER_DATA = 4;
/**
 * Streams that end before their response: by the peer (rapid reset, CVE-2023-44487) or by this side for an error the
 * peer has made (MadeYouReset, CVE-2025-8671). A browser that leaves a page cancels a hundred at once.
 */
const RESET_BURST = 500;
const RESET_PER_SECOND = 50;

export class FloodGuard {
  private control = CONTROL_BURST;
  private resets = RESET_BURST;
  private controlMs: number;
  private resetMs: number;

  constructor(nowMs: number) {
    this.controlMs = nowMs;
    this.resetMs = nowMs;
  }

  /** Takes `cost` for a frame without use; false when the peer has gone too far. */
  allowControl(nowMs: number, cost: number): boolean {
    this.control -= cost;
    if (this.control >= 0) return true;
    this.control += Math.max(0, ((nowMs - this.controlMs) / 1000) * CONTROL_PER_SECOND);
    this.controlMs = nowMs;
    if (this.control > CONTROL_BURST) this.control = CONTROL_BURST;
    return this.control >= 0;
  }

  /** A DATA frame worth its header has moved. */
  earn(): void {
    if (this.control < CONTROL_BURST) this.control += CONTROL_PER_DATA;
  }

  /** Counts a stream that ended before its response; false when there were too many. */
  allowReset(nowMs: number): boolean {
    if (--this.resets >= 0) return true;
    this.resets += Math.max(0, ((nowMs - this.resetMs) / 1000) * RESET_PER_SECOND);
    this.resetMs = nowMs;
    if (this.resets > RESET_BURST) this.resets = RESET_BURST;
    return this.resets >= 0;
  }
}
