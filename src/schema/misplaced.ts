// Options that exist, and were written somewhere else: nearly always by indentation.

import { formatPath, type DecodeContext, type PathSegment } from './decode-context.ts';
import type { Fields, Schema } from './schema.ts';

const MAX_LEVELS = 2;

/** Where the option belongs that stands among `fields`; null when it is an option of nothing around it. */
export function rightPlace(
  key: string,
  fields: Fields,
  { enclosing, path, isByName }: Pick<DecodeContext, 'enclosing' | 'path' | 'isByName'>,
): string | null {
  const at = (place: readonly PathSegment[]): string => `write "${formatPath([...place, key])}"`;
  const below = pathBelow(key.toLowerCase(), fields, MAX_LEVELS);
  if (below !== null) {
    const [last, ...outer] = [...below].reverse();
    const chain = [...outer.reverse(), last].map((name) => `"${name}:"`).join(' and ');
    const instead = isByName ? at([...path.slice(0, -1), ...below]) : `indent it by ${below.length * 2} more`;
    return `"${key}" belongs below ${chain}; ${instead}`;
  }
  for (const { fields: around, depth } of enclosing.toReversed()) {
    // What `enter` was given.
    if (nameIn(around as Fields, key) === null) continue;
    const beside = path[depth];
    if (typeof beside !== 'string') continue;
    const instead = isByName ? at(path.slice(0, depth)) : `indent it by ${(path.length - 1 - depth) * 2} less`;
    return `"${key}" belongs beside "${beside}", not below it; ${instead}`;
  }
  return null;
}

/** Names of the sections that lead to an option of this name, the fewest there are. */
function pathBelow(key: string, fields: Fields, levels: number): readonly string[] | null {
  if (levels === 0) return null;
  const sections = Object.entries(fields).flatMap(([name, { schema, later }]) =>
    schema.fields === null || later !== null ? [] : [[name, schema as Schema<unknown> & { fields: Fields }] as const],
  );
  const direct = sections.find(([, section]) => nameIn(section.fields, key) !== null);
  if (direct !== undefined) return [direct[0]];
  for (const [name, section] of sections) {
    const rest = pathBelow(key, section.fields, levels - 1);
    if (rest !== null) return [name, ...rest];
  }
  return null;
}

function nameIn(fields: Fields, key: string): string | null {
  return Object.keys(fields).find((name) => name.toLowerCase() === key.toLowerCase()) ?? null;
}

/** A section that got a plain value: which of its options was meant; null when that cannot be told. */
export function meantOption(fields: Fields): string | null {
  const required = Object.entries(fields).filter(([, { isRequired }]) => isRequired);
  if (required.length === 1) return required[0]![0];
  // Of a server, a list of files and the like, the one that people think of.
  return MAIN_OPTIONS.find((name) => fields[name]?.schema.fields === null) ?? null;
}

const MAIN_OPTIONS = ['url', 'address', 'directory', 'endpoint', 'level'];
