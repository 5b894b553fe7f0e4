// What this thread holds of what is in progress: heads and frames whose end has not come, handshakes, bodies that wait
// for somebody to take them, compressors. Each kind is bounded for one connection where it is held; this is the bound
// over all connections, beyond which the newest is refused, so that no number of clients ends the thread and everybody
// else with it.

const MIB = 1024 * 1024;
/** Well below where the supervisor warns of a worker, and replaces it. */
export const DEFAULT_HELD_BYTES = 384 * MIB;

class HeldMemory {
  maxBytes: number;
  bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** More is held than should be: by those who could not be asked. */
  get isOver(): boolean {
    return this.bytes > this.maxBytes;
  }

  hasRoom(bytes: number): boolean {
    return this.bytes + bytes <= this.maxBytes;
  }

  /** False, with nothing taken, when there is no room. */
  take(bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false;
    this.bytes += bytes;
    return true;
  }

  /** For what is there already; whoever adds it looks at `isOver` when it can. */
  add(bytes: number): void {
    this.bytes += bytes;
  }

  give(bytes: number): void {
    this.bytes -= bytes;
  }
}

/** Of this thread. */
export const heldMemory = new HeldMemory(DEFAULT_HELD_BYTES);
