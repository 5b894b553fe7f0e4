// Specifications made from the same options that say the same are the same object: snapshots compare by identity first.

export class LastMade<Options extends object, Spec> {
  readonly #made = new WeakMap<Options, Spec>();

  /** The specification made of these options before, when it says what this one does. */
  keep(options: Options, spec: Spec): Spec {
    const before = this.#made.get(options);
    if (before !== undefined && isSame(before, spec)) return before;
    this.#made.set(options, spec);
    return spec;
  }
}

/**
 * Whether two plain values say the same, whole and in the same order, as their texts would: no field can be forgotten.
 * Parts that are one object are not looked into.
 */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((one, index) => isSame(one, b[index]));
  }
  if (Array.isArray(b)) return false;
  const names = Object.keys(a);
  const others = Object.keys(b);
  if (names.length !== others.length) return false;
  const [first, second] = [a, b] as readonly Readonly<Record<string, unknown>>[]; // Plain objects, as specifications are.
  return names.every((name, index) => name === others[index] && isSame(first![name], second![name]));
}
