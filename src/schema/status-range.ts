// HTTP statuses as configuration names them: one, or an inclusive range.

import { isEmptyText } from './input.ts';
import { leaf } from './scalar.ts';
import type { Schema } from './schema.ts';

export type StatusRange = readonly [from: number, to: number];

const LOWEST = 100;
const HIGHEST = 599;

/** The numbers as they are written; null when the text is neither a status nor a range. */
export function parseStatusRange(text: string): StatusRange | null {
  const match = /^\s*([0-9]{1,4})\s*(?:-\s*([0-9]{1,4})\s*)?$/.exec(text);
  return match === null ? null : [Number(match[1]), Number(match[2] ?? match[1])];
}

/** `404` or `500-599`. A range is clipped to the statuses there are. */
export function statusRange(): Schema<StatusRange> {
  const expected = 'a status such as 404 or a range such as 500-599';
  const schema = leaf<StatusRange>('status range', { type: ['string', 'integer'] }, (input, context) => {
    const range = typeof input === 'string' || typeof input === 'number' ? parseStatusRange(String(input)) : null;
    if (range === null) return context.wrongType(expected, input);
    const [from, to] = range;
    if (to < from)
      return context.invalid(`the range ends before it begins; write ${to}-${from}`, expected, String(input));
    if (to < LOWEST || from > HIGHEST)
      return context.invalid(`statuses are from ${LOWEST} to ${HIGHEST}`, expected, String(input));
    const clipped: StatusRange = [Math.max(from, LOWEST), Math.min(to, HIGHEST)];
    if (clipped[0] !== from || clipped[1] !== to) {
      const taken = `${clipped[0]}-${clipped[1]}`;
      context.report('warning', 'out-of-range', `statuses are from ${LOWEST} to ${HIGHEST}; ${taken} is taken for ${String(input)}`, {
        expected,
        received: String(input),
      });
    }
    return clipped;
  });
  return { ...schema, isAbsent: (input) => isEmptyText(input) || input === 0 || input === '0' };
}
