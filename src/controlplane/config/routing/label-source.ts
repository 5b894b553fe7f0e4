// How diagnostics name a label as their source: behind the place of the thing that has it.

const BETWEEN = ', label ';

export function labelSource(place: string, label: string): string {
  return `${place}${BETWEEN}${label}`;
}

/** What was said at `source` was said of what `place` says: at the place itself, or at one of its labels. */
export function isSaidAt(source: string, place: string): boolean {
  return source === place || (source.startsWith(place) && source.startsWith(BETWEEN, place.length));
}
