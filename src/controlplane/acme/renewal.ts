// When a certificate is renewed: by its remaining lifetime, or within the window its authority suggests (ARI, RFC
// 9773). Pure: time and randomness come in.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MINUTE = 60_000;

/** Traefik's: from this lifetime on, renewed so long before the end; looked at so often. */
const TABLE: readonly { readonly lifetime: number; readonly before: number; readonly every: number }[] = [
  { lifetime: 365 * DAY, before: 120 * DAY, every: 7 * DAY },
  { lifetime: 90 * DAY, before: 30 * DAY, every: DAY },
  { lifetime: 30 * DAY, before: 10 * DAY, every: 12 * HOUR },
  { lifetime: 6 * DAY, before: 2 * DAY, every: 2 * HOUR },
  { lifetime: DAY, before: 6 * HOUR, every: 10 * MINUTE },
  { lifetime: 0, before: 20 * MINUTE, every: MINUTE },
];

export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * When to renew without a word of the authority. `duration` is what the configuration says certificates live for; one
 * that lives shorter is judged by its own lifetime, since it would be renewed without end otherwise. A random share of
 * the table's interval keeps those issued together from being renewed together. A certificate so short that the table's
 * time before the end is more than half of its life is renewed at two thirds of it.
 */
export function renewalTime({ notBefore, notAfter }: Validity, duration: number, random: () => number): number {
  // Authorities date certificates back for an hour and leave off a second: what was asked for as 90 days is 90 days.
  const own = notAfter - notBefore + 2 * HOUR;
  const lifetime = Math.min(duration, own);
  const row = TABLE.find((one) => lifetime >= one.lifetime) ?? TABLE.at(-1)!;
  const real = notAfter - notBefore;
  if (row.before > real / 2) return notBefore + Math.round((real * 2) / 3);
  return Math.min(notAfter, notAfter - row.before + Math.round(row.every * random()));
}

export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
}

/** A uniformly random moment of the window; the past means now (RFC 9773 §4.2). */
export function timeInWindow({ start, end }: RenewalWindow, random: () => number): number {
  return Math.round(start + (end - start) * random());
}

/** The window of a response, or null when it is none: then the remaining lifetime counts (RFC 9773 §4.2). */
export function parseWindow(body: unknown): RenewalWindow | null {
  if (typeof body !== 'object' || body === null || !('suggestedWindow' in body)) return null;
  const window = body.suggestedWindow;
  if (typeof window !== 'object' || window === null || !('start' in window) || !('end' in window)) return null;
  const start = Date.parse(String(window.start));
  const end = Date.parse(String(window.end));
  return Number.isFinite(start) && Number.isFinite(end) && end > start ? { start, end } : null;
}

const MIN_ARI_POLL = MINUTE;
const MAX_ARI_POLL = DAY;
const DEFAULT_ARI_POLL = 6 * HOUR;

/** When to ask for the window again: what the authority says, within reason (RFC 9773 §4.3.2). */
export function ariPollMs(retryAfterMs: number | null): number {
  return Math.min(MAX_ARI_POLL, Math.max(MIN_ARI_POLL, retryAfterMs ?? DEFAULT_ARI_POLL));
}
