// Where listening sockets come from: passed by the service manager or by the process before, or bound here.

import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { ListenAddress } from '../../model/entry-point.ts';
import { bindSocket, type BoundSocket } from '../../dataplane/net/listening-socket.ts';
import type { InheritedSockets } from './socket-activation.ts';

export class SocketSource {
  readonly #inherited: InheritedSockets | null;
  readonly #isSuccessor: boolean;
  readonly #log: Log;
  /** Whoever has passed some may have them still. */
  hasPassed = false;

  constructor(inherited: InheritedSockets | null, isSuccessor: boolean, log: Log) {
    this.#inherited = inherited;
    this.#isSuccessor = isSuccessor;
    this.#log = log;
  }

  /** Rejects with a SignalboxError when there is no socket to be had. */
  async open(name: string, address: ListenAddress, reusePort: boolean): Promise<BoundSocket> {
    let passed = this.#inherited?.take(name, address, this.#isSuccessor) ?? null;
    if (passed === null) {
      try {
        return await bindSocket(name, address, reusePort);
      } catch (error) {
        // Where the process before has listened can be had still.
        passed = this.#inherited?.take(name, address) ?? null;
        if (passed === null) throw error;
        this.#log.error('an entry point cannot be had where the configuration says, and stays where it was', {
          entryPoint: name,
          ...passed.address,
          error: messageOf(error),
        });
      }
    }
    this.hasPassed = true;
    this.#log.info('an entry point has the socket that was passed for it', { entryPoint: name, ...passed.address });
    return passed;
  }

  /** Nobody takes any more: what is left is told of and closed. */
  finish(): void {
    this.#inherited?.finish(this.#log);
  }
}
