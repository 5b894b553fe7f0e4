// The way back from a value to its line in YAML. The text is parsed for places at the first question: this takes twenty
// times as long as parsing for values (1.5 s for 10,000 routers).

import type { Document, LineCounter, Node } from 'yaml';
import { onDemand } from '../../../core/on-demand.ts';
import type { Locate, PathSegment, Place } from '../../../schema/decode-context.ts';

const yaml = onDemand<typeof import('yaml')>('yaml');

export function yamlLocator(text: string): Locate {
  let root: { document: Document; lines: LineCounter } | null = null;
  const placeOf = (find: (document: Document) => number | null): Place | null => {
    if (root === null) {
      const lines = new (yaml().LineCounter)();
      const options = { lineCounter: lines, logLevel: 'silent', merge: true, uniqueKeys: false } as const;
      root = { document: yaml().parseDocument(text, options) as Document, lines };
    }
    const offset = find(root.document);
    if (offset === null) return null;
    const { line, col } = root.lines.linePos(offset);
    return { line, column: col };
  };
  const keyPlace = (path: readonly PathSegment[]): Place | null =>
    path.length === 0 ? { line: 1, column: 1 } : placeOf((document) => offsetOf(document, path));
  return Object.assign(keyPlace, {
    ofValue: (path: readonly PathSegment[]) => placeOf((document) => valueOffset(document, path)),
  });
}

/** Of a scalar or alias; null for what has parts. */
function valueOffset(document: Document, path: readonly PathSegment[]): number | null {
  const { isAlias, isMap, isScalar, isSeq } = yaml();
  let node: unknown = document.contents;
  for (const segment of path) {
    const resolved = resolve(node, document);
    if (isMap(resolved)) node = pairOf(resolved, String(segment).toLowerCase(), document)?.value ?? null;
    else if (isSeq(resolved) && typeof segment === 'number') node = resolved.items[segment] ?? null;
    else return null;
  }
  return isAlias(node) || (isScalar(node) && node.value !== null) ? rangeStart(node) : null;
}

/** Where the key or list entry of the path begins; of the nearest one that exists when the last is missing. */
function offsetOf(document: Document, path: readonly PathSegment[]): number | null {
  const { isMap, isSeq } = yaml();
  let node: unknown = document.contents;
  let offset: number | null = null;
  for (const segment of path) {
    const resolved = resolve(node, document);
    let next: unknown;
    if (isMap(resolved)) {
      const pair = pairOf(resolved, String(segment).toLowerCase(), document);
      if (pair === null) break;
      offset = rangeStart(pair.key) ?? offset;
      next = pair.value;
    } else if (isSeq(resolved) && typeof segment === 'number') {
      next = resolved.items[segment] ?? null;
      offset = rangeStart(next) ?? offset;
    } else break;
    node = next;
  }
  return offset;
}

function resolve(node: unknown, document: Document): unknown {
  return yaml().isAlias(node) ? node.resolve(document) : node;
}

/** The pairs of maps by key in lower case: one of thousands of keys is looked for as often as there are keys. */
const pairsOf = new WeakMap<object, ReadonlyMap<string, { key: unknown; value: unknown }>>();

/** Own keys first, then those that are merged in. */
function pairOf(node: unknown, wanted: string, document: Document): { key: unknown; value: unknown } | null {
  const { isMap, isScalar, isSeq } = yaml();
  if (!isMap(node)) return null;
  let pairs = pairsOf.get(node);
  if (pairs === undefined) {
    // The first of several counts: later ones are put in earlier.
    pairs = new Map(
      node.items.toReversed().flatMap((pair) => (isScalar(pair.key) ? [[keyText(pair.key).toLowerCase(), pair]] : [])),
    );
    pairsOf.set(node, pairs);
  }
  const own = pairs.get(wanted);
  if (own !== undefined) return own;
  for (const { key, value } of node.items) {
    if (!isScalar(key) || key.source !== '<<') continue;
    const merged = resolve(value, document);
    for (const source of isSeq(merged) ? merged.items : [merged]) {
      const pair = pairOf(resolve(source, document), wanted, document);
      if (pair !== null) return pair;
    }
  }
  return null;
}

function keyText(key: { readonly value: unknown; readonly source?: string }): string {
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

function rangeStart(node: unknown): number | null {
  return (node as Node | null)?.range?.[0] ?? null; // Items of a parsed document are nodes.
}
