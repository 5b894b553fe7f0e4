// What sources call things, in the form of a name.

/** What is neither letter nor digit becomes `-`, once, and none at the ends. */
export function normalizeName(text: string): string {
  return text
    .split(/[^\p{L}\p{N}]+/u)
    .filter((part) => part !== '')
    .join('-');
}
