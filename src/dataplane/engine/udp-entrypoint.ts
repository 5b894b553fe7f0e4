// A UDP entry point in the one worker that has its socket: takes datagrams and gives them to nobody as long as no router
// stands on it.

import type { Socket } from 'node:dgram';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { EntryPointSpec } from '../../model/entrypoint.ts';
import { adoptDatagrams } from '../net/datagram-handle.ts';

export interface UdpEntryPointDependencies {
  readonly wheel: TimerWheel;
}

export class UdpEntryPoint {
  spec: EntryPointSpec;
  /** Datagrams without a router. */
  dropped = 0;
  #socket: Socket | null = null;

  constructor(spec: EntryPointSpec, _dependencies: UdpEntryPointDependencies) {
    this.spec = spec;
  }

  /** Reads from a handle this worker alone owns; called in one worker only. */
  listen(handle: object): void {
    this.#socket = adoptDatagrams(handle);
    this.#socket.on('error', () => {});
    this.#socket.on('message', () => this.dropped++);
  }

  /** The same socket with other options. */
  update(spec: EntryPointSpec): void {
    this.spec = spec;
  }

  /** Takes no new sessions; settles when the last one is over. */
  drain(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends what is left and gives up the socket; returns the number of sessions that were open. */
  destroy(): number {
    this.#socket?.close();
    this.#socket = null;
    return 0;
  }
}
