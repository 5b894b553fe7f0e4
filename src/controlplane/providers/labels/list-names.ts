// Names in a list as labels have it: text with commas, or entries by index.

/** Without their providers. */
export function listNames(given: unknown): readonly string[] {
  const entries: readonly unknown[] = Array.isArray(given) ? given : typeof given === 'string' ? given.split(',') : [];
  return entries
    .filter((entry) => typeof entry === 'string')
    .map((entry) => entry.trim().replace(/@.*$/, ''))
    .filter((entry) => entry !== '');
}
