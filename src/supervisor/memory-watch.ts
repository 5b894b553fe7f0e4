// What a worker holds outside of its JavaScript heap: buffers, of plugins for instance. The runtime bounds the heap
// alone, so the bound for the rest is here; each worker tells with its sign of life.

export interface MemoryBounds {
  /** Old-generation heap: what does not fit ends that worker and no other. */
  readonly heapMb: number;
  readonly warnBytes: number;
  readonly maxBytes: number;
}

const MIB = 1024 * 1024;
/** As much as the heap may have. Buffers of connections are bounded by themselves, far below. */
export const MEMORY_BOUNDS: MemoryBounds = { heapMb: 1024, warnBytes: 512 * MIB, maxBytes: 1024 * MIB };
/** What is no longer used counts until it is collected: one look is no verdict. */
const LOOKS = 2;

export class MemoryWatch {
  readonly #bounds: MemoryBounds;
  #looksOver = 0;
  #hasWarned = false;
  /** At the last look. */
  bytes = 0;

  constructor(bounds: MemoryBounds) {
    this.#bounds = bounds;
  }

  /** `warn` once until it has gone down again; `over` when the worker must go. */
  note(bytes: number): 'fine' | 'warn' | 'over' {
    this.bytes = bytes;
    const { warnBytes, maxBytes } = this.#bounds;
    this.#looksOver = bytes > maxBytes ? this.#looksOver + 1 : 0;
    if (this.#looksOver >= LOOKS) return 'over';
    if (bytes < warnBytes / 2) this.#hasWarned = false;
    if (bytes <= warnBytes || this.#hasWarned) return 'fine';
    this.#hasWarned = true;
    return 'warn';
  }
}
