// What operators ask of a running process by signals: to read its configuration again, to open its logs again, to tell
// of its memory.

import { messageOf } from '../../core/errors.ts';
import type { ApplicationLog } from '../../core/log.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Edge } from '../edge.ts';
import type { ServiceManager } from './service-manager.ts';

export interface UpkeepParts {
  readonly log: ApplicationLog;
  readonly controlPlane: ControlPlane;
  readonly edge: Edge;
  readonly manager: ServiceManager;
  isHandingOver(): boolean;
}

export class Upkeep {
  readonly #parts: UpkeepParts;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
  }

  /** SIGHUP. */
  async reload(): Promise<void> {
    const { log, controlPlane, manager } = this.#parts;
    if (this.#parts.isHandingOver()) {
      log.warn('a takeover is under way; the successor reads the configuration anyway');
      return;
    }
    log.info('reading the configuration again');
    await manager.reloading();
    await controlPlane.reload();
    await manager.ready();
    log.info('the configuration was read again');
  }

  /** SIGUSR1. */
  reopenLogs(): void {
    const { log, edge } = this.#parts;
    try {
      log.reopen();
    } catch (error) {
      log.error('the log file cannot be reopened', { error: messageOf(error) });
    }
    edge.reopenAccessLog();
  }

  /** SIGUSR2: memory of the workers, into the log. */
  requestMemory(): void {
    this.#parts.edge.supervisor.requestMemory();
  }
}
