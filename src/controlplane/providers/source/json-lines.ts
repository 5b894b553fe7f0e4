// Events as most sources send them: one JSON text a line, for as long as the connection stands.

/** Splits what arrives into lines, of which none may be longer than the bound. */
export class JsonLines {
  readonly #maxBytes: number;
  readonly #decoder = new TextDecoder();
  #rest = '';

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The values of the lines that are whole now. Throws for one that is too long, or is no JSON. */
  push(chunk: Uint8Array): readonly unknown[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    // Characters for bytes: the bound is against what has no end.
    if (this.#rest.length > this.#maxBytes || lines.some((line) => line.length > this.#maxBytes)) {
      throw new Error(`an event is longer than ${this.#maxBytes / 1024} KiB`);
    }
    return lines.filter((line) => line.trim() !== '').map(parseLine);
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw new Error(`an event is no JSON: it begins with ${JSON.stringify(line.slice(0, 40))}`);
  }
}
