// Changes of a map that are not in it yet: whoever builds on them sees them, everybody else sees the map as it is.
// Forgotten without `commit`, they leave it so; it costs what changes, not what the map holds.

const GONE = Symbol('gone');

export class StagedMap<K, V> {
  readonly #map: Map<K, V>;
  readonly #changes = new Map<K, V | typeof GONE>();

  constructor(map: Map<K, V>) {
    this.#map = map;
  }

  get(key: K): V | undefined {
    const change = this.#changes.get(key);
    if (change === undefined) return this.#map.get(key);
    return change === GONE ? undefined : change;
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** It stands in the changes: what is there is nobody else's yet. */
  isStaged(key: K): boolean {
    return this.#changes.has(key);
  }

  set(key: K, value: V): void {
    this.#changes.set(key, value);
  }

  /** False when it was not there. */
  delete(key: K): boolean {
    if (!this.has(key)) return false;
    this.#changes.set(key, GONE);
    return true;
  }

  *values(): Generator<V> {
    for (const [, value] of this) yield value;
  }

  *[Symbol.iterator](): Generator<[K, V]> {
    for (const entry of this.#map) {
      const change = this.#changes.get(entry[0]);
      if (change === undefined) yield entry;
      else if (change !== GONE) yield [entry[0], change];
    }
    for (const [key, change] of this.#changes) if (change !== GONE && !this.#map.has(key)) yield [key, change];
  }

  commit(): void {
    for (const [key, change] of this.#changes) {
      if (change === GONE) this.#map.delete(key);
      else this.#map.set(key, change);
    }
    this.#changes.clear();
  }
}
