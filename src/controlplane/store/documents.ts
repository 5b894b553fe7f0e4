// Documents of the state have formats, each kind its own. An older one is brought to the present when it is read, and
// kept as it was beside it; a newer one is refused, since what this program makes of it would be wrong.

import { SignalboxError } from '../../core/errors.ts';
import { isMap } from '../../schema/input.ts';
import type { StateStore } from './define.ts';

export type Document = Readonly<Record<string, unknown>>;

export interface DocumentFormat {
  /** Of what is written today. The first one is 1; a document that names none is of that. */
  readonly format: number;
  /** From the format to the next one. */
  readonly migrations?: Readonly<Record<number, (document: Document) => Document>>;
}

/** With its format. */
export function inFormat({ format }: DocumentFormat, document: Document): Document {
  return { ...document, format };
}

/**
 * Rejects with ERR_STATE_UNUSABLE when a newer program has written it. Null when there is none, or none that is
 * understood.
 */
export async function readDocument(
  store: StateStore,
  key: string,
  { format, migrations = {} }: DocumentFormat,
): Promise<Document | null> {
  const found = await store.read(key);
  if (found === null || !isMap(found.value)) return null;
  let document: Document = found.value;
  const old = typeof document['format'] === 'number' ? document['format'] : 1;
  refuseNewer(key, old, format);
  if (old === format) return document;
  for (let from = old; from < format; from++) {
    const migrate = migrations[from];
    if (migrate === undefined) return null;
    document = migrate(document);
  }
  const migrated = inFormat({ format }, document);
  // First: whatever happens, it is there in the one form or the other.
  await store.put(`formats/${old}/${key}`, found.value);
  await store.putIf(key, migrated, found.revision);
  return migrated;
}

/** Throws a SignalboxError. */
export function refuseNewer(what: string, found: number, known: number): void {
  if (found <= known) return;
  throw new SignalboxError(
    'ERR_STATE_UNUSABLE',
    `the state "${what}" has the format ${found}, and this program knows ${known}: a newer one has written it. Run that one, or one that is newer still, or give this one a state of its own`,
  );
}
