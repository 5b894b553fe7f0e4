// Mistakes in one line of YAML, each with the line as it was meant.

export interface LineMistake {
  /** What is wrong, and what to write instead unless it might be a secret. */
  readonly message: string;
  /** 1-based. */
  readonly column: number;
  /** The line without the mistake. */
  readonly mended: string;
}

/** Indentation and dashes, key, colon and blanks, value, comment. */
const ENTRY = /^(\s*(?:- +)*)("[^"]*"|'[^']*'|[^\s#:'"[\]{},][^:#]*?)(\s*:\s+)(\S.*?)(\s+#.*)?$/;
const ITEM = /^(\s*(?:- +)+)()()(\S.*?)(\s+#.*)?$/;

/** Options whose values messages may repeat: anything else could be a secret. */
const SHOWN =
  /^(?:rule|service|middlewares|entryPoints|address|url|servers|regex|replacement|prefix|prefixes|path|main|sans|domains|options|certResolver|level|format|directory|filename|priority|parentRefs|contentSecurityPolicy|permanent|scheme|weight|name)$/i;

/** Of a line that people write; the patterns here take the square of its length. */
const MAX_LENGTH = 2_000;

/** All that may be wrong with the line, the likeliest first; `next` is the line below. */
export function* lineMistakes(line: string, next: string): Iterable<LineMistake> {
  if (line.length > MAX_LENGTH || /^\s*(?:#.*)?$/.test(line)) return;
  yield* blanks(line);
  yield* keys(line, next);
  const [, before = '', key = '', colon = '', value = '', comment = ''] = ENTRY.exec(line) ?? ITEM.exec(line) ?? [];
  if (value === '') return;
  const column = before.length + key.length + colon.length + 1;
  const put = (text: string): string => before + key + colon + text + comment;
  for (const { what, instead } of values(value)) {
    yield { message: what + toWrite(key, instead), column, mended: put(instead) };
  }
}

function toWrite(key: string, value: string): string {
  return SHOWN.test(key) && value.length <= 100 ? `; write ${value}` : '';
}

function* blanks(line: string): Iterable<LineMistake> {
  const indentation = /^\s*/.exec(line)![0];
  const odd = indentation.search(/[^ \t\r]/);
  if (odd >= 0) {
    const code = indentation.codePointAt(odd)!.toString(16).toUpperCase().padStart(4, '0');
    yield {
      message: `the line is indented with a blank that is no space (U+${code}), as copying from a web page leaves it; write spaces`,
      column: odd + 1,
      mended: indentation.replace(/[^ \t\r]/g, ' ') + line.slice(indentation.length),
    };
  }
}

function* keys(line: string, next: string): Iterable<LineMistake> {
  const indentation = /^\s*/.exec(line)![0];
  const rest = line.slice(indentation.length);
  const column = indentation.length + 1;
  if (rest.startsWith('//') || rest.startsWith('/*') || rest.startsWith(';')) {
    yield { message: 'comments begin with "#"', column, mended: `${indentation}#${rest}` };
  }
  const dash = /^-(?=[\w"'])/.exec(rest);
  if (dash !== null) {
    yield { message: 'a space is missing behind the dash', column, mended: `${indentation}- ${rest.slice(1)}` };
  }
  for (const { pattern, what } of KEYS) {
    const [, dashes = '', key, value = ''] = pattern.exec(rest) ?? [];
    if (key === undefined || (value === '' && !/^\s*\S/.test(next))) continue;
    const behind = column + dashes.length + key.length;
    const mended = `${indentation}${dashes}${key}: ${value}`.trimEnd();
    const message = what.replace('KEY', key) + (SHOWN.test(key) ? `; write ${key}: ${value}`.trimEnd() : '');
    yield { message, column: behind, mended };
  }
}

/** Dashes, a key, what is wrong, a value. */
const KEYS: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /^((?:- +)*)([\w.-]+):(\S.*)$/, what: 'a space is missing behind the colon' },
  { pattern: /^((?:- +)*)([\w.-]+)\s*=\s*(\S.*)$/, what: 'YAML writes a colon, not "="' },
  { pattern: /^((?:- +)*)([\w.-]+)\s*;\s+(\S.*)$/, what: 'behind "KEY" stands a semicolon in place of a colon' },
  { pattern: /^((?:- +)*)([\w.-]+) +("[^"]*"|'[^']*'|[^\s:=;].*)$/, what: 'a colon is missing behind "KEY"' },
  { pattern: /^((?:- +)*)([\w.-]+)\s*$/, what: 'a colon is missing behind "KEY"' },
];

/** Characters that a plain value cannot begin with, and what YAML takes them for. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  '`': 'YAML keeps the backtick for itself',
  '@': 'YAML keeps "@" for itself',
  '%': '"%" begins a directive',
  '*': '"*" begins a reference to something named before',
  '&': '"&" begins a name for what follows',
  '!': '"!" begins a type',
  '|': '"|" begins text of several lines',
  '>': '">" begins text of several lines',
  '{': '"{" begins a map',
  '[': '"[" begins a list',
  ']': '"]" ends a list',
  '}': '"}" ends a map',
  ',': '"," stands between entries',
  '?': '"?" begins a key',
  '-': '"-" begins an entry of a list',
};

interface ValueMistake {
  readonly what: string;
  readonly instead: string;
}

function* values(value: string): Iterable<ValueMistake> {
  const quoted = singleQuoted(value);
  if (value.includes('${') && /[{[]/.test(value)) {
    const instead = value.replace(/(?<!["'\w$])(\$\{[^}]*\}[^\s,}\]]*)/g, '"$1"');
    yield {
      what: 'put values that hold "${…}" in quotes: braces have a meaning of their own between braces',
      instead,
    };
  }
  const entry = /^- +(\S.*)$/.exec(value);
  if (entry !== null) {
    const instead = `[${entry[1]}]`;
    yield { what: 'a list begins on a line of its own, or is written in brackets', instead };
  }
  yield* quotes(value);
  yield* brackets(value);
  const begins = BEGINNINGS[value[0]!];
  if (begins !== undefined) yield { what: `${begins}; put the value in quotes`, instead: quoted };
  if (/:(?:\s|$)/.test(value) && !/^["'[{]/.test(value)) {
    yield { what: 'a value that holds a colon and a blank has to be in quotes', instead: quoted };
  }
}

function* quotes(value: string): Iterable<ValueMistake> {
  const quote = value[0];
  if (quote !== '"' && quote !== "'") return;
  const name = quote === '"' ? 'double quote' : 'single quote';
  const whole = quote === '"' ? /^"((?:[^"\\]|\\.)*)"/.exec(value) : /^'((?:[^']|'')*)'/.exec(value);
  if (whole === null) {
    yield { what: `the ${name} is never closed`, instead: value + quote };
    return;
  }
  const escape = /\\[^0abtnvfre "/\\N_LPxuU\t]/.exec(whole[1]!);
  if (quote === '"' && escape !== null) {
    const instead = singleQuoted(value.slice(1, whole[0].length - 1)) + value.slice(whole[0].length);
    yield { what: `"${escape[0]}" means nothing between double quotes; put the value in single quotes`, instead };
  }
  const behind = value.slice(whole[0].length).trim();
  if (behind === '') return;
  if (quote === "'" || !value.endsWith("'")) {
    const inner = value.endsWith(quote) ? value.slice(1, -1) : value;
    const instead = singleQuoted(inner);
    yield { what: 'the text goes on behind its closing quote; put all of it in quotes', instead };
  }
  const instead = singleQuoted(value);
  yield { what: 'the text goes on behind its closing quote; put all of it in quotes', instead };
}

/** Lists and maps in one line. */
function* brackets(value: string): Iterable<ValueMistake> {
  if (value[0] !== '[' && value[0] !== '{') return;
  const open: string[] = [];
  let quote = '';
  for (const [index, character] of value.split('').entries()) {
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if ((character === '"' || character === "'") && /[\s,:[{]/.test(value[index - 1] ?? ' ')) quote = character;
    else if (character === '[' || character === '{') open.push(character === '[' ? ']' : '}');
    else if (character === open.at(-1)) open.pop();
    else if (character === ']' || character === '}') {
      const other = open.at(-1);
      const what =
        other === undefined
          ? `"${character}" closes nothing`
          : `"${character}" closes what was opened by another bracket; write "${other}"`;
      yield { what, instead: value.slice(0, index) + (other ?? '') + value.slice(index + 1) };
    }
  }
  if (quote !== '') {
    const closing = /[\]}]+$/.exec(value);
    if (closing !== null) {
      const instead = value.slice(0, closing.index) + quote + closing[0];
      yield { what: `a quote (${quote}) in this line is never closed`, instead };
    }
    const end = quote + open.toReversed().join('');
    yield { what: `a quote (${quote}) in this line is never closed`, instead: value + end };
  }
  if (open.length > 0 && quote === '') {
    const instead = value + open.toReversed().join('');
    yield { what: `the "${value[0]}" is never closed`, instead };
  }
  const kept = /([[,:]\s*)([`@%*&!|>][^,\]}]*)/.exec(value);
  if (kept !== null) {
    const [all, before, entry] = kept;
    const instead = value.replace(all, () => before! + singleQuoted(entry!.trim()));
    yield { what: `${BEGINNINGS[entry![0]!]}; put the entry in quotes`, instead };
  }
  // Two words, or quoted texts, side by side.
  const missing = /(["'\w\]}])\s+(["'\w[{])/g;
  for (const match of value.matchAll(missing)) {
    const at = match.index + 1;
    yield { what: 'a comma is missing between two entries', instead: `${value.slice(0, at)},${value.slice(at)}` };
  }
  const twice = /,\s*,/.exec(value);
  if (twice !== null) {
    const instead = `${value.slice(0, twice.index)},${value.slice(twice.index + twice[0].length)}`;
    yield { what: 'a comma too many', instead };
  }
}

function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
