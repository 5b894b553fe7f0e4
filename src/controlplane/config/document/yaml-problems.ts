// What to say about text that the parser of YAML refuses: every mistake that can be found, in words for people where
// the parser's are for its authors.

import * as jsYaml from 'js-yaml';
import { onDemand } from '../../../core/on-demand.ts';
import { parserWords } from './parser-words.ts';
import { findMistake } from './yaml-mistakes.ts';
import { readUnmerged } from './yaml-values.ts';

const yaml = onDemand<typeof import('yaml')>('yaml');

export interface SyntaxProblem {
  readonly message: string;
  /** 1-based; 0 when it cannot be told. */
  readonly line: number;
  readonly column: number;
}

/** What the parser says of a key that stands twice in a map. */
export const TWICE = 'duplicated mapping key';

/** Mistakes that are told at once. */
const MAX_PROBLEMS = 20;
/** Characters that are read to find them: half a second, in which nothing else is done. */
const MAX_TRIED = 8_000_000;

/** Each mistake is mended as its message says, to find the next; the last one may be one that nobody knows. */
export function yamlProblems(error: jsYaml.YAMLException, text: string): readonly SyntaxProblem[] {
  const conflict = conflictMarker(text);
  if (conflict !== null) return [conflict];
  const problems: SyntaxProblem[] = [];
  const budget = { left: MAX_TRIED };
  let [present, gaveUp]: [string, jsYaml.YAMLException | null] = [text, error];
  while (gaveUp !== null && problems.length < MAX_PROBLEMS) {
    const mark = markOf(gaveUp);
    const mistake = mark === null || !mayBeSlip(gaveUp) ? null : findMistake(present, mark.line, gaveUpAt, budget);
    if (mistake === null) {
      const message = parserWords(gaveUp.reason);
      problems.push({ message, line: (mark?.line ?? -1) + 1, column: (mark?.column ?? -1) + 1 });
      break;
    }
    problems.push(mistake);
    present = mistake.mended;
    gaveUp = refusal(present);
  }
  return problems.map(({ message, line, column }) => ({ message, line, column }));
}

function markOf(error: jsYaml.YAMLException): { readonly line: number; readonly column: number } | null {
  return (error.mark as { line: number; column: number } | undefined) ?? null;
}

/** Not where there is too much of something, nor where a key stands twice. */
function mayBeSlip({ reason }: jsYaml.YAMLException): boolean {
  return reason !== TWICE && !/exceeded|abnormal/.test(reason);
}

/** Why the text is no YAML; a key that stands twice is another mistake. */
function refusal(text: string): jsYaml.YAMLException | null {
  try {
    readUnmerged(text);
    return null;
  } catch (error) {
    return error instanceof jsYaml.YAMLException && error.reason !== TWICE ? error : null;
  }
}

function gaveUpAt(text: string): number | null {
  const error = refusal(text);
  return error === null ? null : (markOf(error)?.line ?? 0);
}

function conflictMarker(text: string): SyntaxProblem | null {
  const lines = text.split('\n');
  const line = lines.findIndex((one) => /^<{7}(?:\s|$)/.test(one));
  if (line < 0 || !lines.some((one) => /^>{7}(?:\s|$)/.test(one))) return null;
  const message =
    'the file holds a merge conflict that is not resolved (<<<<<<<, =======, >>>>>>>): keep one of the two sides';
  return { message, line: line + 1, column: 1 };
}

export interface Duplicate extends SyntaxProblem {
  /** What the key stands below, and the key. */
  readonly path: readonly string[];
}

const MAX_DUPLICATES = 200;

/**
 * Keys that stand twice in a map, and the text without all but the first of each, whose lines stay where they are. Null
 * when there are none.
 */
export function withoutDuplicates(
  text: string,
): { readonly text: string; readonly duplicates: readonly Duplicate[] } | null {
  const duplicates: Duplicate[] = [];
  const cuts: (readonly [number, number])[] = [];
  const { isMap, isScalar, isSeq, LineCounter, parseDocument } = yaml();
  const lineCounter = new LineCounter();
  const visit = (node: unknown, path: readonly string[]): void => {
    if (isSeq(node)) node.items.forEach((item, index) => visit(item, [...path, String(index)]));
    if (!isMap(node)) return;
    const seen = new Map<string, number>();
    for (const { key, value } of node.items) {
      if (!isScalar(key) || key.range === undefined || key.range === null) continue;
      const name = key.source ?? String(key.value);
      const before = seen.get(name);
      const [start] = key.range;
      if (before === undefined) {
        seen.set(name, start);
        visit(value, [...path, name]);
        continue;
      }
      // Merge keys may be written several times.
      if (name === '<<') continue;
      const end = (value as { range?: readonly number[] } | null)?.range?.[1] ?? key.range[1];
      cuts.push(node.flow === true ? [start, behindComma(text, end)] : [start - indentBefore(text, start), end]);
      // All are left out, and as many are told as anybody reads.
      if (duplicates.length >= MAX_DUPLICATES) continue;
      const { line, col: column } = lineCounter.linePos(start);
      const first = lineCounter.linePos(before).line;
      const message = `"${name}" is in this map twice: the first, in line ${first}, counts, and this one is left out`;
      duplicates.push({ message, path: [...path, name], line, column });
    }
  };
  visit(parseDocument(text, { uniqueKeys: false, merge: true, logLevel: 'silent', lineCounter }).contents, []);
  if (duplicates.length === 0) return null;
  let cut = '';
  let kept = 0;
  for (const [start, end] of cuts.toSorted(([a], [b]) => a - b)) {
    cut += text.slice(kept, start) + text.slice(start, end).replace(/[^\n]/g, '');
    kept = end;
  }
  return { text: cut + text.slice(kept), duplicates };
}

function indentBefore(text: string, offset: number): number {
  return / *$/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset))![0].length;
}

function behindComma(text: string, offset: number): number {
  const comma = /^\s*,/.exec(text.slice(offset, offset + 1_000));
  return comma === null ? offset : offset + comma[0].length;
}
