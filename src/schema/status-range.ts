// HTTP statuses as configuration names them: one, or an inclusive range.

import { leaf, type Schema } from './schema.ts';

export type StatusRange = readonly [from: number, to: number];

/** `404` or `500-599`. */
export function statusRange(): Schema<StatusRange> {
  const expected = 'a status such as 404 or a range such as 500-599';
  return leaf('status range', { type: ['string', 'integer'] }, (input, context) => {
    const match = /^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$/.exec(String(input));
    if (match === null) return context.wrongType(expected, input);
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (to < from)
      return context.invalid(`the range ends before it begins; write ${to}-${from}`, expected, String(input));
    return [from, to];
  });
}
