// Line and column of a path in a TOML text. The parser keeps no places, so tables and keys are looked for line by line;
// values inside of inline tables are told by the line of their key.

import type { Locate, PathSegment } from '../../../schema/decode-context.ts';

/** Dotted key of a header or assignment as segments. */
function splitKey(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? '',
  );
}

/** The deepest place that belongs to the path; null when not even its first segment is there. */
function locateInToml(text: string, path: readonly PathSegment[]): { line: number; column: number } | null {
  if (path.length === 0) return { line: 1, column: 1 };
  const wanted = path.map((segment) => String(segment).toLowerCase());
  const arrays = new Map<string, number>();
  let table: string[] = [];
  let best: { line: number; column: number } | null = null;
  let bestDepth = 0;
  const consider = (segments: readonly string[], line: number, column: number): void => {
    let depth = 0;
    while (depth < segments.length && depth < wanted.length && segments[depth]!.toLowerCase() === wanted[depth])
      depth++;
    if (depth === segments.length ? depth > bestDepth : depth === wanted.length && bestDepth < depth) {
      best = { line, column };
      bestDepth = depth;
    }
  };
  for (const [index, line] of text.split('\n').entries()) {
    const column = line.length - line.trimStart().length + 1;
    const array = /^\s*\[\[([^\]]+)\]\]/.exec(line);
    const header = /^\s*\[([^[\]]+)\]/.exec(line);
    const assignment =
      /^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=/.exec(line);
    if (array !== null) {
      const key = splitKey(array[1]!);
      const name = key.join('.').toLowerCase();
      const count = arrays.get(name) ?? 0;
      arrays.set(name, count + 1);
      table = [...key, String(count)];
      consider(table, index + 1, column);
    } else if (header !== null) {
      table = splitKey(header[1]!);
      // A table below an array of tables belongs to its last entry.
      for (let length = table.length; length > 0; length--) {
        const count = arrays.get(table.slice(0, length).join('.').toLowerCase());
        if (count !== undefined) table.splice(length, 0, String(count - 1));
      }
      consider(table, index + 1, column);
    } else if (assignment !== null) consider([...table, ...splitKey(assignment[1]!)], index + 1, column);
  }
  return best;
}

export function tomlLocator(text: string): Locate {
  return Object.assign((path: readonly PathSegment[]) => locateInToml(text, path), {
    written: (path: readonly PathSegment[]) => writtenInToml(text, path),
  });
}

const SCALAR = String.raw`[^\s,#\]}"'[{][^,#\]}]*?`;

/** The scalar of a path as it is written; null where it is text, or stands in a list over several lines. */
function writtenInToml(text: string, path: readonly PathSegment[]): string | null {
  const place = locateInToml(text, path);
  const last = path.at(-1);
  if (place === null || last === undefined) return null;
  const line = text.split('\n', place.line)[place.line - 1] ?? '';
  if (typeof last === 'number') {
    const list = /=\s*\[([^\]]*)\]/.exec(line)?.[1];
    const entry = list?.split(',')[last]?.trim();
    return entry !== undefined && new RegExp(`^${SCALAR}$`).test(entry) ? entry : null;
  }
  const key = last.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const assignment = new RegExp(`(?:^|[\\s,{.])["']?${key}["']?\\s*=\\s*(${SCALAR})\\s*(?:[,}#\\r]|$)`, 'i');
  return assignment.exec(line)?.[1] ?? null;
}
