// One side of a TCP connection through the router: what is read here is written there, and no more is read than the
// other side takes. Reads of little bytes go through shared memory and are copied; a side that brings much reads into
// slabs, from which it is written without a copy. bench/load, TCP throughput.

import type net from 'node:net';
import { heldMemory } from '../../core/held-memory.ts';
import { copyToSlab, readPlainly, refit, releaseSlab, type Reading, type ReadTarget } from '../net/fixed-read.ts';

/** A read of this much says that more is coming. */
const LARGE_BYTES = 16 * 1024;
/** Up to here bytes are written as text: one copy, no Buffer, and no memory that outlives the call. */
const SMALL_BYTES = 8 * 1024;
/** A side that takes bytes more slowly than the other one gives them costs this much and no more. */
const HIGH_WATER_BYTES = 256 * 1024;
/** An accepted socket changes to fixed memory with this read: for a single one it would not pay. */
const REFIT_READS = 2;
/** Sides of one worker that may hold a slab between two reads; further ones are copied. */
const MAX_HOLDERS = 256;

let holders = 0;

/** The connection both sides belong to. */
export interface LegOwner {
  /** Bytes have come, and go to the other side. */
  carried(leg: TcpLeg, bytes: number): void;
  /** Bytes have come before there was another side. */
  early(chunk: Buffer): void;
  ended(leg: TcpLeg): void;
  /** There is no room for what the other side has not taken. */
  overfull(): void;
  closed(leg: TcpLeg, error: Error | null): void;
}

export class TcpLeg implements ReadTarget {
  socket: net.Socket;
  /** Null until the server is connected. */
  peer: TcpLeg | null = null;
  bytesRead = 0;
  private reads = 0;
  /** Its side has said that nothing more comes. */
  hasEnded = false;
  isClosed = false;
  private readonly owner: LegOwner;
  private readonly reading: Reading;
  private readonly isSecure: boolean;
  private isFixed: boolean;
  private isHolder = false;
  private isPaused = false;
  /** Of what waits to be taken by the other side, in the memory of all that is in progress. */
  private heldBytes = 0;

  /** `isFixed`: the socket reads into fixed memory already. */
  constructor(owner: LegOwner, socket: net.Socket, reading: Reading, isSecure: boolean, isFixed: boolean) {
    this.owner = owner;
    this.socket = socket;
    this.reading = reading;
    this.isSecure = isSecure;
    this.isFixed = isFixed;
    readPlainly(socket, this, reading);
  }

  onRead(chunk: Buffer, length: number): void {
    const { peer } = this;
    this.bytesRead += length;
    if (peer === null) {
      // Whoever had the socket before may have let it run on.
      this.isPaused = true;
      this.socket.pause();
      this.owner.early(Buffer.from(chunk.subarray(0, length)));
      return;
    }
    this.owner.carried(this, length);
    peer.take(chunk, length, this.reading);
    if (this.isFixed) this.chooseMemory(length);
    if (peer.socket.writableLength >= HIGH_WATER_BYTES) this.wait(peer.socket.writableLength);
    else if (!this.isFixed && !this.isSecure && ++this.reads >= REFIT_READS) this.makeFixed();
  }

  private chooseMemory(length: number): void {
    if (length < LARGE_BYTES) this.releaseMemory();
    else if (!this.isHolder && holders < MAX_HOLDERS) {
      holders++;
      this.isHolder = true;
      this.reading.useSlabs();
    }
  }

  private releaseMemory(): void {
    if (!this.isHolder) return;
    holders--;
    this.isHolder = false;
    this.reading.useShared();
  }

  private makeFixed(): void {
    if (this.socket.writableEnded) return;
    const fixed = refit(this.socket, this, this.reading);
    if (fixed === null) return;
    this.socket = fixed;
    this.isFixed = true;
  }

  /** Writes what the other side has read. */
  private take(chunk: Buffer, length: number, from: Reading): void {
    const { socket } = this;
    if (length <= SMALL_BYTES) socket.write(chunk.latin1Slice(0, length), 'latin1');
    else if (from.claim()) socket.write(chunk.subarray(0, length), () => releaseSlab(chunk));
    else {
      const slab = copyToSlab(chunk, 0, length);
      socket.write(slab.subarray(0, length), () => releaseSlab(slab));
    }
  }

  /**
   * libuv says the same of a reset that comes with the last bytes as of an orderly end, and half a stream would pass
   * for the whole. The kernel knows: after a reset even a write of nothing fails, and `onClose` gets the error.
   */
  onEnd(): void {
    const { socket } = this;
    if (this.isSecure || socket.writableEnded || socket.writableLength > 0) {
      this.end();
      return;
    }
    socket.write('');
    setImmediate(() => {
      if (socket.errored === null && !this.isClosed) this.end();
    });
  }

  private end(): void {
    this.hasEnded = true;
    this.owner.ended(this);
  }

  /** Everything written is on its way, and an end without a word would be an end all the same. */
  get isFlushed(): boolean {
    return !this.isSecure && this.socket.writableLength === 0;
  }

  /** Passes on that nothing more comes; `done` is called when everything before is on its way. */
  finish(done: () => void): void {
    this.socket.end(done);
  }

  onDrain(): void {
    this.peer?.resume();
  }

  onClose(error: Error | null): void {
    this.isClosed = true;
    this.releaseMemory();
    this.giveMemory();
    this.owner.closed(this, error);
  }

  private wait(bytes: number): void {
    this.pause();
    if (this.heldBytes > 0) return;
    if (heldMemory.take(bytes)) this.heldBytes = bytes;
    else this.owner.overfull();
  }

  private giveMemory(): void {
    heldMemory.give(this.heldBytes);
    this.heldBytes = 0;
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.giveMemory();
    this.socket.resume();
  }

  /** Ends it so that what was carried does not pass for whole. */
  reset(): void {
    // A socket that is being shut down cannot be reset: Node would neither close it nor say so.
    if (this.isSecure || this.socket.writableEnded) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /** Ends it when everything written is on its way. */
  close(): void {
    this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
