// Slow start: a target that is new or has recovered begins with a tenth of its weight and gains another tenth with each
// tenth of the time. Weights are counted in tenths while any target is on its way.

/** Steps from the first share to the whole one. */
export const STEPS = 10;

export class SlowStart {
  readonly #durationMs: number;
  /** When each target on its way came up, in the caller's time. */
  readonly #since = new Map<string, number>();

  constructor(durationMs: number) {
    this.#durationMs = durationMs;
  }

  get durationMs(): number {
    return this.#durationMs;
  }

  /** The target came up now. */
  begin(key: string, nowMs: number): void {
    if (this.#durationMs > 0) this.#since.set(key, nowMs);
  }

  forget(key: string): void {
    this.#since.delete(key);
  }

  /** Tenths of its weight that the target gets, 1 to 10. */
  share(key: string, nowMs: number): number {
    const since = this.#since.get(key);
    if (since === undefined) return STEPS;
    const step = 1 + Math.floor(((nowMs - since) * STEPS) / this.#durationMs);
    if (step < STEPS) return step;
    this.#since.delete(key);
    return STEPS;
  }

  /** Time until a share changes; null when all have come to their whole one. */
  get stepMs(): number | null {
    return this.#since.size === 0 ? null : this.#durationMs / STEPS;
  }
}
