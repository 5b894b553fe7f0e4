// One side of an HTTP/2 connection that only notes what it is asked, over a socket that takes a write when it is told
// to: what both sides do alike is tested with it.

import { EventEmitter } from 'node:events';
import type net from 'node:net';
import { ManualClock } from '../../src/core/clock.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import type { Field } from '../../src/dataplane/http2/hpack/field.ts';
import type { FieldReceiver } from '../../src/dataplane/http2/hpack/hpack-decoder.ts';
import { IncomingStream, type StreamOwner } from '../../src/dataplane/http2/incoming-stream.ts';
import { ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, NO_ERROR } from '../../src/dataplane/http2/protocol.ts';
import { ReceiveWindow } from '../../src/dataplane/http2/receive-window.ts';
import { Http2Session, STATE_OPEN, STATE_OVER } from '../../src/dataplane/http2/session.ts';
import { FAILURES, type Failure } from '../../src/dataplane/http/failure.ts';
import { frame } from './raw-http2.ts';

/** Settles when the present turn of the event loop is over. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export const WINDOW = 100_000;

/** Takes a write only when told to. */
class SlowSocket extends EventEmitter {
  destroyed = false;
  isPaused = false;
  bytes = Buffer.alloc(0);
  #done: (() => void) | null = null;

  write(chunk: Buffer, written?: () => void): boolean {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    if (written !== undefined) this.#done = written;
    return true;
  }
  cork(): void {}
  uncork(): void {}
  end(): void {}
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  take(): void {
    const done = this.#done;
    this.#done = null;
    done?.();
  }
}

class LabStream extends IncomingStream {
  readonly owner: StreamOwner<LabStream>;
  readonly seen: string[] = [];
  credited = 0;

  constructor(owner: StreamOwner<LabStream>, id: number, sendWindow: number) {
    super(id, sendWindow, null, new ReceiveWindow(WINDOW, WINDOW));
    this.owner = owner;
  }
  receive(chunk: Buffer, start: number, end: number): boolean {
    this.seen.push(chunk.latin1Slice(start, end));
    this.owner.flushLater(this);
    return !this.seen.at(-1)!.includes('!');
  }
  override deliver(): void {
    this.seen.push('deliver');
  }
  credit(bytes: number): void {
    this.credited += bytes;
  }
  get hasSink(): boolean {
    return true;
  }
  pass(): void {}
  passEnd(): void {}
  passPause(): void {}
  giveUp(): void {}
  hasRoom(): void {}
  sendEnd(): void {}
}

class LabSession extends Http2Session<LabStream> {
  readonly calls: string[] = [];
  readonly names: string[] = [];

  onRead(chunk: Buffer): void {
    this.feed(chunk, 0, chunk.length);
  }
  open(id: number): LabStream {
    const stream = new LabStream(this, id, this.settings.initialWindow);
    this.streams.set(id, stream);
    return stream;
  }
  get now(): number {
    return this.state;
  }
  set now(state: number) {
    this.state = state;
  }
  moved(): boolean {
    return this.hasMoved();
  }
  say(bytes: number): void {
    const frame = Buffer.alloc(8);
    for (let size = 0; size < bytes; size += 17) this.output.ping(true, frame, 0);
  }
  onHeaders(_: number, block: Buffer, start: number, end: number, endStream: boolean): number {
    if (!endStream) return this.skipBlock(block, start, end);
    return this.decode(block, start, end, { field: (field: Field) => void this.names.push(field.name) });
  }
  onDataFrame(streamId: number, length: number): number {
    if (!this.beginData(length)) return FLOW_CONTROL_ERROR;
    this.dataStream = this.streams.get(streamId) ?? null;
    return NO_ERROR;
  }
  override onPriority(): number {
    return this.chargeControl(1);
  }
  onReset(): number {
    return NO_ERROR;
  }
  onGoaway(): number {
    return NO_ERROR;
  }
  completed(): void {}
  reset(): void {}
  protected get lastPeerStreamId(): number {
    return 77;
  }
  protected failureOf(code: number): Failure {
    return code === ENHANCE_YOUR_CALM ? FAILURES.http2Flood : FAILURES.http2Error;
  }
  protected decode(block: Buffer, start: number, end: number, fields: FieldReceiver): number {
    return this.decoder.decode(block, start, end, fields, 4096, 100);
  }
  protected settingsAcknowledged(): void {
    this.calls.push('acknowledged');
  }
  protected settingsApplied(): void {
    this.calls.push('applied');
  }
  protected pingAnswered(payload: Buffer, start: number): void {
    this.calls.push(`pong ${payload.latin1Slice(start, start + 8)}`);
  }
  protected breakStream(stream: LabStream, code: number): number {
    this.calls.push(`break ${stream.id} ${code}`);
    return NO_ERROR;
  }
  protected checkLateFrame(streamId: number): number {
    this.calls.push(`late ${streamId}`);
    return NO_ERROR;
  }
  protected dataDropped(bytes: number): void {
    this.creditConnection(bytes);
  }
  protected dataRefused(stream: LabStream, bytes: number): void {
    this.calls.push(`refused ${stream.id} ${bytes}`);
  }
  protected endData(stream: LabStream): number {
    this.calls.push(`end ${stream.id}`);
    return NO_ERROR;
  }
  protected armStall(): void {
    this.calls.push('stall');
  }
  protected resumed(): void {
    this.calls.push('resumed');
  }
  protected end(): void {
    this.calls.push('over');
    this.state = STATE_OVER;
    this.reader.stop();
    this.output.end();
  }
  protected breakAll(failure: Failure): void {
    this.calls.push(failure.flag);
  }
}

export interface SessionLab {
  readonly socket: SlowSocket;
  readonly session: LabSession;
  /** What has been written since this was asked last. */
  readonly sent: () => Promise<string[]>;
}

export function sessionLab(): SessionLab {
  const socket = new SlowSocket();
  // The part of a socket that is used.
  const session = new LabSession(socket as unknown as net.Socket, new TimerWheel(new ManualClock()), {
    isServer: false,
    maxBlockBytes: 4096,
    maxEncoderTableBytes: 4096,
    windowBytes: WINDOW,
  });
  session.now = STATE_OPEN;
  // Nothing may come before the peer's settings.
  session.onRead(frame(4, 0, 0));
  session.output.flush();
  socket.bytes = Buffer.alloc(0);
  socket.take();
  session.calls.length = 0;
  return {
    socket,
    session,
    sent: async () => {
      await turn();
      const { bytes } = socket;
      socket.bytes = Buffer.alloc(0);
      socket.take();
      const frames: string[] = [];
      for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
        const payload = bytes.subarray(at + 9, at + 9 + bytes.readUIntBE(at, 3));
        frames.push(
          `${bytes[at + 3]} ${bytes[at + 4]} ${bytes.readUInt32BE(at + 5)} ${payload.toString('hex')}`.trim(),
        );
      }
      return frames;
    },
  };
}
