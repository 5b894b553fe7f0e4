// What a delta does to the live objects of a worker: each part builds what is new beside what is there, and only when
// all of them have built does any change. A delta that does not fit leaves everything as it was.

import type { SnapshotDelta } from '../../model/snapshot.ts';

/** Objects of one kind that live by the snapshot. `Context` is what a delta comes with. */
export interface LivePart<Context> {
  /**
   * Builds what the delta changes, run in slices; throws when it does not fit. Nothing of it is seen before the
   * returned function puts it into effect, which runs in one go and cannot fail. A build that came to nothing leaves no
   * trace.
   */
  build(delta: SnapshotDelta, context: Context): Generator<void, () => void>;
}

/** Builds all parts; the returned function puts them into effect in their order. */
export function* buildParts<Context>(
  parts: readonly LivePart<Context>[],
  delta: SnapshotDelta,
  context: Context,
): Generator<void, () => void> {
  const commits: (() => void)[] = [];
  for (const part of parts) commits.push(yield* part.build(delta, context));
  return () => {
    for (const commit of commits) commit();
  };
}
