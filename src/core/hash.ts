// Quick hashes of short texts, for tables and for drawing lots. They withstand nobody who looks for collisions: whoever
// chooses a place by them compares the keys themselves, or can live with two of them in one place.

/** Where FNV begins; RFC 9923 §2.2. */
export const FNV_BASIS = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/**
 * FNV-1a with 32 bits (RFC 9923), over the code units of a text: of a Latin-1 text it is the published hash of its
 * bytes. A signed number, which needs no memory of its own; another basis gives another, independent hash.
 */
export function fnv1a(text: string, basis = FNV_BASIS): number {
  let hash = basis;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  return hash;
}

/**
 * MurmurHash3 with 32 bits (x86_32, Austin Appleby) of whole words, the first `count` of an array: a quarter of the
 * steps of fnv1a where the bytes are packed already. A signed number.
 */
export function murmur3(words: Int32Array, count: number, seed: number): number {
  let hash = seed;
  for (let index = 0; index < count; index++) {
    let word = Math.imul(words[index]!, 0xcc9e2d51);
    word = Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash ^= word;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  return mix(hash ^ (4 * count)) | 0;
}

/** The finaliser of MurmurHash3, a bijection: what two similar texts leave similar, it does not. Unsigned. */
export function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
