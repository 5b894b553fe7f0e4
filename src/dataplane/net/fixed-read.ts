// Reads of data plane sockets into memory that is reused. All connections of a worker read into one shared buffer, so
// an idle connection owns none; a connection that moves a large body takes slabs from a pool instead, which a sink may
// claim and hand to a write without copying.
//
// The fast form uses the documented `onread` option. For accepted sockets it wraps the handle of a plain net.Socket in
// a second one, which touches `_handle`: should that field be gone, sockets keep their 'data' events and everything
// works as before, more slowly. bench/load shows what it buys: 12 % of a keep-alive request.

import net from 'node:net';
import tls from 'node:tls';
import { heldMemory } from '../../core/held-memory.ts';
import { descriptors } from './descriptors.ts';
import { hasReadEnd } from './read-end.ts';
import { turns, type Arrived } from './turns.ts';

/** Receives what happens on one socket. Calls come one at a time, never from within a call into the socket. */
export interface ReadTarget {
  /** `chunk[0, length)` is valid during the call, or longer if claimed. */
  onRead(chunk: Buffer, length: number): void;
  /** The peer sent FIN. */
  onEnd(): void;
  onDrain(): void;
  /** No more calls follow. `error` is null after an orderly close. */
  onClose(error: Error | null): void;
}

/** A connection to a server that is silent for this long is probed. */
export const KEEP_ALIVE_MS = 15_000;

const SLAB_BYTES = 128 * 1024;
const MAX_POOLED_SLABS = 64;

const shared = Buffer.allocUnsafeSlow(64 * 1024);
const slabs: Buffer[] = [];

/** State the shared listeners find on the socket; one object per connection instead of five closures. */
interface OwnedSocket extends net.Socket, Arrived {
  /** What Node's handles have besides the declared fields. `reading`: the stream above wants what comes. */
  readonly _handle?: { readonly reading?: boolean; readStart?(): number; readStop?(): number } | null;
  target: ReadTarget;
  reading: Reading;
  closeError: Error | null;
  /** A client's: it takes turns with others. */
  isAccepted: boolean;
  /** Its reads go to memory that is reused. */
  isFixed: boolean;
  /** What has come and stands in the line. */
  held: Buffer | null;
}

/** More than this is part of a body, and need not wait: it is written on without being looked at. */
const MAX_WAITING_READ = 4096;
/** So much may wait of one connection before it is read no further. */
const MAX_HELD_BYTES = 16 * 1024;

interface MemoryOfRead {
  readonly chunk: Buffer;
  readonly claimed: boolean;
}

/** How the next read of one socket gets its memory. */
export class Reading {
  private chunk: Buffer = shared;
  private wantsSlab = false;
  private claimed = false;

  /** From now on reads go to slabs, which a sink can claim. Reset by `useShared`. */
  useSlabs(): void {
    this.wantsSlab = true;
  }

  useShared(): void {
    this.wantsSlab = false;
  }

  /**
   * Takes the chunk being delivered out of the reader's hands; false when it is shared memory, or has been taken: given
   * back twice, it would be two connections' memory at once.
   */
  claim(): boolean {
    if (this.chunk === shared || this.claimed) return false;
    this.claimed = true;
    return true;
  }

  /** Memory for the next read; null keeps the present one. */
  nextChunk(): Buffer | null {
    const previous = this.chunk;
    if (this.wantsSlab) {
      if (previous !== shared && !this.claimed) return null;
      this.chunk = slabs.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
    } else {
      if (previous === shared) return null;
      if (!this.claimed) releaseSlab(previous);
      this.chunk = shared;
    }
    this.claimed = false;
    return this.chunk;
  }

  /** The memory that the next read comes into, while something else is delivered. */
  setAside(): MemoryOfRead {
    return { chunk: this.chunk, claimed: this.claimed };
  }

  takeUp({ chunk, claimed }: MemoryOfRead): void {
    this.chunk = chunk;
    this.claimed = claimed;
  }

  /** A 'data' event's chunk belongs to whoever takes it. */
  deliverOwned(chunk: Buffer): void {
    this.chunk = chunk;
    this.claimed = false;
  }

  /** The socket is gone: gives back an unclaimed slab. */
  dispose(): void {
    if (this.chunk !== shared && !this.claimed && this.chunk.length === SLAB_BYTES) releaseSlab(this.chunk);
    this.chunk = shared;
    this.wantsSlab = false;
    this.claimed = false;
  }
}

/**
 * A slab that holds `chunk[start, end)`, for bytes that must outlive their memory; give it back with `releaseSlab`. A
 * fresh Buffer in its place costs little itself, but its 64 KiB outside of the heap drive the collector: bench/load,
 * 100 KB bodies.
 */
export function copyToSlab(chunk: Buffer, start: number, end: number): Buffer {
  if (end - start > SLAB_BYTES) return Buffer.from(chunk.subarray(start, end));
  const slab = slabs.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  chunk.copy(slab, 0, start, end);
  return slab;
}

/** Gives a claimed chunk back once its bytes are written. Foreign buffers are left to the collector. */
export function releaseSlab(chunk: Buffer): void {
  if (chunk.length === SLAB_BYTES && slabs.length < MAX_POOLED_SLABS) slabs.push(chunk);
}

/** What the read callback leaves for the buffer callback, which Node calls right after it and without a receiver. */
let upcoming: Buffer | null = shared;

function takeUpcoming(): Buffer {
  const chunk = upcoming;
  upcoming = null;
  // Anything but a Uint8Array means: keep the buffer in use. The declared type knows no such answer.
  return chunk as Buffer;
}

function onFixedRead(this: OwnedSocket, length: number, chunk: Buffer): boolean {
  upcoming = null;
  if (this.isAccepted && mustWait(this, length)) hold(this, Buffer.from(chunk.subarray(0, length)));
  else {
    turns.reads++;
    this.target.onRead(chunk, length);
  }
  upcoming = this.reading.nextChunk();
  return true;
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  if (this.isAccepted && mustWait(this, chunk.length)) {
    hold(this, chunk);
    return;
  }
  turns.reads++;
  this.reading.deliverOwned(chunk);
  this.target.onRead(chunk, chunk.length);
}

/** Whether what was read has to stand in line; behind what waits already it has to. */
function mustWait(socket: OwnedSocket, length: number): boolean {
  return socket.held !== null || (turns.isCrowded && length <= MAX_WAITING_READ);
}

function hold(socket: OwnedSocket, chunk: Buffer): void {
  // Until the next turns, which come whatever happens: there is nothing to refuse.
  heldMemory.add(chunk.length);
  if (socket.held === null) {
    socket.held = chunk;
    turns.await(socket);
    return;
  }
  socket.held = Buffer.concat([socket.held, chunk]);
  if (socket.held.length > MAX_HELD_BYTES) socket._handle?.readStop?.();
}

function takeHeld(socket: OwnedSocket): Buffer | null {
  const { held } = socket;
  if (held !== null) heldMemory.give(held.length);
  socket.held = null;
  return held;
}

function deliver(this: OwnedSocket): void {
  const chunk = takeHeld(this);
  if (chunk === null || this.destroyed) return;
  // What is read next comes into the memory that the socket has now, whatever is claimed meanwhile.
  const { reading } = this;
  const present = this.isFixed ? reading.setAside() : null;
  turns.reads++;
  reading.deliverOwned(chunk);
  this.target.onRead(chunk, chunk.length);
  if (present !== null) reading.takeUp(present);
  // One that is paused is started by whoever resumes it.
  if (chunk.length > MAX_HELD_BYTES && this._handle?.reading === true) this._handle.readStart?.();
}

function onEnd(this: OwnedSocket): void {
  this.deliver();
  this.target.onEnd();
}

function onDrain(this: OwnedSocket): void {
  this.target.onDrain();
}

function onError(this: OwnedSocket, error: Error): void {
  this.closeError = error;
}

function onClose(this: OwnedSocket): void {
  takeHeld(this);
  if (!this.isAccepted) descriptors.serverClosed();
  this.reading.dispose();
  this.target.onClose(this.closeError);
}

function own(socket: net.Socket, target: ReadTarget, reading: Reading): OwnedSocket {
  const owned = socket as OwnedSocket; // The fields are assigned here.
  owned.target = target;
  owned.reading = reading;
  owned.closeError = null;
  owned.isAccepted = !socket.connecting;
  if (!owned.isAccepted) descriptors.serverOpened();
  owned.isFixed = false;
  owned.held = null;
  owned.deliver = deliver;
  owned.on('error', onError);
  owned.on('end', onEnd);
  owned.on('drain', onDrain);
  owned.on('close', onClose);
  return owned;
}

/**
 * Attaches a target to an accepted socket with plain 'data' events; `refit` makes it fast once it has proven to stay. A
 * socket that has a target changes it: the connection turned out to speak another protocol.
 */
export function readPlainly(socket: net.Socket, target: ReadTarget, reading: Reading): void {
  const owned = socket as Partial<OwnedSocket>;
  if (owned.target !== undefined) {
    owned.target = target;
    owned.reading = reading;
    return;
  }
  own(socket, target, reading).on('data', onData);
}

/** Options that net.Socket takes besides the declared ones. */
interface HandleOptions extends net.SocketConstructorOpts {
  handle: unknown;
  onread: net.OnReadOpts;
}

/**
 * Moves the connection of `socket` to a new socket that reads into fixed memory, and returns that one; the old object
 * is dead afterwards. Returns null, with nothing changed, when data is still to be written, the end has been read
 * already, or Node offers no handle. Call it
 * outside of the socket's own callbacks or at the end of a read.
 */
export function refit(socket: net.Socket, target: ReadTarget, reading: Reading): net.Socket | null {
  const holder = socket as net.Socket & { _handle?: { readStop?: () => number; reading?: boolean } | null };
  const handle = holder._handle;
  if (hasReadEnd(socket)) return null;
  if (handle == null || socket.destroyed || socket.writableLength > 0 || socket.readableLength > 0) return null;
  socket.removeAllListeners();
  handle.readStop?.();
  handle.reading = false;
  holder._handle = null;
  socket.on('error', ignore);
  socket.destroy();
  reading.useShared();
  reading.dispose();
  upcoming = shared;
  const options: HandleOptions = {
    handle,
    allowHalfOpen: true,
    onread: { buffer: takeUpcoming, callback: onFixedRead as net.OnReadOpts['callback'] },
  };
  const fixed = own(new net.Socket(options), target, reading);
  fixed.isFixed = true;
  fixed.setNoDelay(true);
  fixed.read(0);
  return fixed;
}

/**
 * Opens an upstream connection that reads into fixed memory; a host that is an absolute path is a Unix socket. With
 * `secure` it is a TLS connection, ready at 'secureConnect'.
 */
export function connectFixed(
  options: { host: string; port: number; family: 4 | 6 },
  target: ReadTarget,
  reading: Reading,
  secure: tls.ConnectionOptions | null = null,
): net.Socket {
  upcoming = shared;
  const connect: (options: net.NetConnectOpts) => net.Socket =
    secure === null ? net.connect : (plain) => tls.connect({ ...secure, ...(plain as tls.ConnectionOptions) }); // It takes those of net.connect, too.
  return own(
    connect({
      ...(options.host.startsWith('/')
        ? { path: options.host }
        : { host: options.host, port: options.port, family: options.family }),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      allowHalfOpen: true,
      autoSelectFamily: false,
      onread: { buffer: takeUpcoming, callback: onFixedRead as net.OnReadOpts['callback'] },
    }),
    target,
    reading,
  );
}

function ignore(): void {}
