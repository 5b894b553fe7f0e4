// How long to wait after the n-th failure in a row.

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Doubles from `firstMs` to `maxMs`, and takes a random share between half of that and all of it, so that many that
 * failed together do not come back together: min(maxMs, firstMs · 2^(failures − 1)) · [0.5, 1).
 */
export function backoffMs(failures: number, { firstMs, maxMs }: BackoffOptions, random: () => number): number {
  const whole = Math.min(maxMs, firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(whole * (0.5 + random() / 2));
}
