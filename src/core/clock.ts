// The two clocks of the product. Pure parts take a Clock as a parameter, so that tests move time by hand.

export interface Clock {
  /** Monotonic milliseconds with a fraction; only differences mean something. */
  now(): number;
  /** Milliseconds since the epoch. */
  wall(): number;
}

export class SystemClock implements Clock {
  now(): number {
    return performance.now();
  }

  wall(): number {
    return Date.now();
  }
}

export class ManualClock implements Clock {
  #nowMs = 0;
  #wallMs: number;

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallMs = wallMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return this.#wallMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#wallMs += ms;
  }
}
