// Whether a service is up, and who wants to know when that changes: services that follow the health of others.

export class ServiceLiveness {
  readonly #watchers = new Set<() => void>();
  /** Before it has a specification it is not. */
  #wasUp = false;

  /** Calls when it comes up or goes down; returns the way to stop. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => {
      this.#watchers.delete(changed);
    };
  }

  /** Tells of it when it is not as before. */
  noteHealth(isUp: boolean): void {
    if (isUp === this.#wasUp) return;
    this.#wasUp = isUp;
    for (const changed of this.#watchers) changed();
  }

  /** Nobody is told any more. */
  retire(): void {
    this.#watchers.clear();
  }
}
