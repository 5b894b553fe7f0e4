// Huffman code of RFC 7541 appendix B. The code is canonical: the lengths alone give every code word. Decoding walks a
// table that takes four bits per step, which is three to four look-ups per two characters and no bit loop.

/** Code length of each octet, and of EOS as the last one. */
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
  10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5,
  6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22,
  23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26,
  26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27,
  27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27,
  27, 27, 27, 27, 26, 30,
]; // prettier-ignore

const EOS = 256;
/** Bits of a table entry: next state 0-8, then these, then the octet. */
const STATE_MASK = 0x1ff;
const EMITS = 0x200;
/** Ending here is valid: less than eight bits of padding, all ones (RFC 7541 §5.2). */
const MAY_END = 0x400;
const FAILS = 0x800;
const OCTET_SHIFT = 12;

const codes = new Uint32Array(LENGTHS.length);
const table = buildTable();

function buildTable(): Uint32Array {
  const order = LENGTHS.map((length, octet) => ({ length, octet })).toSorted(
    (a, b) => a.length - b.length || a.octet - b.octet,
  );
  // Children of each inner node: another inner node, or -2 - octet for a leaf, or -1 for none.
  const nodes: [number, number][] = [[-1, -1]];
  let code = 0;
  let previous = 0;
  for (const { length, octet } of order) {
    code *= 2 ** (length - previous);
    previous = length;
    codes[octet] = code;
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = (code >>> bit) & 1;
      if (bit === 0) nodes[node]![side] = -2 - octet;
      else {
        if (nodes[node]![side] === -1) {
          nodes.push([-1, -1]);
          nodes[node]![side] = nodes.length - 1;
        }
        node = nodes[node]![side]!;
      }
    }
    code++;
  }
  const mayEnd = new Set<number>();
  for (let node = 0, depth = 0; depth <= 7; depth++) {
    mayEnd.add(node);
    node = nodes[node]![1];
  }
  const entries = new Uint32Array(nodes.length * 16);
  for (let state = 0; state < nodes.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) entries[state * 16 + nibble] = step(nodes, mayEnd, state, nibble);
  }
  return entries;
}

/** Four bits can complete at most one character: no code is shorter than five. */
function step(nodes: readonly [number, number][], mayEnd: ReadonlySet<number>, state: number, nibble: number): number {
  let node = state;
  let emitted = -1;
  for (let bit = 3; bit >= 0; bit--) {
    const child = nodes[node]![(nibble >>> bit) & 1]!;
    if (child === -1 || child === -2 - EOS) return FAILS;
    if (child < 0) {
      emitted = -2 - child;
      node = 0;
    } else node = child;
  }
  return node | (emitted < 0 ? 0 : EMITS | (emitted << OCTET_SHIFT)) | (mayEnd.has(node) ? MAY_END : 0);
}

let scratch = Buffer.allocUnsafeSlow(8 * 1024);

/** The text in `bytes[start, end)`; null when it is no valid code. Costs and yields at most 1.6 times the input. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | null {
  const most = (end - start) * 2;
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most);
  const out = scratch;
  let length = 0;
  let entry = MAY_END;
  for (let at = start; at < end; at++) {
    const octet = bytes[at]!;
    entry = table[((entry & STATE_MASK) << 4) | (octet >> 4)]!;
    if (entry & EMITS) out[length++] = entry >>> OCTET_SHIFT;
    if (entry & FAILS) return null;
    entry = table[((entry & STATE_MASK) << 4) | (octet & 15)]!;
    if (entry & EMITS) out[length++] = entry >>> OCTET_SHIFT;
    if (entry & FAILS) return null;
  }
  return entry & MAY_END ? out.latin1Slice(0, length) : null;
}

/** Bytes the text takes when encoded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits += LENGTHS[text.charCodeAt(index) & 255]!;
  return (bits + 7) >>> 3;
}

/** Writes the latin1 text at `at`, where `huffmanLength` bytes are free; returns the index behind it. */
export function encodeHuffman(text: string, out: Buffer, at: number): number {
  let next = at;
  // Up to 7 bits wait here, so that a code of 30 would not fit beside them in 32: it goes in two halves.
  let bits = 0;
  let waiting = 0;
  for (let index = 0; index < text.length; index++) {
    const octet = text.charCodeAt(index) & 255;
    const code = codes[octet]!;
    let left = LENGTHS[octet]!;
    while (left > 0) {
      const taken = left > 16 ? left - 16 : left;
      left -= taken;
      bits = (bits << taken) | ((code >>> left) & ((1 << taken) - 1));
      waiting += taken;
      while (waiting >= 8) {
        waiting -= 8;
        out[next++] = (bits >>> waiting) & 255;
      }
      bits &= (1 << waiting) - 1;
    }
  }
  if (waiting > 0) out[next++] = ((bits << (8 - waiting)) | ((1 << (8 - waiting)) - 1)) & 255;
  return next;
}
