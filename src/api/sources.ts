// What the operations of the API read and work on; the composition root has it.

import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import type { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import type { CertificateStatus } from '../model/certificate.ts';
import type { StapleStatus } from '../model/message/staple.ts';
import type { ProcessCommand } from '../model/message/takeover.ts';
import type { WorkerStatus } from '../model/message/worker-status.ts';
import type { EventBus } from '../observe/event-bus.ts';
import type { HealthOf } from './traefik-view.ts';

export interface ApiSources {
  /** In force at the moment. */
  readonly install: () => InstallConfig;
  readonly pipeline: Pipeline;
  readonly events: EventBus;
  readonly version: string;
  readonly startedAt: Date;
  readonly workers: () => readonly WorkerStatus[];
  readonly healthOf: HealthOf;
  /** Of the certificates resolvers. */
  readonly certificates: () => readonly CertificateStatus[];
  /** What authorities say of certificates; empty when nobody asks them. */
  readonly staples: () => readonly StapleStatus[];
  /** What the provider `rest` was given, as it came. */
  readonly pushed: (text: string) => void;
  /** Null where the router is part of another program. */
  readonly takeover: TakeoverSource | null;
  /** Of the internal entry point; null when nothing listens there. */
  readonly internalPort: () => number | null;
  /** Bound port by entry point. */
  readonly ports: () => ReadonlyMap<string, number>;
}

/** How a successor comes about. */
export interface TakeoverSource {
  /** Of the running process. */
  readonly command: ProcessCommand;
  /** Settles with the successor's process id when it serves. Rejects with a SignalboxError when it does not. */
  begin(command: ProcessCommand): Promise<number>;
}
