// Memory for frames on their way out and for octets that wait, reused over all connections of the worker.

export const SLAB_BYTES = 32 * 1024;
const MAX_POOLED_SLABS = 128;
const slabs: Buffer[] = [];

export function takeSlab(): Buffer {
  return slabs.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
}

/** Memory of another size is left to the collector. */
export function giveSlab(slab: Buffer): void {
  if (slab.length === SLAB_BYTES && slabs.length < MAX_POOLED_SLABS) slabs.push(slab);
}
