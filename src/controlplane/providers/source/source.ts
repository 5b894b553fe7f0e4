// What a provider knows of the thing it listens to, as far as its life is the same for all (source-life.ts): it can be
// listed whole, perhaps it can be followed, and then single things of it can be looked at.

export interface Source {
  /**
   * Asks for everything, and publishes what is new in it before it settles. Nothing that is known is given up before
   * the answer is whole; rejects with a sentence for people, without secrets.
   */
  list(signal: AbortSignal): Promise<void>;
  /** Looks at what events have named, and at nothing else. Without it, every event causes a list. */
  look?(touched: ReadonlySet<string>, signal: AbortSignal): Promise<void>;
  /**
   * Tells what happens until the signal is aborted, which ends it at once, or until the source ends it: settles when
   * that was in order, and rejects otherwise. Without it, the source is listed at intervals alone.
   */
  readonly follow?: ((signal: AbortSignal, events: SourceEvents) => Promise<void>) | undefined;
}

export interface SourceEvents {
  /** Nothing that happens from now on is missed: the list that follows is the first one that counts. */
  begun(): void;
  /** Something that `look` understands; null where nobody can say what. */
  changed(touched: string | null): void;
}

/** It answers, and lets nobody follow it: it is listed at intervals, and asked again with each of them. */
export class CannotFollow extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CannotFollow';
  }
}
