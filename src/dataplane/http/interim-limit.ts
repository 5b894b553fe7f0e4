// How many interim responses (RFC 9110 §15.2) may come before the final one. Servers at work say `102` as often as they
// like, for as long as it takes; one that says nothing else as fast as it can is broken or hostile. So it is the rate
// that counts.

const BURST = 100;
const PER_SECOND = 20;

export class InterimLimit {
  private left = BURST;
  private seenMs = 0;

  /** For the next exchange. */
  reset(): void {
    this.left = BURST;
  }

  /** Another one has come; false when that is too many. */
  allow(nowMs: number): boolean {
    if (this.left < BURST) this.left = Math.min(BURST, this.left + ((nowMs - this.seenMs) / 1000) * PER_SECOND);
    this.seenMs = nowMs;
    this.left--;
    return this.left >= 0;
  }
}
