// Specifications made from the same options that say the same are the same object: snapshots compare by identity first.

export class LastMade<Options extends object, Spec> {
  readonly #made = new WeakMap<Options, { readonly spec: Spec; readonly text: string }>();

  /** The specification made of these options before, when it says what this one does. */
  keep(options: Options, spec: Spec): Spec {
    const before = this.#made.get(options);
    const text = JSON.stringify(spec);
    if (before?.text === text) return before.spec;
    this.#made.set(options, { spec, text });
    return spec;
  }
}
