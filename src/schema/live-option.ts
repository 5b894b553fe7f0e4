// Which options a running process takes a change of; the schema says it where the option stands.

import type { PathSegment } from './decode-context.ts';
import type { Schema } from './schema.ts';

/**
 * The option at the path, or a section it is in, is live. Names of options are taken in any case; what is not known is
 * not live.
 */
export function isLiveOption(schema: Schema<unknown>, path: readonly PathSegment[]): boolean {
  let inner: Schema<unknown> | undefined = schema;
  for (const segment of path) {
    if (inner === undefined) return false;
    if (inner.fields === null) {
      inner = inner.item;
      continue;
    }
    const wanted = String(segment).toLowerCase();
    const found = Object.entries(inner.fields).find(([name]) => name.toLowerCase() === wanted);
    if (found === undefined) return false;
    if (found[1].isLive === true) return true;
    inner = found[1].schema;
  }
  return false;
}
