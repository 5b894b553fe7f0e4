// Lists and maps of which a wrong entry costs itself: the others mean the same without it. What keeps somebody out by
// being listed is no such list; see `list` and `record`.

import { INVALID } from './invalid.ts';
import { decodeEntry, holder, isEmptyEntry, listItems, mapEntries } from './collection.ts';
import type { Schema } from './schema.ts';

const LEFT_OUT = 'this entry is left out';

/** Where the entries that are left stood; only of lists that lost some. */
const places = new WeakMap<readonly unknown[], readonly number[]>();

/** The place in the source of an entry of a decoded list. */
export function indexInSource(decoded: readonly unknown[], index: number): number {
  return places.get(decoded)?.[index] ?? index;
}

interface ForgivingListOptions {
  readonly min?: number;
  /** Entries may be wrong one and all: the list is as good as empty then. Otherwise it is an error. */
  readonly mayLoseAll?: boolean;
}

/** A list, or text with commas. With no usable entry left it is an error. */
export function forgivingList<T>(item: Schema<T>, options: ForgivingListOptions = {}): Schema<readonly T[]> {
  const { min = 0, mayLoseAll = false } = options;
  return holder(`list of ${item.label}s`, item, '[]', (input, context) => {
    const items = listItems(input, item, context);
    if (items === INVALID) return INVALID;
    if (items.length < min) return context.invalid('the list is empty', 'at least one entry', 'none');
    const mark = context.mark();
    const decoded: T[] = [];
    const kept: number[] = [];
    items.forEach((entry, index) => {
      const value = context.at(index, () => (isEmptyEntry(entry, context) ? INVALID : item.decode(entry, context)));
      if (value === INVALID) return;
      decoded.push(value);
      kept.push(index);
    });
    if (decoded.length === items.length) return decoded;
    const hasErrors = context.errorCount > mark.errors;
    if (hasErrors && decoded.length === 0 && !mayLoseAll) return INVALID;
    if (hasErrors) context.downgrade(mark, LEFT_OUT);
    // Empty variables one and all.
    else if (decoded.length < min) return context.invalid('the list is empty', 'at least one entry', 'none');
    places.set(decoded, kept);
    return decoded;
  });
}

/** A map whose keys the user chooses; see `record`. */
export function forgivingRecord<T>(
  value: Schema<T>,
  checkKey: (key: string) => string | null = () => null,
): Schema<Readonly<Record<string, T>>> {
  return holder(`map of ${value.label}s`, value, '.<name>', (input, context) => {
    const entries = mapEntries(input, context);
    if (entries === INVALID) return INVALID;
    const decoded: Record<string, T> = {};
    for (const [key, entry] of entries) {
      const mark = context.mark();
      const found = context.at(key, () => decodeEntry(key, entry, value, checkKey, context));
      if (found !== INVALID) decoded[key] = found;
      else context.downgrade(mark, LEFT_OUT);
    }
    return decoded;
  });
}
