// Sorting that can be interrupted: a table of 100,000 routers is sorted between requests, not instead of them.

/** Comparisons done between two interruptions. */
const STEP = 512;

/** A stable merge sort; yields often and leaves `items` as it was. */
export function* sortInSteps<I>(items: readonly I[], compare: (a: I, b: I) => number): Generator<void, readonly I[]> {
  let runs: (readonly I[])[] = [];
  for (let start = 0; start < items.length; start += STEP) {
    runs.push(items.slice(start, start + STEP).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: (readonly I[])[] = [];
    for (let index = 0; index < runs.length; index += 2) {
      merged.push(yield* mergeInSteps(runs[index] ?? [], runs[index + 1] ?? [], compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergeInSteps<I>(
  left: readonly I[],
  right: readonly I[],
  compare: (a: I, b: I) => number,
): Generator<void, readonly I[]> {
  if (right.length === 0) return left;
  const merged: I[] = [];
  let fromLeft = 0;
  let fromRight = 0;
  while (fromLeft < left.length || fromRight < right.length) {
    const takesLeft =
      fromRight >= right.length || (fromLeft < left.length && compare(left[fromLeft]!, right[fromRight]!) <= 0);
    merged.push(takesLeft ? left[fromLeft++]! : right[fromRight++]!);
    if (merged.length % STEP === 0) yield;
  }
  return merged;
}
