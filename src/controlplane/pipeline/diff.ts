// What one compiled configuration changes about another, object by object, as people see it: decoded options with
// secrets hidden. It is what `check` and `diff` answer.

import { isMap } from '../../schema/input.ts';
import type { Compiled } from '../compile/compiled.ts';
import type { CompileResult } from '../compile/compile.ts';
import {
  COMPARED_SECTIONS,
  OBJECT_KINDS,
  type ObjectKind,
  type ObjectSection,
} from '../config/routing/object-kinds.ts';
import { parseWritten, redact, redactWritten } from '../config/redact.ts';

export type ObjectStatus = 'enabled' | 'warning' | 'disabled';

export interface FieldChange {
  /** `loadBalancer.servers[0].url` */
  readonly path: string;
  /** Absent when there was no value. */
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface ObjectChange {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Afterwards; of removed objects before. */
  readonly status: ObjectStatus;
  readonly fields: readonly FieldChange[];
}

/** Fields of one object that are listed; the rest is a count away from what a person reads. */
const MAX_FIELDS = 100;

export function statusOf(compiled: Compiled<unknown>): ObjectStatus {
  if (compiled.errors.length > 0) return 'disabled';
  return compiled.warnings.length > 0 ? 'warning' : 'enabled';
}

/** The object's options as they may be shown; as they were written when they did not decode. */
export function shownOptions(section: ObjectSection, { object }: Compiled<unknown>): Record<string, unknown> {
  const { options } = OBJECT_KINDS[section];
  const shown =
    object.value === null
      ? redactWritten(parseWritten(object.text), options)
      : redact(object.value, options, object.substituted);
  return isMap(shown) ? { ...shown } : {};
}

export function diffResults(before: CompileResult, after: CompileResult): readonly ObjectChange[] {
  return COMPARED_SECTIONS.flatMap((section) => diffSection(section, before[section], after[section]));
}

function diffSection(
  section: ObjectSection,
  before: ReadonlyMap<string, Compiled<unknown>>,
  after: ReadonlyMap<string, Compiled<unknown>>,
): ObjectChange[] {
  const changes: ObjectChange[] = [];
  const { kind } = OBJECT_KINDS[section];
  for (const name of [...new Set([...before.keys(), ...after.keys()])].toSorted()) {
    const old = before.get(name);
    const fresh = after.get(name);
    if (fresh === undefined) {
      changes.push({ kind, name, change: 'removed', status: statusOf(old!), fields: [] });
    } else if (old === undefined) {
      changes.push({
        kind,
        name,
        change: 'added',
        status: statusOf(fresh),
        fields: fieldChanges(section, null, fresh),
      });
    } else if (old.object.text !== fresh.object.text || statusOf(old) !== statusOf(fresh)) {
      const fields = fieldChanges(section, old, fresh);
      if (fields.length > 0 || statusOf(old) !== statusOf(fresh)) {
        changes.push({ kind, name, change: 'changed', status: statusOf(fresh), fields });
      }
    }
  }
  return changes;
}

function fieldChanges(
  section: ObjectSection,
  before: Compiled<unknown> | null,
  after: Compiled<unknown>,
): FieldChange[] {
  const real = { before: leaves(before?.object.value), after: leaves(after.object.value) };
  const shown = {
    before: before === null ? new Map<string, unknown>() : leaves(shownOptions(section, before)),
    after: leaves(shownOptions(section, after)),
  };
  const changes: FieldChange[] = [];
  for (const path of new Set([...shown.before.keys(), ...shown.after.keys()])) {
    if (real.before.get(path) === real.after.get(path) && shown.before.get(path) === shown.after.get(path)) continue;
    changes.push({
      path,
      ...(shown.before.has(path) ? { before: shown.before.get(path) } : {}),
      ...(shown.after.has(path) ? { after: shown.after.get(path) } : {}),
    });
  }
  return changes.slice(0, MAX_FIELDS);
}

/** Values without parts by path. */
function leaves(value: unknown): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const walk = (part: unknown, path: string): void => {
    if (Array.isArray(part)) part.forEach((item, index) => walk(item, `${path}[${index}]`));
    else if (isMap(part)) {
      for (const [name, inner] of Object.entries(part)) walk(inner, path === '' ? name : `${path}.${name}`);
    } else if (part !== undefined) found.set(path, part);
  };
  walk(value, '');
  return found;
}
