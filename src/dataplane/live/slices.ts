// Long work in slices between requests: a generator yields where it may be interrupted.

const SLICE_MS = 1.5;

/** How often a build may be interrupted: making this many objects from configuration is well under a slice. */
export const OBJECTS_PER_STEP = 20;

/** Settles with the generator's result. Requests that arrived meanwhile are served between two slices. */
export async function runInSlices<T>(work: Generator<void, T>): Promise<T> {
  for (;;) {
    const until = performance.now() + SLICE_MS;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() < until);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** In one go, where there are no requests yet. */
export function runAtOnce<T>(work: Generator<void, T>): T {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}
