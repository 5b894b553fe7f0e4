// Runs long work in slices between requests: a generator yields where it may be interrupted.

const SLICE_MS = 1.5;

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
