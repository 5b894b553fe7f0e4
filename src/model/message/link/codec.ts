// Messages as bytes: four of them for the length, then JSON with the kind and the version of the message. Each kind has
// a version of its own, which counts up when what it holds changes its meaning; the two ends may be of different
// programs.

import { MessageError, object, type Field, type FieldsOf } from './fields.ts';

const LENGTH_BYTES = 4;

/** What one kind of message holds. */
export interface MessageKind<T> {
  readonly version: number;
  readonly body: Field<T>;
}

export function message<T extends object>(version: number, fields: FieldsOf<T>): MessageKind<T> {
  return { version, body: object(fields) };
}

/** A union of the messages of a table of kinds. */
export type MessageOf<K> = {
  [N in keyof K]: K[N] extends MessageKind<infer T> ? { readonly kind: N } & T : never;
}[keyof K];

export class Codec<K extends Readonly<Record<string, MessageKind<object>>>> {
  readonly #kinds: K;
  readonly #maxBytes: number;

  constructor(kinds: K, maxBytes: number) {
    this.#kinds = kinds;
    this.#maxBytes = maxBytes;
  }

  /** Throws a MessageError when it is longer than the other end would take. */
  encode(given: MessageOf<K>): Uint8Array {
    const { kind, ...body } = given as { kind: string };
    const { version, body: field } = this.#kinds[kind]!; // The type knows its kinds.
    const written = Buffer.from(JSON.stringify({ kind, version, body: field.encode(body) }));
    this.#checkLength(written.length);
    const framed = Buffer.allocUnsafe(LENGTH_BYTES + written.length);
    framed.writeUInt32BE(written.length);
    written.copy(framed, LENGTH_BYTES);
    return framed;
  }

  /** Throws a MessageError that says what to do. */
  decode(written: Uint8Array): MessageOf<K> {
    let envelope: unknown;
    try {
      envelope = JSON.parse(Buffer.from(written).toString('utf8'));
    } catch {
      throw new MessageError('a message is no JSON; is this another program?');
    }
    const { kind, version, body } = (envelope ?? {}) as { kind?: unknown; version?: unknown; body?: unknown }; // Compared below.
    const known = typeof kind === 'string' && Object.hasOwn(this.#kinds, kind) ? this.#kinds[kind] : undefined;
    if (known === undefined) {
      throw new MessageError(`a message of the kind ${JSON.stringify(kind)} is not known here; ${SAME_VERSION}`);
    }
    if (version !== known.version) {
      const has = JSON.stringify(version);
      throw new MessageError(
        `a message "${String(kind)}" has the version ${has}, and this program knows ${known.version}; ${SAME_VERSION}`,
      );
    }
    // Of the kind whose field has decoded it.
    return { kind, ...known.body.decode(body, String(kind)) } as unknown as MessageOf<K>;
  }

  /** For one connection: whatever pieces the bytes come in. */
  reader(): FrameReader<MessageOf<K>> {
    return new FrameReader(
      (bytes) => this.decode(bytes),
      (length) => this.#checkLength(length),
    );
  }

  #checkLength(length: number): void {
    if (length <= this.#maxBytes) return;
    throw new MessageError(`a message of ${length} bytes is longer than ${this.#maxBytes}`);
  }
}

const SAME_VERSION = 'run the same version of the program on both ends, the control plane first';

/** Puts messages together. What it throws ends the connection: what follows cannot be told from the rest any more. */
export class FrameReader<M> {
  readonly #decode: (bytes: Uint8Array) => M;
  readonly #checkLength: (length: number) => void;
  #chunks: Uint8Array[] = [];
  #held = 0;
  /** Of the message that is coming; null until its length has come. */
  #length: number | null = null;

  constructor(decode: (bytes: Uint8Array) => M, checkLength: (length: number) => void) {
    this.#decode = decode;
    this.#checkLength = checkLength;
  }

  /** The messages that are whole with these bytes. */
  *read(chunk: Uint8Array): Generator<M, void> {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    for (;;) {
      if (this.#length === null) {
        if (this.#held < LENGTH_BYTES) return;
        this.#length = Buffer.from(this.#take(LENGTH_BYTES)).readUInt32BE();
        this.#checkLength(this.#length);
      }
      if (this.#held < this.#length) return;
      const whole = this.#take(this.#length);
      this.#length = null;
      yield this.#decode(whole);
    }
  }

  #take(length: number): Uint8Array {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = all.length === length ? [] : [all.subarray(length)];
    this.#held -= length;
    return all.subarray(0, length);
  }
}
