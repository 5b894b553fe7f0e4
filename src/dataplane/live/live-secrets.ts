// The whole objects that a snapshot hides, as a worker has them: what is built of a delta is built of these. Of
// certificates the TLS store keeps what it is sent: one that is renewed comes into force without a delta.

import { isOfCertificate, withSecrets, type Secret, type SecretsChange } from '../../model/secrets.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';

export class LiveSecrets {
  readonly #objects = new Map<string, Secret>();

  /** Those that have changed, or all that there are. What is built keeps what it was built of. */
  set({ changed, removed }: SecretsChange, isWhole = false): void {
    if (isWhole) this.#objects.clear();
    for (const name of removed) this.#objects.delete(name);
    for (const [name, secret] of Object.entries(changed)) if (!isOfCertificate(secret)) this.#objects.set(name, secret);
  }

  /** The delta with whole objects. Throws when one is not here: its snapshot cannot be put into force. */
  whole(delta: SnapshotDelta): SnapshotDelta {
    const changed = withSecrets(delta.changed, (name) => this.#objects.get(name));
    return changed === delta.changed ? delta : { ...delta, changed };
  }
}
