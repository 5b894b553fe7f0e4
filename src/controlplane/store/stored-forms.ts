// Last good forms of objects in a state store: one document, written behind the control plane's back. While one is
// being written, of those that follow only the newest is.

import type { StoredForm } from '../../model/stored-form.ts';
import type { StateStore } from './define.ts';
import { inFormat, readDocument, type DocumentFormat } from './documents.ts';

const KEY = 'last-good';
const FORMAT: DocumentFormat = { format: 1 };

export class StoredForms {
  readonly #store: StateStore;
  readonly #failed: (error: unknown) => void;
  #next: readonly StoredForm[] | null = null;
  #writing: Promise<void> | null = null;

  constructor(store: StateStore, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /** What an earlier process has left. */
  async load(): Promise<readonly StoredForm[]> {
    const saved = (await readDocument(this.#store, KEY, FORMAT)) as { forms?: readonly StoredForm[] } | null; // Written by `save`, and its checksum holds.
    // Those of versions that did not say whose words they are cannot be decoded as they were.
    return (saved?.forms ?? []).filter(({ words }) => words !== undefined);
  }

  save(forms: readonly StoredForm[]): void {
    this.#next = forms;
    this.#writing ??= this.#write();
  }

  /** Settles when everything so far is written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#next !== null) {
      const forms = this.#next;
      this.#next = null;
      await this.#store.put(KEY, inFormat(FORMAT, { forms })).catch(this.#failed);
    }
    this.#writing = null;
  }
}
