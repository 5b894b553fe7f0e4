// What to say about references to nothing. A file may have thousands of them beside thousands of names: what is looked
// up for one is kept for the others, and the search for names that are nearly right has a bound. A hint is worth that
// much and no more.

import { didYouMean } from '../../../core/did-you-mean.ts';
import type { ObjectKind } from '../../config/routing/object-kinds.ts';

/** Names compared in one compilation: some tenths of a second. */
const MAX_COMPARED = 200_000;

/** Providers of every installation, which may have nothing of the kind. */
const ALWAYS_THERE: ReadonlySet<string> = new Set(['file', 'install', 'internal', 'rest']);

type Known = ReadonlyMap<string, unknown>;

interface Names {
  readonly all: readonly string[];
  /** Without their provider, by provider. */
  readonly own: ReadonlyMap<string, readonly string[]>;
  /** The first qualified name of each plain one. */
  readonly qualified: ReadonlyMap<string, string>;
  /** Messages by reference and provider. */
  readonly said: Map<string, string>;
}

export class DanglingReferences {
  readonly #names = new Map<Known, Names>();
  /** Files of each provider that cannot be read. */
  readonly #unread: ReadonlyMap<string, readonly string[]>;
  #left = MAX_COMPARED;

  constructor(unread: ReadonlyMap<string, readonly string[]>) {
    this.#unread = unread;
  }

  /** `reference` as written in an object of the provider; `known` are qualified names of the kind. */
  message(kind: ObjectKind, reference: string, provider: string, known: Known): string {
    if (reference.endsWith('@internal')) return missingInternal(kind, reference);
    const names = this.#namesOf(known);
    const key = `${kind} ${reference} ${provider}`;
    let message = names.said.get(key);
    if (message === undefined) {
      message = this.#describe(kind, reference, provider, names);
      names.said.set(key, message);
    }
    return message;
  }

  #describe(kind: ObjectKind, reference: string, provider: string, { all, own, qualified }: Names): string {
    const what = kind === 'tlsOptions' ? 'are no TLS options' : `is no ${kind}`;
    const [unread, ...more] = this.#unread.get(provider) ?? [];
    if (unread !== undefined) {
      // What is missing may be there: guesses would mislead.
      const others = more.length === 0 ? '' : ` and ${more.length} more`;
      return `there ${what} "${reference}"; it may be in ${unread}${others}, which cannot be read`;
    }
    const near = this.#nearest(reference, reference.includes('@') ? all : (own.get(provider) ?? []));
    if (near !== null) return `there ${what} "${reference}"; did you mean "${near}"?`;
    const elsewhere = qualified.get(reference);
    if (elsewhere !== undefined) return `there ${what} "${reference}" in provider ${provider}; write "${elsewhere}"`;
    const at = reference.lastIndexOf('@');
    if (at > 0) {
      const provider = reference.slice(at + 1);
      const isThere = own.has(provider) || ALWAYS_THERE.has(provider);
      return `there ${what} "${reference}"${isThere ? '' : `: nothing comes from a provider "${provider}"`}`;
    }
    return `there ${what} "${reference}"`;
  }

  #nearest(reference: string, names: readonly string[]): string | null {
    if (this.#left <= 0) return null;
    this.#left -= names.length;
    return didYouMean(reference, names);
  }

  #namesOf(known: Known): Names {
    const before = this.#names.get(known);
    if (before !== undefined) return before;
    const own = new Map<string, string[]>();
    const qualified = new Map<string, string>();
    for (const name of known.keys()) {
      const at = name.lastIndexOf('@');
      const plain = name.slice(0, at);
      const provider = name.slice(at + 1);
      if (!qualified.has(plain)) qualified.set(plain, name);
      const list = own.get(provider);
      if (list === undefined) own.set(provider, [plain]);
      else list.push(plain);
    }
    const names = { all: [...known.keys()], own, qualified, said: new Map<string, string>() };
    this.#names.set(known, names);
    return names;
  }
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
