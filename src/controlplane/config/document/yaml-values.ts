// YAML text as plain values: the core schema of YAML 1.2 with merge keys (`<<`), scalars that keep how they are
// written, and messages for people where the parser's are for its authors.

import * as jsYaml from 'js-yaml';
import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { asWritten, Written } from '../../../schema/written.ts';

/**
 * Keys that merging may copy: a merge in each of 10,000 routers, and no more work than the parser can do in a second.
 */
const MAX_MERGED_KEYS = 1_000_000;

function keepingText(tag: jsYaml.ScalarTagDefinition<number> | jsYaml.ScalarTagDefinition<boolean>) {
  const { tagName, ...rest } = tag;
  return jsYaml.defineScalarTag<unknown>(tagName, {
    ...rest,
    resolve(source, isExplicit, name) {
      const value = tag.resolve(source, isExplicit, name);
      return typeof value === 'number' || typeof value === 'boolean' ? asWritten(value, source) : value;
    },
  });
}

/** Keys as they are written. */
const map = jsYaml.defineMappingTag<Record<string, unknown>>(jsYaml.mapTag.tagName, {
  ...jsYaml.mapTag,
  addPair: (carrier, key, value) => jsYaml.mapTag.addPair(carrier, keyText(key), value),
  has: (carrier, key) => jsYaml.mapTag.has(carrier, keyText(key)),
});

function keyText(key: unknown): unknown {
  return key instanceof Written ? key.text : key;
}

const SCHEMA = jsYaml.CORE_SCHEMA.withTags(
  jsYaml.mergeTag,
  keepingText(jsYaml.intCoreTag),
  keepingText(jsYaml.floatCoreTag),
  keepingText(jsYaml.boolCoreTag),
  map,
);

/** Every document of the text. Throws what the parser throws. */
export function parseYaml(source: string, text: string): readonly unknown[] {
  return jsYaml.loadAll(text, { filename: source, schema: SCHEMA, maxTotalMergeKeys: MAX_MERGED_KEYS });
}

export interface SyntaxProblem {
  readonly message: string;
  /** 1-based; 0 when it cannot be told. */
  readonly line: number;
  readonly column: number;
}

/** What to say about text that is no YAML. */
export function yamlProblem(error: jsYaml.YAMLException, text: string): SyntaxProblem {
  const mark = error.mark as { line: number; column: number; position: number } | undefined;
  if (mark === undefined) return { message: error.reason, line: 0, column: 0 };
  const place = { line: mark.line + 1, column: mark.column + 1 };
  const twice = error.reason === 'duplicated mapping key' ? duplicate(text, mark.position) : null;
  if (twice !== null) return { message: twice, ...place };
  const line = text.split('\n')[mark.line] ?? '';
  // Braces have a meaning of their own between braces.
  const hint = line.includes('${') ? '; put values that hold "${…}" in quotes' : '';
  return { message: error.reason + hint, ...place };
}

/** Which key of a map is there twice, and where it was first; null when the other parser sees none at the place. */
function duplicate(text: string, offset: number): string | null {
  let message: string | null = null;
  const visit = (node: unknown): void => {
    if (isSeq(node)) node.items.forEach(visit);
    if (!isMap(node) || isAlias(node)) return;
    const first = new Map<string, number>();
    for (const { key, value } of node.items) {
      visit(value);
      if (!isScalar(key) || key.range === undefined || key.range === null) continue;
      const name = key.source ?? String(key.value);
      const before = first.get(name);
      if (before === undefined) first.set(name, key.range[0]);
      else if (key.range[0] === offset) {
        const line = text.slice(0, before).split('\n').length;
        message = `"${name}" is in this map twice, first in line ${line}: nothing of the file is read until one of the two is gone or has another name`;
      }
    }
  };
  visit(parseDocument(text, { uniqueKeys: false, merge: true, logLevel: 'silent' }).contents);
  return message;
}
