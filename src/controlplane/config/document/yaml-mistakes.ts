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
const MAX_TRIES = 400;
/** Of what trying a guess costs, beside the characters that are read. */
const TRY = 500;

/** Characters that the parser may still read to try guesses, for all mistakes of a file together. */
export interface Budget {
  left: number;
}

/**
 * The mistake behind an error of the parser in `errorLine` (0-based); null when none of the known ones is, or when the
 * budget is spent. `gaveUpAt` gives the line in which the parser gives up on a text, null when it reads it.
 */
export function findMistake(
  text: string,
  errorLine: number,
  gaveUpAt: (text: string) => number | null,
  budget: Budget,
): Mistake | null {
  const lines = text.split('\n');
  let triesLeft = MAX_TRIES;
  let best: { mistake: Mistake; reached: number } | null = null;
  for (const { index, ...guess } of guesses(lines, Math.min(errorLine, lines.length - 1))) {
    if (triesLeft-- === 0 || budget.left <= 0) break;
    budget.left -= text.length + TRY;
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
