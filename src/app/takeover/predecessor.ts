// The process this one was started by to succeed it: asked for what it has in memory, and told when it may go, or why
// it must stay.

import { once } from 'node:events';
import {
  SUCCEEDS_VARIABLE,
  TAKEOVER_PROTOCOL,
  type FromPredecessor,
  type FromSuccessor,
  type Inheritance,
} from '../../model/message/takeover.ts';

export class Predecessor {
  readonly pid: number;
  #isDone = false;

  private constructor(pid: number) {
    this.pid = pid;
  }

  /** Null when this process succeeds nobody. The variable alone says nothing: children inherit it. */
  static find(environment: Record<string, string | undefined>): Predecessor | null {
    const text = environment[SUCCEEDS_VARIABLE];
    delete environment[SUCCEEDS_VARIABLE];
    if (text === undefined || process.channel === undefined) return null;
    // One that has ended since is nobody's parent any more: its sockets are here all the same.
    if (text !== String(process.ppid) && isThere(Number(text))) return null;
    // The channel must not keep this process alive, nor end it.
    process.channel?.unref();
    return new Predecessor(Number(text));
  }

  /** What it has; from now on it writes nothing. Null when it is gone: its sockets are here, and nobody else serves. */
  async claim(): Promise<Inheritance | null> {
    const answered = once(process, 'message') as Promise<[FromPredecessor]>;
    const gone = once(process, 'disconnect').then(() => null);
    process.channel?.ref();
    await send({ kind: 'claim', protocol: TAKEOVER_PROTOCOL });
    const answer = process.connected ? await Promise.race([answered, gone]) : null;
    process.channel?.unref();
    return answer?.[0].inheritance ?? null;
  }

  /** Requests are served here: it stops accepting, finishes, and ends. */
  ready(): Promise<void> {
    return this.#finish({ kind: 'ready' });
  }

  /** It goes on as if nothing had been. */
  failed(reason: string): Promise<void> {
    return this.#finish({ kind: 'failed', reason });
  }

  async #finish(message: FromSuccessor): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    await send(message);
    if (process.connected) process.disconnect();
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Settles when the message has left, or there is nobody to send it to. */
function send(message: FromSuccessor): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
