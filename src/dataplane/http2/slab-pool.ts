// Memory for frames on their way out and for octets that wait, reused over all connections of the worker. What is out
// of the pool counts in what is in progress.

import { heldMemory } from '../../core/held-memory.ts';

export const SLAB_BYTES = 32 * 1024;
const MAX_POOLED_SLABS = 128;
const slabs: Buffer[] = [];

export function takeSlab(): Buffer {
  heldMemory.add(SLAB_BYTES);
  return slabs.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
}

/** Memory of another size; small pieces share an allocation. */
export function takeMemory(bytes: number): Buffer {
  heldMemory.add(bytes);
  return bytes > SLAB_BYTES ? Buffer.allocUnsafeSlow(bytes) : Buffer.allocUnsafe(bytes);
}

/** Gives back what was taken and may still be in use by the kernel: it is left to the collector. */
export function dropSlab(slab: Buffer): void {
  heldMemory.give(slab.length);
}

/** Memory of another size is left to the collector. */
export function giveSlab(slab: Buffer): void {
  heldMemory.give(slab.length);
  if (slab.length === SLAB_BYTES && slabs.length < MAX_POOLED_SLABS) slabs.push(slab);
}
