// What happens in the router, for whoever watches: a numbered stream with a short memory, so that a watcher who was
// away for a moment misses nothing.

const MAX_REMEMBERED = 256;

export interface RouterEvent {
  /** Counts up by one. */
  readonly id: number;
  readonly kind: 'snapshot' | 'diagnostics' | 'worker' | 'pin' | 'health' | 'certificate';
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly data: object;
}

export type EventListener = (event: RouterEvent) => void;

export class EventBus {
  readonly #now: () => number;
  readonly #listeners = new Set<EventListener>();
  readonly #recent: RouterEvent[] = [];
  #nextId = 1;

  constructor(now: () => number) {
    this.#now = now;
  }

  emit(kind: RouterEvent['kind'], data: object): void {
    const event: RouterEvent = { id: this.#nextId++, kind, at: this.#now(), data };
    this.#recent.push(event);
    if (this.#recent.length > MAX_REMEMBERED) this.#recent.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Remembered events after the one with this id. */
  since(id: number): readonly RouterEvent[] {
    return this.#recent.filter((event) => event.id > id);
  }

  /** Returns the way to stop listening. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
