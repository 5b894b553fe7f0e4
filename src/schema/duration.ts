// Durations as Go writes them; a bare number counts seconds.

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  // U+03BC, which Go takes as well as U+00B5.
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/g;
const WHOLE = new RegExp(`^(?:${PART.source})+$`);

/** Milliseconds, negative ones with a sign; null when the text is no duration. */
export function parseDuration(input: string | number): number | null {
  if (typeof input === 'number') return Number.isFinite(input) ? input * 1_000 : null;
  const [, sign = '', text = ''] = /^([+-]?)(.*)$/.exec(input.trim()) ?? [];
  const length = parseLength(text);
  return length === null ? null : sign === '-' && length !== 0 ? -length : length;
}

function parseLength(text: string): number | null {
  if (/^(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$/.test(text)) return Number(text) * 1_000;
  if (!WHOLE.test(text)) return null;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(PART)) total += Number(amount) * UNITS_MS[unit!]!;
  return total;
}

/** As Go shows it: `1m0s`, `500ms`, `1h0m0.5s`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms === 0) return '0s';
  if (ms < 1) return ms < 1e-3 ? `${round(ms * 1e6)}ns` : `${round(ms * 1e3)}µs`;
  if (ms < 1_000) return `${round(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = round((ms % 60_000) / 1_000);
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}

/** Sums of binary fractions end in digits that nobody wrote. */
function round(value: number): number {
  return Number(value.toFixed(6));
}
