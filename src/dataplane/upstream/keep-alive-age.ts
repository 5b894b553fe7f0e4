// When a server closes connections that rest. A request that meets such an end on its way is lost, and one that may not
// be repeated (RFC 9110 §9.2.2) is the client's loss; so connections are not used again shortly before. Servers say the
// age (`Keep-Alive: timeout=5`), or show it.

/** A server that restarts closes connections of every age; the youngest say nothing. */
const MIN_AGE_MS = 500;
/** What a request may take on its way, and how late the server's clock may be. */
const MARGIN_MS = 1_000;

/** The age up to which a connection is used that its server closes at `closesAtMs`. */
function usableUntil(closesAtMs: number): number {
  return closesAtMs >= 2 * MARGIN_MS ? closesAtMs - MARGIN_MS : closesAtMs / 2;
}

/** Of one server; what it showed last counts. */
export class KeepAliveAge {
  private untilMs = Number.POSITIVE_INFINITY;

  /** The server has closed a connection that had rested for so long. */
  closed(ageMs: number): void {
    if (ageMs >= MIN_AGE_MS) this.untilMs = usableUntil(ageMs);
  }

  /** A connection has rested for so long and the server has not closed it. */
  survived(ageMs: number): void {
    if (ageMs > this.untilMs) this.untilMs = Number.POSITIVE_INFINITY;
  }

  /** `announcedMs` is what the server said on that connection; -1 for nothing. */
  isUsable(ageMs: number, announcedMs: number): boolean {
    return ageMs <= this.untilMs && (announcedMs < 0 || ageMs <= usableUntil(announcedMs));
  }
}
