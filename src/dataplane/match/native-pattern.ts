// Translates the plain part of RE2's syntax - literals, classes, single quantifiers, literal alternatives, outer
// anchors - to native RegExp, which is many times faster than the RE2 engine. A translation must mean exactly what RE2
// means and must match in time linear in the text: everything not proven here answers null and stays with RE2. Of a
// pattern with an open begin only "does it match" is kept; where a match begins and ends is not. Proven against RE2 in
// pattern.test.ts.

/** Set of characters: bit c for each ASCII code c, and one bit for all others together. */
type CharSet = bigint;

interface Piece {
  readonly set: CharSet;
  /** Literal alternatives, none the prefix of another; null for a single character of `set`. */
  readonly words: readonly string[] | null;
  readonly min: number;
  readonly max: number;
}

interface PlainPattern {
  readonly pieces: readonly Piece[];
  readonly isStartAnchored: boolean;
  readonly isEndAnchored: boolean;
}

const ALL: CharSet = (1n << 129n) - 1n;
const OTHERS: CharSet = 1n << 128n;
const DIGITS = rangeSet('0', '9');
const WORD = DIGITS | rangeSet('A', 'Z') | rangeSet('a', 'z') | charSet('_');
const SINGLE_CHARS = new Map(Array.from({ length: 128 }, (_, code) => [1n << BigInt(code), String.fromCharCode(code)]));
const ANY_BUT_NEWLINE = ALL ^ charSet('\n');

const META = new Set('\\.+*?()|[]{}^$');
const ESCAPABLE = new Set('\\.+*?()|[]{}^$/-');
/** More repetitions than this, or longer bounded texts to try at every place, are left to RE2. */
const MAX_BOUNDED = 64;

/** Null when the pattern cannot be proven plain and linear; it may still be a good RE2 pattern. */
export function toNativePattern(pattern: string): RegExp | null {
  const plain = parsePlain(pattern);
  if (plain === null) return null;
  return render(trimEnds(plain), plain);
}

/** As `toNativePattern`, for patterns that begin with `^`; the match ends where RE2's does. */
export function toNativePrefix(pattern: string): RegExp | null {
  const plain = parsePlain(pattern);
  if (plain === null || !plain.isStartAnchored) return null;
  return render(
    plain.pieces.filter((piece) => piece.max > 0),
    plain,
  );
}

function render(pieces: readonly Piece[], plain: PlainPattern): RegExp | null {
  if (!isLinear(pieces, plain)) return null;
  const body = pieces.map(pieceSource).join('');
  return new RegExp(`${plain.isStartAnchored ? '^' : ''}${body}${plain.isEndAnchored ? '$' : ''}`, 'u');
}

/** True when the pattern is surely valid RE2; false says nothing. */
export function isPlainPattern(pattern: string): boolean {
  return parsePlain(pattern) !== null;
}

/** A text that everything the pattern matches begins with; '' when none is known. */
export function literalPrefix(pattern: string): string {
  const plain = parsePlain(pattern);
  if (plain === null || !plain.isStartAnchored) return '';
  let prefix = '';
  for (const piece of plain.pieces) {
    const char = piece.words === null ? onlyChar(piece.set) : '';
    if (piece.words?.length === 1 && piece.max === 1) prefix += piece.words[0] ?? '';
    else if (char === '' || piece.min !== 1 || piece.max !== 1) break;
    else prefix += char;
  }
  return prefix;
}

function charSet(char: string): CharSet {
  return 1n << BigInt(char.charCodeAt(0));
}

function rangeSet(first: string, last: string): CharSet {
  let set = 0n;
  for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++) set |= 1n << BigInt(code);
  return set;
}

/** The character of a set of one; '' otherwise. */
function onlyChar(set: CharSet): string {
  return SINGLE_CHARS.get(set) ?? '';
}

function parsePlain(pattern: string): PlainPattern | null {
  if (!/^[\x20-\x7e]*$/.test(pattern)) return null;
  const isStartAnchored = pattern.startsWith('^');
  const isEndAnchored = /(?:^|[^\\])(?:\\\\)*\$$/.test(pattern);
  const end = pattern.length - (isEndAnchored ? 1 : 0);
  const pieces: Piece[] = [];
  let at = isStartAnchored ? 1 : 0;
  while (at < end) {
    const atom = parseAtom(pattern, at, end);
    if (atom === null) return null;
    const repeat = parseRepeat(pattern, atom.next, end);
    if (repeat === null || (atom.words !== null && repeat.next !== atom.next)) return null;
    pieces.push({ set: atom.set, words: atom.words, min: repeat.min, max: repeat.max });
    at = repeat.next;
  }
  return { pieces, isStartAnchored, isEndAnchored };
}

interface Atom {
  readonly set: CharSet;
  readonly words: readonly string[] | null;
  readonly next: number;
}

function parseAtom(pattern: string, at: number, end: number): Atom | null {
  const char = pattern.charAt(at);
  if (char === '.') return { set: ANY_BUT_NEWLINE, words: null, next: at + 1 };
  if (char === '[') return parseClass(pattern, at, end);
  if (char === '(') return parseWords(pattern, at, end);
  if (char === '\\') {
    const set = escapeSet(pattern.charAt(at + 1));
    return set === 0n || at + 1 >= end ? null : { set, words: null, next: at + 2 };
  }
  return META.has(char) ? null : { set: charSet(char), words: null, next: at + 1 };
}

/** The empty set for an escape that is not handled here. */
function escapeSet(char: string): CharSet {
  if (char === 'd') return DIGITS;
  if (char === 'w') return WORD;
  return ESCAPABLE.has(char) ? charSet(char) : 0n;
}

function parseClass(pattern: string, start: number, end: number): Atom | null {
  let at = start + 1;
  const isNegated = pattern.charAt(at) === '^';
  if (isNegated) at++;
  const first = at;
  let set = 0n;
  for (;;) {
    const char = pattern.charAt(at);
    if (at >= end || char === '[') return null;
    if (char === ']') break;
    // A hyphen is plain at either end only; what it means elsewhere is left to RE2.
    if (char === '-' && at !== first && pattern.charAt(at + 1) !== ']') return null;
    const isEscape = char === '\\';
    const item = isEscape ? escapeSet(pattern.charAt(at + 1)) : charSet(char);
    if (item === 0n) return null;
    at += isEscape ? 2 : 1;
    if (pattern.charAt(at) !== '-' || pattern.charAt(at + 1) === ']') {
      set |= item;
      continue;
    }
    const last = pattern.charAt(at + 1);
    if (isEscape || !/[A-Za-z0-9]/.test(char) || !/[A-Za-z0-9]/.test(last) || last < char) return null;
    set |= rangeSet(char, last);
    at += 2;
  }
  if (set === 0n) return null;
  return { set: isNegated ? ALL ^ set : set, words: null, next: at + 1 };
}

/** `(one|two)` or `(?:one|two)` of literals. */
function parseWords(pattern: string, start: number, end: number): Atom | null {
  let at = pattern.startsWith('(?:', start) ? start + 3 : start + 1;
  const words: string[] = [];
  let word = '';
  for (;;) {
    if (at >= end) return null;
    const char = pattern.charAt(at);
    if (char === '|' || char === ')') {
      words.push(word);
      word = '';
      if (char === ')') break;
      at++;
    } else if (char === '\\') {
      if (!ESCAPABLE.has(pattern.charAt(at + 1))) return null;
      word += pattern.charAt(at + 1);
      at += 2;
    } else {
      if (META.has(char)) return null;
      word += char;
      at++;
    }
  }
  const isAmbiguous = words.some((one, index) => words.some((other, next) => index !== next && other.startsWith(one)));
  if (isAmbiguous || words.includes('')) return null;
  return { set: words.reduce((set, one) => set | charSet(one), 0n), words, next: at + 1 };
}

function parseRepeat(pattern: string, at: number, end: number): { min: number; max: number; next: number } | null {
  const char = at < end ? pattern.charAt(at) : '';
  let repeat = { min: 1, max: 1, next: at };
  if (char === '*') repeat = { min: 0, max: Infinity, next: at + 1 };
  else if (char === '+') repeat = { min: 1, max: Infinity, next: at + 1 };
  else if (char === '?') repeat = { min: 0, max: 1, next: at + 1 };
  else if (char === '{') {
    const match = /^\{([0-9]{1,2})(,)?([0-9]{1,2})?\}/.exec(pattern.slice(at, end));
    if (match === null || (match[2] === undefined && match[3] !== undefined)) return null;
    const min = Number(match[1]);
    const max = match[3] !== undefined ? Number(match[3]) : match[2] === undefined ? min : Infinity;
    if (max < min || min > MAX_BOUNDED || (max !== Infinity && max > MAX_BOUNDED)) return null;
    repeat = { min, max, next: at + match[0].length };
  }
  // A second quantifier is laziness or an error: RE2 knows which.
  if (repeat.next !== at && repeat.next < end && '*+?{'.includes(pattern.charAt(repeat.next))) return null;
  return repeat;
}

/** At an open end the shortest repetition matches whenever a longer one does. */
function trimEnds(plain: PlainPattern): Piece[] {
  const pieces = plain.pieces.filter((piece) => piece.max > 0);
  const shorten = (index: number): boolean => {
    const piece = pieces.at(index);
    if (piece === undefined) return false;
    if (piece.min === 0) pieces.splice(index, 1);
    else pieces.splice(index, 1, { ...piece, max: piece.min });
    return piece.min === 0;
  };
  if (!plain.isEndAnchored) while (shorten(-1));
  if (!plain.isStartAnchored) while (shorten(0));
  return pieces;
}

/**
 * Backtracking costs nothing where a repeated character cannot also begin what follows: giving one back fails at once.
 * One piece may overlap with what follows when the start is fixed and the rest is short; an open start is tried at
 * every place of the text, so there the whole pattern must be short.
 */
function isLinear(pieces: readonly Piece[], plain: PlainPattern): boolean {
  const overlapping = pieces.findIndex((_, index) => overlapsNext(pieces, index));
  if (!plain.isStartAnchored) return overlapping < 0 && maxLength(pieces) <= MAX_BOUNDED;
  if (overlapping < 0) return true;
  const rest = pieces.slice(overlapping + 1);
  return maxLength(rest) <= MAX_BOUNDED && !rest.some((_, index) => overlapsNext(rest, index));
}

function overlapsNext(pieces: readonly Piece[], index: number): boolean {
  const piece = pieces[index];
  if (piece === undefined || piece.min === piece.max) return false;
  for (const next of pieces.slice(index + 1)) {
    if ((next.set & piece.set) !== 0n) return true;
    if (next.min > 0) return false;
  }
  return false;
}

function maxLength(pieces: readonly Piece[]): number {
  return pieces.reduce(
    (sum, { words, max }) => sum + max * Math.max(1, ...(words ?? []).map((word) => word.length)),
    0,
  );
}

function pieceSource(piece: Piece): string {
  if (piece.words !== null) {
    return `(?:${piece.words.map((word) => Array.from(word, (char) => setSource(charSet(char))).join('')).join('|')})`;
  }
  const { min, max } = piece;
  const repeat = min === 1 && max === 1 ? '' : `{${min},${max === Infinity ? '' : max}}`;
  return setSource(piece.set) + repeat;
}

function setSource(set: CharSet): string {
  const isNegated = (set & OTHERS) !== 0n;
  const listed = isNegated ? ALL ^ set : set;
  if (listed === 0n) return '[^]';
  let ranges = '';
  for (let code = 0; code < 128; code++) {
    if ((listed & (1n << BigInt(code))) === 0n) continue;
    let last = code;
    while (last < 127 && (listed & (1n << BigInt(last + 1))) !== 0n) last++;
    ranges += last === code ? hex(code) : `${hex(code)}-${hex(last)}`;
    code = last;
  }
  return onlyChar(set) !== '' ? ranges : `[${isNegated ? '^' : ''}${ranges}]`;
}

function hex(code: number): string {
  return `\\x${code.toString(16).padStart(2, '0')}`;
}
