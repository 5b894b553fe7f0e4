// How a router ends: after a signal, which lets clients notice first, or since a successor serves. Whichever comes
// first counts; the parts end in their order, but for the drain, which begins at once.

import { DRAIN_PATIENCE_MS } from '../../dataplane/engine/entry-points.ts';
import type { ApplicationLog } from '../../core/log.ts';
import type { Admin } from '../admin.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Edge } from '../edge.ts';
import type { Life } from '../life.ts';
import type { Handover } from '../takeover/handover.ts';
import type { SocketSource } from '../takeover/socket-source.ts';
import type { ServiceManager } from './service-manager.ts';

/** For a client that has sent its request, or is about to, when it cannot know yet that this process stops. */
const STOP_PATIENCE_MS = 1_000;

/** What a reader of the log that takes nothing can hold up the end of the process. */
const FLUSH_MS = 1_000;

export interface EndingParts {
  readonly log: ApplicationLog;
  readonly controlPlane: ControlPlane;
  readonly edge: Edge;
  readonly admin: Admin;
  readonly life: Life;
  readonly sockets: SocketSource;
  readonly manager: ServiceManager;
  /** Null in a program of somebody else's. */
  readonly handover: Handover | null;
}

export class Ending {
  readonly #parts: EndingParts;
  #ending: Promise<void> | null = null;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** Goes on accepting for the grace time, then drains and stops everything. */
  stop(): Promise<void> {
    this.#ending ??= this.#stop();
    return this.#ending;
  }

  async #stop(): Promise<void> {
    const { log, controlPlane, edge, admin, manager, handover, sockets } = this.#parts;
    const { requestAcceptGraceMs, graceMs } = controlPlane.pipeline.install;
    const { isServing } = controlPlane;
    edge.supervisor.leave(STOP_PATIENCE_MS);
    await handover?.abort();
    admin.terminating();
    log.info('shutting down', { requestAcceptGraceMs, graceMs });
    await manager.stopping();
    if (isServing && requestAcceptGraceMs > 0)
      await new Promise((resolve) => setTimeout(resolve, requestAcceptGraceMs));
    await this.#end(graceMs, STOP_PATIENCE_MS, sockets.hasPassed);
  }

  /** From the signal to the end, at most. */
  get stopMs(): number {
    const { controlPlane } = this.#parts;
    const { requestAcceptGraceMs, graceMs } = controlPlane.pipeline.install;
    return (controlPlane.isServing ? requestAcceptGraceMs : 0) + graceMs;
  }

  /** A successor serves: stops accepting, and ends when what is in flight has finished or the grace time is over. */
  leave(): Promise<void> {
    this.#ending ??= this.#leave();
    return this.#ending;
  }

  async #leave(): Promise<void> {
    const { admin, controlPlane } = this.#parts;
    admin.leave();
    await this.#end(controlPlane.pipeline.install.graceMs, DRAIN_PATIENCE_MS, true);
  }

  async #end(graceMs: number, patienceMs: number, isShared: boolean): Promise<void> {
    const { log, controlPlane, edge, life } = this.#parts;
    // Begins to drain at once; whether it has ended is asked when its turn comes.
    edge.stop(graceMs, patienceMs, isShared).catch(() => {});
    // A start that is under way ends at its next step.
    controlPlane.waitNoLonger();
    await life.stop();
    log.info('stopped');
    await log.flush(FLUSH_MS);
  }
}
