// What all compile stages work on: the objects of all providers by qualified name, what has been found wrong with each,
// and who uses whom. Stages are pure: the same input gives the same result.

import { hideSecrets } from '../../core/hide-secrets.ts';
import type { Diagnostic, Severity } from '../../model/diagnostic.ts';
import { formatPath, type PathSegment } from '../../schema/decode-context.ts';
import type { ConfigDocument } from '../config/document/document.ts';
import { bySection, type ObjectKind, type ObjectOptions, type ObjectSection } from '../config/routing/object-kinds.ts';
import type { RoutingConfig, RoutingObject } from '../config/routing/routing-config.ts';
import { DanglingReferences } from './reference/dangling.ts';

/** One object on its way through the stages. */
export interface Compiled<T> {
  /** `name@provider`. */
  readonly name: string;
  readonly provider: string;
  readonly object: RoutingObject<T>;
  /** Reasons it is disabled; empty while it is in force. */
  readonly errors: string[];
  readonly warnings: string[];
  readonly usedBy: Set<string>;
}

/** The objects of every kind by qualified name. */
export type CompiledObjects = {
  readonly [S in ObjectSection]: ReadonlyMap<string, Compiled<ObjectOptions[S]>>;
};

/** Providers in the order of their names, so that the result does not depend on who published first. */
export function collect(configs: readonly RoutingConfig[]): CompiledObjects {
  const inOrder = configs.toSorted((a, b) => (a.provider < b.provider ? -1 : 1));
  return bySection((section) => collectKind(inOrder, section)) as CompiledObjects; // Of each section, its own objects.
}

function collectKind(
  configs: readonly RoutingConfig[],
  section: ObjectSection,
): ReadonlyMap<string, Compiled<unknown>> {
  const all = new Map<string, Compiled<unknown>>();
  for (const config of configs) {
    for (const [name, object] of config[section]) {
      const qualified = `${name}@${config.provider}`;
      all.set(qualified, {
        name: qualified,
        provider: config.provider,
        object,
        errors: [...object.errors],
        warnings: [...(object.kept ?? [])],
        usedBy: new Set(),
      });
    }
  }
  return all;
}

/** A reference without `@` means the same provider. */
export function qualify(reference: string, provider: string): string {
  return reference.includes('@') ? reference : `${reference}@${provider}`;
}

/** What is wrong with what an object names, rather than with itself. */
const OF_REFERENCES: ReadonlySet<string> = new Set([
  'dangling-reference',
  'unusable-reference',
  'reference-cycle',
  'no-entry-point',
  'duplicate-object',
]);

export class Findings {
  readonly diagnostics: Diagnostic[] = [];
  /** Errors of objects that are wrong by themselves, whatever they name. */
  readonly unreadable = new Map<RoutingObject<unknown>, Diagnostic[]>();
  readonly #dangling: DanglingReferences;
  readonly #lines = new Map<ConfigDocument, readonly string[]>();

  constructor(configs: readonly RoutingConfig[] = []) {
    this.#dangling = new DanglingReferences(new Map(configs.map(({ provider, unread = [] }) => [provider, unread])));
  }

  /** What to say about a reference to nothing; `known` are the names there are. */
  dangling(kind: ObjectKind, reference: string, provider: string, known: ReadonlyMap<string, unknown>): string {
    return this.#dangling.message(kind, reference, provider, known);
  }

  /** A line of a document, counted from 1; '' when there is none. */
  lineOf(document: ConfigDocument, line: number): string {
    let lines = this.#lines.get(document);
    if (lines === undefined) {
      lines = document.text.split('\n');
      this.#lines.set(document, lines);
    }
    return lines[line - 1] ?? '';
  }

  /** Reports at an option of the object; an error disables it, unless it is one that `keeps` the object in force. */
  report(
    about: Compiled<unknown>,
    severity: Severity,
    code: string,
    text: string,
    option: readonly PathSegment[] = [],
    details: { expected?: string; received?: string; place?: { line: number; column: number }; keeps?: true } = {},
  ): void {
    const { place: known, keeps = false, ...rest } = details;
    const message = hideSecrets(text);
    const path = [...about.object.path, ...option];
    const place = known ?? about.object.document.locate(path) ?? { line: 0, column: 0 };
    (severity === 'error' && !keeps ? about.errors : about.warnings).push(message);
    const { source } = about.object.document;
    const diagnostic = { severity, code, message, source, path: formatPath(path), ...place, ...rest };
    this.diagnostics.push(diagnostic);
    if (severity !== 'error' || keeps || OF_REFERENCES.has(code)) return;
    const said = this.unreadable.get(about.object);
    if (said === undefined) this.unreadable.set(about.object, [diagnostic]);
    else said.push(diagnostic);
  }
}
