// What all compile stages work on: the objects of all providers by qualified name, what has been found wrong with each,
// and who uses whom. Stages are pure: the same input gives the same result.

import { didYouMean } from '../../core/did-you-mean.ts';
import type { Diagnostic, Severity } from '../../model/diagnostic.ts';
import { formatPath, type PathSegment } from '../../schema/decode-context.ts';
import type { RoutingConfig, RoutingObject } from '../config/routing-config.ts';

export const OBJECT_KINDS = [
  'router',
  'middleware',
  'service',
  'serversTransport',
  'tlsOptions',
  'tcpRouter',
  'tcpMiddleware',
  'tcpService',
  'tcpServersTransport',
  'udpRouter',
  'udpService',
] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

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

/** Providers in the order of their names, so that the result does not depend on who published first. */
export function collect<T>(
  configs: readonly RoutingConfig[],
  select: (config: RoutingConfig) => ReadonlyMap<string, RoutingObject<T>>,
): Map<string, Compiled<T>> {
  const all = new Map<string, Compiled<T>>();
  for (const config of configs.toSorted((a, b) => (a.provider < b.provider ? -1 : 1))) {
    for (const [name, object] of select(config)) {
      const qualified = `${name}@${config.provider}`;
      all.set(qualified, {
        name: qualified,
        provider: config.provider,
        object,
        errors: [...object.errors],
        warnings: [],
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

/** What is missing may be in a file that cannot be read. */
const MISSING_OBJECT =
  /^there (?:is no|are no) (?:middleware|service|router|serversTransport|TLS options|tcp\w+|udp\w+) "/;

export class Findings {
  readonly diagnostics: Diagnostic[] = [];
  readonly #unread: ReadonlyMap<string, readonly string[]>;

  constructor(configs: readonly RoutingConfig[] = []) {
    this.#unread = new Map(configs.map(({ provider, unread = [] }) => [provider, unread]));
  }

  /** The message about a reference to nothing, where a file may define what is missing: guesses would mislead. */
  dangling(message: string, provider: string): string {
    const [first, ...more] = this.#unread.get(provider) ?? [];
    if (first === undefined || !MISSING_OBJECT.test(message)) return message;
    const others = more.length === 0 ? '' : ` and ${more.length} more`;
    return `${message.replace(/; (?:did you mean|write) "[^"]*"\??$/, '')}; it may be in ${first}${others}, which cannot be read`;
  }

  /** Reports at an option of the object; an error disables it, unless it is one that `keeps` the object in force. */
  report(
    about: Compiled<unknown>,
    severity: Severity,
    code: string,
    said: string,
    option: readonly PathSegment[] = [],
    details: { expected?: string; received?: string; place?: { line: number; column: number }; keeps?: true } = {},
  ): void {
    const message = code === 'dangling-reference' ? this.dangling(said, about.provider) : said;
    const { place: known, keeps = false, ...rest } = details;
    const path = [...about.object.path, ...option];
    const place = known ?? about.object.document.locate(path) ?? { line: 0, column: 0 };
    (severity === 'error' && !keeps ? about.errors : about.warnings).push(message);
    this.diagnostics.push({
      severity,
      code,
      message,
      source: about.object.document.source,
      path: formatPath(path),
      ...place,
      ...rest,
    });
  }
}

/** What to say about a reference to nothing. */
export function danglingMessage(
  kind: ObjectKind,
  reference: string,
  provider: string,
  known: Iterable<string>,
): string {
  if (reference.endsWith('@internal')) return missingInternal(kind, reference);
  const names = [...known];
  const own = names.filter((name) => name.endsWith(`@${provider}`)).map((name) => name.slice(0, -provider.length - 1));
  const near = reference.includes('@') ? didYouMean(reference, names) : didYouMean(reference, own);
  const what = kind === 'tlsOptions' ? 'are no TLS options' : `is no ${kind}`;
  if (near !== null) return `there ${what} "${reference}"; did you mean "${near}"?`;
  const elsewhere = names.find((name) => name.startsWith(`${reference}@`));
  if (elsewhere !== undefined) return `there ${what} "${reference}" in provider ${provider}; write "${elsewhere}"`;
  return `there ${what} "${reference}"`;
}

/** Internal services are there once the feature behind them is on. */
const SWITCHES: Readonly<Record<string, string>> = {
  api: 'api: {}',
  dashboard: 'api: { dashboard: true }',
  ping: 'ping: {}',
  prometheus: 'metrics: { prometheus: {} }',
  rest: 'providers: { rest: {} }',
};

function missingInternal(kind: ObjectKind, reference: string): string {
  const name = reference.slice(0, -'@internal'.length);
  const option = kind === 'service' ? SWITCHES[name] : undefined;
  if (option !== undefined) return `"${reference}" is there when the install configuration says "${option}"`;
  const near = kind === 'service' ? didYouMean(name, [...Object.keys(SWITCHES), 'noop']) : null;
  return near === null
    ? `there is no internal ${kind} "${reference}"`
    : `there is no internal ${kind} "${reference}"; did you mean "${near}@internal"?`;
}
