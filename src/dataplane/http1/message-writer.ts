// Writes heads and bodies to one socket, for both directions. Small pieces gather as text and leave in one write with
// what follows them - a head with its body, a chunk with the end of the message: one system call, no Buffer. Large
// pieces are written from the memory they were read into when it can be claimed.

import type net from 'node:net';
import { heldMemory } from '../../core/held-memory.ts';
import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import { copyToSlab, releaseSlab } from '../net/fixed-read.ts';
import { BODY_CHUNKED, BODY_CLOSE, BODY_LENGTH, BODY_NONE, type BodyFraming, type ChunkOwner } from '../http/body.ts';
import type { HeaderList } from '../http/message/header-list.ts';

/** Pieces up to here become text: copying them costs less than a second write. bench/load, 100 KB bodies. */
const SMALL_BYTES = 8 * 1024;
const OUTBOX_BYTES = 32 * 1024;
/** A peer that takes bytes more slowly than the other side gives them costs this much and no more. */
const HIGH_WATER_BYTES = 64 * 1024;

/** For a peer that has not taken what there is no room for. */
const REFUSED_MS = 100;

export class MessageWriter {
  socket: net.Socket;
  /** Of a body with a known length: bytes still to be written. */
  remaining = 0;
  private framing: BodyFraming = BODY_NONE;
  private outbox = '';
  private readonly wheel: TimerWheel;
  private readonly stallMs: number;
  private readonly stalled: () => void;
  private deadline: Deadline | null = null;
  private pendingBytes = 0;
  /** Of what waits, in the memory of all that is in progress. */
  private heldBytes = 0;
  /** There was no room for it: the peer is given up unless it takes everything at once. */
  private isRefused = false;

  /** `stalled` is called when the peer has taken no byte for `stallMs` although some wait. */
  constructor(socket: net.Socket, wheel: TimerWheel, stallMs: number, stalled: () => void) {
    this.socket = socket;
    this.wheel = wheel;
    this.stallMs = stallMs;
    this.stalled = stalled;
  }

  /** The end of the connection is the end of the body. */
  get isCloseDelimited(): boolean {
    return this.framing === BODY_CLOSE;
  }

  /** Begins a message; the head waits for the first piece or for `flush`. */
  begin(head: string, framing: BodyFraming, length: number): void {
    this.outbox += head;
    this.framing = framing;
    this.remaining = framing === BODY_LENGTH ? length : 0;
  }

  /** A head of its own that no body follows: 100 Continue, other 1xx. */
  writeHead(head: string): void {
    this.socket.write(head, 'latin1');
  }

  /** Takes a piece of the body and returns how many of its bytes count: none when the message has no body. */
  write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): number {
    let size = end - start;
    if (this.framing === BODY_NONE) return 0;
    if (this.framing === BODY_LENGTH) {
      // A body longer than announced would be read as the next message.
      if (size > this.remaining) size = this.remaining;
      this.remaining -= size;
    }
    if (size === 0) return 0;
    if (size <= SMALL_BYTES) {
      const text = chunk.latin1Slice(start, start + size);
      this.outbox += this.framing === BODY_CHUNKED ? `${size.toString(16)}\r\n${text}\r\n` : text;
      if (this.outbox.length >= OUTBOX_BYTES) this.flush();
    } else this.writeLarge(chunk, start, start + size, owner);
    return size;
  }

  private writeLarge(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): void {
    const socket = this.socket;
    const isChunked = this.framing === BODY_CHUNKED;
    if (isChunked) this.outbox += `${(end - start).toString(16)}\r\n`;
    socket.cork();
    this.flush();
    if (owner !== null && owner.claim()) socket.write(chunk.subarray(start, end), () => releaseSlab(chunk));
    else this.writeCopy(chunk, start, end);
    if (isChunked) socket.write('\r\n', 'latin1');
    socket.uncork();
  }

  private writeCopy(chunk: Buffer, start: number, end: number): void {
    const slab = copyToSlab(chunk, start, end);
    this.socket.write(slab.subarray(0, end - start), () => releaseSlab(slab));
  }

  flush(): void {
    if (this.outbox === '') return;
    this.socket.write(this.outbox, 'latin1');
    this.outbox = '';
  }

  /** Ends the body. False when it is shorter than announced: the peer must not take it for complete. */
  end(trailers: HeaderList | null): boolean {
    if (this.framing === BODY_CHUNKED) this.outbox += trailers === null ? '0\r\n\r\n' : `0\r\n${trailers.render()}\r\n`;
    else if (this.framing === BODY_LENGTH && this.remaining > 0) return false;
    this.flush();
    return true;
  }

  /** False asks the writer's user to wait for the socket's drain; from then on the peer is watched. */
  hasRoom(): boolean {
    const pending = this.socket.writableLength;
    if (pending < HIGH_WATER_BYTES) return true;
    this.deadline ??= new Deadline(() => this.expired());
    this.pendingBytes = pending;
    if (this.heldBytes === 0) {
      if (heldMemory.take(pending)) this.heldBytes = pending;
      else this.isRefused = true;
    }
    this.wheel.arm(this.deadline, this.isRefused ? REFUSED_MS : this.stallMs);
    return false;
  }

  drained(): void {
    if (this.deadline === null) return;
    this.wheel.disarm(this.deadline);
    this.giveMemory();
  }

  private giveMemory(): void {
    heldMemory.give(this.heldBytes);
    this.heldBytes = 0;
    this.isRefused = false;
  }

  dispose(): void {
    if (this.deadline !== null) this.wheel.remove(this.deadline);
    this.giveMemory();
    this.outbox = '';
  }

  private expired(): void {
    const pending = this.socket.writableLength;
    if (pending === 0 || this.socket.destroyed) return;
    if (pending < this.pendingBytes && !this.isRefused) {
      // Slow, but moving.
      this.pendingBytes = pending;
      this.wheel.arm(this.deadline!, this.stallMs);
    } else this.stalled();
  }
}
