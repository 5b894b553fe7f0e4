// Node's documented-by-use fast path behind buffer.toString('latin1', …): no encoding lookup, no range coercion.
declare global {
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
    latin1Write(text: string, offset?: number, length?: number): number;
  }
}
export {};
