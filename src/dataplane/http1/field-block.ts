// Field lines between two points of a head or trailer, RFC 9112 §5, read strictly: no folding, no bare CR or LF, no
// white space before the colon, no control characters. The request and response parsers have loops of their own that
// also interpret fields; this one serves trailers.

import { HeaderList } from '../http/message/header-list.ts';
import { headerName } from '../http/message/header-names.ts';
import { isTrailer, MAX_TRAILERS } from '../http/message/trailer.ts';

/** Octets a field value may not hold (RFC 9110 §5.5); CR and LF are looked for where lines are split. */
export const FORBIDDEN_IN_HEAD = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** Line ends that are none: they would otherwise keep a peer waiting for the rest of its fields. */
const BAD_LINE_END = /(?:^|[^\r])\n|\r[^\n]/;

/**
 * Whether the text behind `known` breaks the rule that lines end with CRLF. What stands
 * before `known` was looked at before: a head that comes byte by byte costs its length, not the square of it.
 */
export function hasBadLineEnd(text: string, known: number): boolean {
  const isAfterCr = known > 0 && text.charCodeAt(known - 1) === 13;
  return BAD_LINE_END.test(known === 0 ? text : text.slice(isAfterCr ? known - 1 : known));
}

/** Value without optional white space at its ends (RFC 9112 §5.1: SP and HTAB only). */
export function trimOws(text: string, start: number, end: number): string {
  let first = start;
  let last = end;
  while (first < last && isOws(text.charCodeAt(first))) first++;
  while (last > first && isOws(text.charCodeAt(last - 1))) last--;
  return text.slice(first, last);
}

function isOws(code: number): boolean {
  return code === 32 || code === 9;
}

/**
 * The trailer fields in `text[start, end)`, each line with its CRLF; null when one is malformed. One that may not be
 * there, or is one too many, is left out if `isTolerant` (RFC 9110 §6.5.1), and makes it null otherwise.
 */
export function parseFieldBlock(text: string, start: number, end: number, isTolerant: boolean): HeaderList | null {
  const list = new HeaderList();
  if (FORBIDDEN_IN_HEAD.test(text.slice(start, end))) return null;
  let at = start;
  while (at < end) {
    const lf = text.indexOf('\n', at);
    const cr = text.indexOf('\r', at);
    if (cr < 0 || lf !== cr + 1 || lf >= end) return null;
    const colon = text.indexOf(':', at);
    if (colon <= at || colon > cr) return null;
    const spelling = text.slice(at, colon);
    const name = headerName(spelling);
    if (name === null) return null;
    at = lf + 1;
    if (isTrailer(name) && list.count < MAX_TRAILERS) {
      list.appendLine(name.lower, `${spelling}: ${trimOws(text, colon + 1, cr)}\r\n`);
    } else if (!isTolerant) return null;
  }
  return list;
}
