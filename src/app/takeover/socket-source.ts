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
  /** By entry point. */
  readonly #own: Map<string, BoundSocket>;
  /** Whoever has passed some may have them still. */
  hasPassed = false;

  /** `own` are sockets that this process has bound before it began to start. */
  constructor(
    inherited: InheritedSockets | null,
    isSuccessor: boolean,
    log: Log,
    own: ReadonlyMap<string, BoundSocket> = new Map(),
  ) {
    this.#inherited = inherited;
    this.#isSuccessor = isSuccessor;
    this.#log = log;
    this.#own = new Map(own);
  }

  /** Rejects with a SignalboxError when there is no socket to be had. */
  async open(name: string, address: ListenAddress, reusePort: boolean): Promise<BoundSocket> {
    const own = this.#own.get(name);
    this.#own.delete(name);
    if (own !== undefined) return own;
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
