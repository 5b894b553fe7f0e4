// Names that lead back to themselves.

/** The way from the name back to itself, or null. */
export function findCycle(start: string, members: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const seen = new Set<string>();
  const walk = (name: string, trail: readonly string[]): readonly string[] | null => {
    for (const member of members.get(name) ?? []) {
      if (member === start) return [...trail, member];
      if (seen.has(member)) continue;
      seen.add(member);
      const found = walk(member, [...trail, member]);
      if (found !== null) return found;
    }
    return null;
  };
  return walk(start, [start]);
}
