// How many log lines of one kind a worker may send per second. Those left out are counted, and told with the next one.

const WINDOW_MS = 1000;

export class LineLimit {
  readonly #perSecond: number;
  #windowStart = Number.NEGATIVE_INFINITY;
  #sent = 0;
  #leftOut = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Null when the line is left out; otherwise how many were since the last one. */
  admit(nowMs: number): number | null {
    if (nowMs - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = nowMs;
      this.#sent = 0;
    }
    if (this.#sent >= this.#perSecond) {
      this.#leftOut++;
      return null;
    }
    this.#sent++;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
