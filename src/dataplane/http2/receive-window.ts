// What the peer may still send, on one stream or on the connection (RFC 9113 §5.2). Credit goes back only for bytes
// that have gone on to where they belong, so that the window bounds what is held for a slow reader; and in portions,
// since a WINDOW_UPDATE per frame would cost more than the frame.

export class ReceiveWindow {
  /** What it is filled up to. */
  size: number;
  /** Octets the peer may send. */
  private available: number;
  /** Octets that have gone on and are not yet credited. */
  private consumed = 0;

  /** `available` is what the peer knows of it at first. */
  constructor(size: number, available: number) {
    this.size = size;
    this.available = available;
  }

  /** The peer has sent that much; false when it was more than it may. */
  take(bytes: number): boolean {
    this.available -= bytes;
    return this.available >= 0;
  }

  /** That much has gone on. Returns the increment to send now, 0 for none. */
  give(bytes: number): number {
    this.consumed += bytes;
    if (this.consumed < this.size >> 1) return 0;
    const increment = this.consumed;
    this.consumed = 0;
    this.available += increment;
    return increment;
  }

  /**
   * Who takes the bytes keeps up: lets the peer go twice as far ahead, at most `max`. Returns what to add to the
   * increment.
   */
  widen(max: number): number {
    const added = Math.min(this.size, max - this.size);
    if (added <= 0) return 0;
    this.size += added;
    this.available += added;
    return added;
  }
}
