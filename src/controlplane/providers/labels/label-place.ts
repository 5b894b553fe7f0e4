// Where something stands that labels say: a workload has no lines, so that a place is the workload and the label.

import type { Locate, PathSegment, Place } from '../../../schema/decode-context.ts';
import { labelSource } from '../../config/routing/label-source.ts';
import type { SchemeLabel } from './scheme-labels.ts';

/** A label and the path of the option that it sets. */
export interface PlacedLabel {
  readonly path: readonly PathSegment[];
  readonly label: SchemeLabel;
}

/** As a source of diagnostics. */
export function labelPlace(place: string, label: SchemeLabel): Place & { readonly source: string } {
  return { line: 0, column: 0, source: labelSource(place, label.label) };
}

/**
 * The label of a path: the one that sets it, one whose value it is in, or the first below it. Null where no label says
 * anything of it: what is implied, and what is missing.
 */
export function locateLabel(place: string, labels: readonly PlacedLabel[]): Locate {
  const locate = (path: readonly PathSegment[]): Place | null => {
    let around: PlacedLabel | null = null;
    let below: PlacedLabel | null = null;
    for (const one of labels) {
      const common = commonLength(one.path, path);
      if (common === one.path.length && (around === null || around.path.length < common)) around = one;
      else if (common === path.length) below ??= one;
    }
    const found = around ?? below;
    return found === null ? null : labelPlace(place, found.label);
  };
  return Object.assign(locate, { isByName: true });
}

function commonLength(a: readonly PathSegment[], b: readonly PathSegment[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
