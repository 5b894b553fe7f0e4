// Names that name others: chains and their members, services and their children, routers and those above them. One walk
// over all of them finds those that lead back to themselves and those that go too deep; it needs no stack of calls,
// since a configuration may be as deep as it likes.

/** What every kind of nesting is limited to. */
export const MAX_DEPTH = 100;

export interface Graph {
  /** The way from the name back to itself; null for none. */
  cycleOf(name: string): readonly string[] | null;
  /** More than MAX_DEPTH others stand below it, one below the other. */
  isTooDeep(name: string): boolean;
}

interface Step {
  readonly name: string;
  readonly members: readonly string[];
  next: number;
}

export function walkGraph(members: ReadonlyMap<string, readonly string[]>): Graph {
  const depths = new Map<string, number>();
  const cycles = new Map<string, readonly string[]>();
  for (const start of members.keys()) {
    if (depths.has(start)) continue;
    const trail: Step[] = [{ name: start, members: members.get(start) ?? [], next: 0 }];
    const onTrail = new Set([start]);
    while (trail.length > 0) {
      const step = trail.at(-1)!;
      const member = step.members[step.next++];
      if (member === undefined) {
        trail.pop();
        onTrail.delete(step.name);
        const below = step.members.map((name) => depths.get(name) ?? 0);
        depths.set(step.name, 1 + below.reduce((deepest, depth) => Math.max(deepest, depth), 0));
      } else if (onTrail.has(member)) noteCycle(trail, member, cycles);
      else if (!depths.has(member) && members.has(member)) {
        trail.push({ name: member, members: members.get(member)!, next: 0 });
        onTrail.add(member);
      }
    }
  }
  return {
    cycleOf: (name) => cycles.get(name) ?? null,
    isTooDeep: (name) => (depths.get(name) ?? 0) > MAX_DEPTH,
  };
}

/** Everything on the trail from `start` on leads back to itself. */
function noteCycle(trail: readonly Step[], start: string, cycles: Map<string, readonly string[]>): void {
  const ring = trail.slice(trail.findIndex(({ name }) => name === start)).map(({ name }) => name);
  // Shown whole, unless it is longer than anybody reads; a ring of thousands would be shown thousands of times.
  const shown = ring.length > MAX_DEPTH ? [...ring.slice(0, 3), '…'] : ring;
  for (const [index, name] of ring.entries()) {
    if (cycles.has(name)) continue;
    cycles.set(name, shown === ring ? [...ring.slice(index), ...ring.slice(0, index), name] : [name, ...shown, name]);
  }
}
