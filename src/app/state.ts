// What survives the process: the store in the state directory, and what an earlier process has left there.

import { processSecret } from '../controlplane/store/process-secret.ts';
import { FileStore } from '../controlplane/store/file-store.ts';
import type { StateStore } from '../controlplane/store/define.ts';
import { StoredForms } from '../controlplane/store/stored-forms.ts';
import { StoredHistory } from '../controlplane/store/stored-history.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import type { Log } from '../core/log.ts';
import type { SavedHistory } from '../model/history.ts';
import type { StoredForm } from '../model/stored-form.ts';

export interface State {
  readonly store: StateStore;
  readonly history: StoredHistory;
  readonly saved: SavedHistory;
  readonly forms: StoredForms;
  readonly savedForms: readonly StoredForm[];
  /** See SharedState.secret. */
  readonly secret: Uint8Array;
}

/** Null where the install configuration names no directory. Rejects when it cannot be used. */
export async function openState(options: InstallConfig['state'], log: Log): Promise<State | null> {
  if (options === null) return null;
  const { directory } = options;
  const store = new FileStore({
    directory,
    now: () => Date.now(),
    onCorrupt: (path, reason) => log.error('a state file cannot be read and was set aside', { path, reason }),
    lock: {
      waiting: (holder) =>
        log.warn('the state directory is locked from where processes cannot be seen; waiting for a sign of life', {
          directory,
          ...holder,
        }),
    },
  });
  await store.start();
  const failed = (error: unknown): void => log.error('state cannot be written', { error: String(error) });
  const history = new StoredHistory(store, failed);
  const forms = new StoredForms(store, failed);
  return {
    store,
    history,
    saved: await history.load(),
    forms,
    savedForms: await forms.load(),
    secret: await processSecret(store),
  };
}

/** Writes what is on its way, and gives the directory up. */
export async function closeState(state: State | null): Promise<void> {
  await state?.history.flush();
  await state?.forms.flush();
  await state?.store.stop();
}
