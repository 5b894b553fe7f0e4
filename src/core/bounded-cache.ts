// A map that never grows past its capacity: what was not asked for recently makes room (second chance, an approximation
// of least recently used whose hit costs one flag instead of a re-insertion). For answers that can be computed again;
// never the only home of anything.

interface Cell<V> {
  value: V;
  wasUsed: boolean;
}

export class BoundedCache<K, V> {
  readonly #capacity: number;
  readonly #cells = new Map<K, Cell<V>>();

  /** Capacity counts entries, not bytes: the caller bounds the size of one. */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`capacity ${capacity} is not a count`);
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#cells.size;
  }

  get(key: K): V | undefined {
    const cell = this.#cells.get(key);
    if (cell === undefined) return undefined;
    cell.wasUsed = true;
    return cell.value;
  }

  set(key: K, value: V): void {
    const cell = this.#cells.get(key);
    if (cell !== undefined) {
      cell.value = value;
      cell.wasUsed = true;
      return;
    }
    if (this.#cells.size >= this.#capacity) this.#evict();
    this.#cells.set(key, { value, wasUsed: false });
  }

  delete(key: K): boolean {
    return this.#cells.delete(key);
  }

  clear(): void {
    this.#cells.clear();
  }

  /** Oldest first; one that was used since its last turn goes to the end. Ends, as each turn takes a flag away. */
  #evict(): void {
    for (const [key, cell] of this.#cells) {
      this.#cells.delete(key);
      if (!cell.wasUsed) return;
      cell.wasUsed = false;
      this.#cells.set(key, cell);
    }
  }
}
