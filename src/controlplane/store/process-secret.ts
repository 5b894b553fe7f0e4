// The random bytes that sign what clients bring back: sticky cookies, nonces. Kept with the state, so that a restart
// does not send every client somewhere else.

import { randomBytes } from 'node:crypto';
import type { StateStore } from './define.ts';
import { inFormat, readDocument, type DocumentFormat } from './documents.ts';

const KEY = 'secret';
const BYTES = 32;
const FORMAT: DocumentFormat = { format: 1 };

/** Of the store; without one, fresh for this process. Rejects when the store cannot be written. */
export async function processSecret(store: StateStore | null): Promise<Uint8Array> {
  const fresh = randomBytes(BYTES);
  if (store === null) return fresh;
  // Written below; anything else is as good as nothing.
  const text = (await readDocument(store, KEY, FORMAT))?.['bytes'];
  if (typeof text === 'string') {
    const bytes = Buffer.from(text, 'base64');
    if (bytes.length === BYTES) return bytes;
  }
  await store.put(KEY, inFormat(FORMAT, { bytes: fresh.toString('base64') }));
  return fresh;
}
