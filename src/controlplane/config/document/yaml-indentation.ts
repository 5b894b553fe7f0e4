// Lines of YAML that are indented like none of their neighbours.

export interface IndentationMistake {
  readonly message: string;
  /** 1-based. */
  readonly column: number;
  /** The line, or the line and what is below it, as they were meant. */
  readonly mended: readonly string[];
}

/** Where a line may have been meant to begin: where lines above and below it begin that it could stand beside. */
export function* indentationMistakes(lines: readonly string[], index: number): Iterable<IndentationMistake> {
  const line = lines[index]!;
  yield* tabs(lines, index);
  const own = indentOf(line);
  if (own === null) return;
  const name = nameOf(line);
  for (const { indent, name: neighbour } of neighbours(lines, index, own)) {
    const message = `${name} is indented by ${spaces(own)}, ${neighbour} by ${indent}: what stands side by side begins in the same column`;
    const column = own + 1;
    yield { message, column, mended: [moved(line, indent - own)] };
    const below = blockBelow(lines, index, own);
    if (below.length > 0) {
      yield { message, column, mended: [line, ...below].map((one) => moved(one, indent - own)) };
    }
  }
}

/** Tabs count as what a line nearby is indented by. */
function* tabs(lines: readonly string[], index: number): Iterable<IndentationMistake> {
  const line = lines[index]!;
  const indentation = /^[ \t]*/.exec(line)![0];
  const tab = indentation.indexOf('\t');
  if (tab < 0) return;
  const message = 'the line is indented with a tab; YAML takes spaces alone';
  // A file that is indented with tabs throughout.
  const all = lines.slice(index).map((one) => one.replace(/^[ \t]*/, (blank) => blank.replaceAll('\t', '  ')));
  yield { message, column: tab + 1, mended: all };
  for (const { indent } of neighbours(lines, index, -1)) {
    yield { message, column: tab + 1, mended: [' '.repeat(indent) + line.slice(indentation.length)] };
  }
}

interface Neighbour {
  readonly indent: number;
  readonly name: string;
}

/** Lines around it, of each indentation the nearest; those that differ least from its own come first. */
function neighbours(lines: readonly string[], index: number, own: number): readonly Neighbour[] {
  const found = new Map<number, Neighbour>();
  for (let distance = 1; distance <= 20; distance++) {
    for (const line of [lines[index - distance], lines[index + distance]]) {
      const indent = line === undefined ? null : indentOf(line);
      if (line === undefined || indent === null) continue;
      const dash = /^\s*(- +)/.exec(line)?.[1];
      // Behind a dash what belongs together begins two columns further right.
      for (const column of dash === undefined ? [indent] : [indent + dash.length, indent]) {
        if (column !== own && !found.has(column)) found.set(column, { indent: column, name: nameOf(line) });
      }
    }
  }
  return [...found.values()].toSorted((a, b) => Math.abs(a.indent - own) - Math.abs(b.indent - own));
}

/** A key; the values of a list may be secrets. */
function nameOf(line: string): string {
  const key = /^\s*(?:- +)*("[^"]*"|'[^']*'|[\w.-]+)\s*:(?:\s|$)/.exec(line)?.[1];
  return key === undefined ? 'the entry' : `"${key.replace(/^["']|["']$/g, '')}"`;
}

function blockBelow(lines: readonly string[], index: number, own: number): readonly string[] {
  const below = lines.slice(index + 1);
  const end = below.findIndex((line) => (indentOf(line) ?? Infinity) <= own);
  return end < 0 ? below : below.slice(0, end);
}

function moved(line: string, by: number): string {
  return by > 0 ? ' '.repeat(by) + line : line.slice(Math.min(-by, /^ */.exec(line)![0].length));
}

/** Null for lines that say nothing. */
function indentOf(line: string): number | null {
  const width = /^ */.exec(line)![0].length;
  const rest = line.slice(width).trimStart();
  return rest === '' || rest.startsWith('#') ? null : width;
}

function spaces(count: number): string {
  return count === 1 ? '1 space' : `${count} spaces`;
}
