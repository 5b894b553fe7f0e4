// What a router gives up for its successor, in which order, and takes back when none comes to serve. The takeover
// itself is takeover.ts; this is what it means for the parts of the process.

import type { TakeoverSource } from '../../api/sources.ts';
import type { AcmeManager } from '../../controlplane/acme/acme-manager.ts';
import { INTERNAL_ENTRY_POINT } from '../../controlplane/config/install/internal-routing.ts';
import type { Pipeline } from '../../controlplane/pipeline/pipeline.ts';
import type { StateStore } from '../../controlplane/store/define.ts';
import type { StoredForms } from '../../controlplane/store/stored-forms.ts';
import type { StoredHistory } from '../../controlplane/store/stored-history.ts';
import type { Log } from '../../core/log.ts';
import type { SavedHistory } from '../../model/history.ts';
import type { Secrets } from '../../model/secrets.ts';
import type { Cells } from '../../model/message/cells.ts';
import type { Inheritance, ProcessCommand } from '../../model/message/takeover.ts';
import type { BoundSocket } from '../../dataplane/net/listening-socket.ts';
import type { Supervisor } from '../../supervisor/supervisor.ts';
import type { InstallWatch } from '../install-watch.ts';
import type { ServiceManager } from '../process/service-manager.ts';
import { ownCommand, Takeover } from './takeover.ts';

export interface HandoverParts {
  readonly log: Log;
  readonly pipeline: Pipeline;
  readonly supervisor: Supervisor;
  readonly cells: Cells;
  readonly acme: AcmeManager | null;
  readonly watch: InstallWatch | null;
  readonly manager: ServiceManager;
  readonly state: { readonly store: StateStore; readonly history: StoredHistory; readonly forms: StoredForms } | null;
  /** Of the internal entry point; null when nothing listens there. */
  internalSocket(): BoundSocket | null;
  /** What the provider `rest` was last given. */
  pushed(): string | null;
  handedOver(pid: number): void;
}

export class Handover implements TakeoverSource {
  readonly command = ownCommand();
  readonly #parts: HandoverParts;
  readonly #takeover: Takeover;
  /** A successor has claimed what only one process may have. */
  #isSuspended = false;

  constructor(parts: HandoverParts) {
    this.#parts = parts;
    this.#takeover = new Takeover({
      log: parts.log,
      sockets: () => this.#sockets(),
      suspend: () => this.#suspend(),
      resume: () => this.#resume(),
    });
  }

  /** Changes would be lost. */
  get isUnderWay(): boolean {
    return this.#takeover.isUnderWay;
  }

  async begin(command: ProcessCommand): Promise<number> {
    const pid = await this.#takeover.begin(command);
    await this.#parts.manager.succeededBy(pid);
    // The answer leaves first.
    setImmediate(() => this.#parts.handedOver(pid));
    return pid;
  }

  /** This process ends: nobody is to succeed it. */
  abort(): Promise<void> {
    return this.#takeover.abort();
  }

  #sockets(): ReadonlyMap<string, { readonly fd: number }> {
    const { supervisor } = this.#parts;
    const all = new Map([...supervisor.sockets].map(([name, { handle }]) => [name, handle]));
    const internal = this.#parts.internalSocket();
    if (internal !== null) all.set(INTERNAL_ENTRY_POINT, internal.handle);
    return all;
  }

  /** Nothing changes here from now on, and nothing is written. */
  async #suspend(): Promise<Inheritance> {
    const { pipeline, acme, state, cells } = this.#parts;
    this.#isSuspended = true;
    await pipeline.pause();
    await acme?.stop();
    await state?.history.flush();
    await state?.forms.flush();
    await state?.store.stop();
    return {
      ticketKeys: Buffer.from(cells.ticketKeys.value).toString('base64'),
      secret: Buffer.from(cells.sharedSecret.value).toString('base64'),
      rest: this.#parts.pushed(),
      history: state === null ? newestAndPinned(pipeline) : { entries: [], pinned: null },
      lastGood: state === null ? pipeline.lastGoodForms : [],
    };
  }

  async #resume(): Promise<void> {
    const { log, pipeline, acme, state, watch } = this.#parts;
    if (this.#isSuspended) {
      this.#isSuspended = false;
      await state?.store.start().catch((error: unknown) => {
        log.error('the state directory cannot be opened again', { error: String(error) });
      });
      await acme?.resume();
      pipeline.resume();
    }
    // What has changed meanwhile was left to the successor.
    await watch?.reload();
  }
}

function newestAndPinned({ history }: Pipeline): SavedHistory {
  const { pinned } = history;
  const newest = history.entries.at(-1)?.version ?? null;
  const versions = [...new Set([pinned, newest])].filter((version) => version !== null).toSorted((a, b) => a - b);
  const secrets = Object.assign({}, ...versions.map((version) => history.secretsOf(version))) as Secrets; // Each a part of them.
  return { entries: versions.flatMap((version) => history.get(version) ?? []), pinned, secrets };
}
