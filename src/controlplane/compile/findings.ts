// What has been found wrong with each object: told once, at its place, and remembered at the object.

import { hideSecrets } from '../../core/hide-secrets.ts';
import type { Diagnostic, Severity } from '../../model/diagnostic.ts';
import { formatPath, placeOf, type PathSegment } from '../../schema/decode-context.ts';
import type { ConfigDocument } from '../config/document/document.ts';
import type { Place } from '../config/routing/provided-endpoints.ts';
import type { RoutingObject } from '../config/routing/routing-config.ts';
import type { Compiled } from './compiled.ts';

/** What is wrong with what an object names, rather than with itself. */
const OF_REFERENCES: ReadonlySet<Diagnostic['code']> = new Set([
  'dangling-reference',
  'unusable-reference',
  'refused-reference',
  'reference-cycle',
  'no-entry-point',
  'duplicate-object',
]);

export class Findings {
  readonly diagnostics: Diagnostic[] = [];
  /** Errors of objects that are wrong by themselves, whatever they name. */
  readonly unreadable = new Map<RoutingObject<unknown>, Diagnostic[]>();
  readonly #lines = new Map<ConfigDocument, readonly string[]>();

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
    code: Diagnostic['code'],
    text: string,
    option: readonly PathSegment[] = [],
    details: {
      expected?: string;
      received?: string;
      place?: { line: number; column: number };
      /** Where it was said, when that is not in the object's document. */
      at?: Place;
      keeps?: true;
    } = {},
  ): void {
    const { place: known, keeps = false, at, ...rest } = details;
    const message = hideSecrets(text);
    const path = [...about.object.path, ...option];
    const place = known ?? placeOf(about.object.document.locate, path, code) ?? { line: 0, column: 0 };
    (severity === 'error' && !keeps ? about.errors : about.warnings).push(message);
    const { source } = about.object.document;
    const diagnostic = { severity, code, message, source, path: formatPath(path), ...place, ...rest, ...at };
    this.diagnostics.push(diagnostic);
    if (severity !== 'error' || keeps || OF_REFERENCES.has(code)) return;
    const said = this.unreadable.get(about.object);
    if (said === undefined) this.unreadable.set(about.object, [diagnostic]);
    else said.push(diagnostic);
  }
}
