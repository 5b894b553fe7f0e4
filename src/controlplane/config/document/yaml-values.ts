// YAML text as plain values: the core schema of YAML 1.2 with merge keys (`<<`), and scalars that keep how they are
// written.

import * as jsYaml from 'js-yaml';
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

const UNMERGED = jsYaml.CORE_SCHEMA.withTags(
  keepingText(jsYaml.intCoreTag),
  keepingText(jsYaml.floatCoreTag),
  keepingText(jsYaml.boolCoreTag),
  map,
);
const SCHEMA = UNMERGED.withTags(jsYaml.mergeTag);

/** Every document of the text. Throws what the parser throws. */
export function parseYaml(source: string, text: string): readonly unknown[] {
  return jsYaml.loadAll(text, { filename: source, schema: SCHEMA, maxTotalMergeKeys: MAX_MERGED_KEYS });
}

/** Throws as `parseYaml` where the text is no YAML; merge keys are plain ones, so that its length bounds the work. */
export function readUnmerged(text: string): void {
  jsYaml.loadAll(text, { schema: UNMERGED });
}
