// What people get wrong in YAML, found in the text that the parser refuses: it tells where it gave up, which is seldom
// where the mistake is. Each guess is tried: the line is mended as the message says, and it counts when the parser gets
// further.

import { lineMistakes } from './yaml-line-mistakes.ts';
import { indentationMistakes } from './yaml-indentation.ts';

export interface Mistake {
  readonly message: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number;
  /** The whole text as it would be without this mistake, with the same number of lines. */
  readonly mended: string;
}

/** How far back from where the parser gave up the mistake is looked for. */
const MAX_LINES_BACK = 200;
/** What is indented wrongly is seen at once, or by the lines that follow. */
const MAX_LINES_BACK_INDENTED = 8;
/** Characters that the parser may read to try guesses: a second of its time. */
const MAX_TRIED = 8_000_000;
const MAX_TRIES = 400;

/**
 * The mistake behind an error of the parser in `errorLine` (0-based); null when none of the known ones is. `gaveUpAt`
 * gives the line in which the parser gives up on a text, null when it reads it.
 */
export function findMistake(
  text: string,
  errorLine: number,
  gaveUpAt: (text: string) => number | null,
): Mistake | null {
  const lines = text.split('\n');
  let triesLeft = Math.min(MAX_TRIES, Math.ceil(MAX_TRIED / (text.length + 1)));
  let best: { mistake: Mistake; reached: number } | null = null;
  for (const { index, ...guess } of guesses(lines, Math.min(errorLine, lines.length - 1))) {
    if (triesLeft-- === 0) break;
    const mended = lines.toSpliced(index, guess.mended.length, ...guess.mended).join('\n');
    const reached = gaveUpAt(mended);
    const mistake = { message: guess.message, line: index + 1, column: guess.column, mended };
    if (reached === null) return mistake;
    // There may be more mistakes further down.
    if (reached > errorLine && reached > (best?.reached ?? -1)) best = { mistake, reached };
  }
  return best?.mistake ?? null;
}

interface Guess {
  /** 0-based line. */
  readonly index: number;
  readonly message: string;
  readonly column: number;
  /** What stands in place of as many lines. */
  readonly mended: readonly string[];
}

/** The likeliest first: where the parser gave up, then backwards. */
function* guesses(lines: readonly string[], last: number): Iterable<Guess> {
  for (let index = last; index >= 0 && last - index <= MAX_LINES_BACK; index--) {
    for (const guess of lineMistakes(lines[index]!, lines[index + 1] ?? '')) {
      yield { ...guess, index, mended: [guess.mended] };
    }
  }
  for (let index = last; index >= 0 && last - index <= MAX_LINES_BACK_INDENTED; index--) {
    for (const guess of indentationMistakes(lines, index)) yield { ...guess, index };
  }
}
