// The hooks of an exchange of one kind. Most requests have none: the empty list is one object for all of them.

export const NO_HOOKS: readonly never[] = [];

/** The list with one more. */
export function added<H>(hooks: readonly H[], hook: H): readonly H[] {
  if (hooks === NO_HOOKS) return [hook];
  (hooks as H[]).push(hook); // Made here, and nobody else's.
  return hooks;
}
