// A server that says nothing over a connection of HTTP/2 is asked whether it is there, and given up when it does not
// answer.

import { Deadline } from '../../../core/timer-wheel.ts';
import type { FrameOutput } from '../../http2/frame-output.ts';
import type { UpstreamPeer } from '../connection-owner.ts';

const PING = Buffer.from('health..', 'latin1');

export class SilenceWatch {
  private readonly peer: UpstreamPeer;
  private readonly output: FrameOutput;
  private readonly gone: () => void;
  private readonly deadline: Deadline;
  private isAsked = false;

  /** Null where nobody wants to know. */
  static of(peer: UpstreamPeer, output: FrameOutput, gone: () => void): SilenceWatch | null {
    return peer.transport.readIdleTimeoutMs > 0 ? new SilenceWatch(peer, output, gone) : null;
  }

  private constructor(peer: UpstreamPeer, output: FrameOutput, gone: () => void) {
    this.peer = peer;
    this.output = output;
    this.gone = gone;
    this.deadline = new Deadline(() => this.silent());
  }

  /** A sign of life, whatever it says. */
  heard(): void {
    this.isAsked = false;
    this.peer.context.wheel.arm(this.deadline, this.peer.transport.readIdleTimeoutMs);
  }

  stop(): void {
    this.peer.context.wheel.remove(this.deadline);
  }

  private silent(): void {
    if (this.isAsked) {
      this.gone();
      return;
    }
    this.isAsked = true;
    this.output.ping(false, PING, 0);
    this.peer.context.wheel.arm(this.deadline, this.peer.transport.pingTimeoutMs);
  }
}
