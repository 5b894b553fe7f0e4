// Damages request streams the way attackers do: bytes of the dictionary put in, bits turned, parts cut, doubled or
// taken from another stream. The same seed gives the same streams on every machine.

/** Fragments on which two parsers are known to differ. */
const DICTIONARY = [
  '\r\n', '\n', '\r', '\r\n\r\n', '\n\n', ' ', '\t', '\x0b', '\0', ':', ',', ';', '"', '\\', '0', '5', '\xa0', '\x85', '-', '+',
  '0x', '_', '%', '%2f', '%00', '..', '#', '?', '*', '@', '\r\n ', '\r\n\t', 'chunked', ', chunked', 'identity', 'gzip',
  'Content-Length: 5\r\n', 'content-length: 0\r\n', 'Content-Length: 05\r\n', 'Content-Length:\r\n', 'Content-Length : 5\r\n',
  'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding : chunked\r\n', 'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding:\tchunked\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Connection: Upgrade\r\n',
  'Upgrade: websocket\r\n', 'Upgrade: h2c\r\n', 'Expect: 100-continue\r\n', 'Host: b\r\n', 'Host:\r\n', 'X: \r\n', 'TE: trailers\r\n',
  'HTTP/1.0', 'HTTP/1.1', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'GET ', 'POST ', 'HEAD ', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http://b/', 'CONNECT ',
  '0\r\n\r\n', '5\r\nhello\r\n', '5;a=b\r\n', '5;a="\r\n', 'ffffffffffffffff\r\n', '00\r\n\r\n', 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n',
]; // prettier-ignore

/** A small generator of 32-bit numbers (mulberry32): quick, and good enough to choose places. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer in `[0, limit)`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

/** One to four changes to one stream of the corpus; one character per byte. */
export function mutate(random: SeededRandom, corpus: readonly string[]): string {
  let text = random.pick(corpus);
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(text.length + 1);
    const end = Math.min(text.length, at + 1 + random.below(12));
    switch (random.below(7)) {
      case 0:
      case 1:
        text = text.slice(0, at) + random.pick(DICTIONARY) + text.slice(at);
        break;
      case 2:
        text = text.slice(0, at) + random.pick(DICTIONARY) + text.slice(end);
        break;
      case 3:
        text = text.slice(0, at) + text.slice(end);
        break;
      case 4:
        text = text.slice(0, end) + text.slice(at, end) + text.slice(end);
        break;
      case 5:
        text = text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
        break;
      default: {
        const other = random.pick(corpus);
        text = text.slice(0, at) + other.slice(random.below(other.length));
      }
    }
  }
  return text;
}

/** The text as bytes in up to five pieces, cut anywhere. */
export function cutAnywhere(random: SeededRandom, text: string): Buffer[] {
  const cuts = Array.from({ length: random.below(5) }, () => random.below(text.length + 1)).toSorted((a, b) => a - b);
  return [...cuts, text.length].map((end, index) => Buffer.from(text.slice(cuts[index - 1] ?? 0, end), 'latin1'));
}
