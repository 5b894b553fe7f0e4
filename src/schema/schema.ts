// What a definition of configuration is: one gives the type, decoding with all errors at once, and the reference page.
// Keys are matched without regard to case, as in Traefik; a decoded object has the canonical names and every default
// filled in. Nothing throws on user input. The building blocks are in scalar.ts, collection.ts and object.ts.

import type { DecodeContext } from './decode-context.ts';
import type { Invalid } from './invalid.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Schema<T> {
  /** For reference pages: `string`, `list of strings` … */
  readonly label: string;
  /** Of objects, for reference pages; null otherwise. */
  readonly fields: Fields | null;
  /** Of lists and maps, for reference pages: what they hold, and how a path goes on. */
  readonly item?: Schema<unknown>;
  readonly itemSuffix?: string;
  /** It has parts that are known to nobody before it is decoded: a path goes on as it is written. */
  readonly isOpen?: boolean;
  /** JSON Schema of values without parts; of others it follows from their parts. */
  readonly json: JsonSchema;
  /** Shown as `xxxx` wherever configuration is shown. */
  readonly isSecret?: boolean;
  /** How a decoded value is shown, where that is not the value. */
  shown?(value: unknown): unknown;
  /** Input that says no more than an option that is left out: an empty variable, `false` for a section. May report. */
  readonly isAbsent?: (input: unknown, context: DecodeContext) => boolean;
  decode(input: unknown, context: DecodeContext): T | Invalid;
}

export type Infer<S> = S extends Schema<infer T> ? T : never;

export interface Field<T> {
  readonly schema: Schema<T>;
  readonly doc: string;
  readonly isRequired: boolean;
  /** Undefined for none. */
  readonly fallback: T | undefined;
  /** Known, and not built yet: `ignored` warns, `refused` is an error because the object would mean less without it. */
  readonly later: 'ignored' | 'refused' | null;
  /** Of an option that is not built: what this program has in its place. */
  readonly instead?: string;
  /** How it differs from the same option of Traefik's; undefined when it does not. */
  readonly differs?: string;
  /** It differs only while it is left out. */
  readonly differsLeftOut?: boolean;
  /** Traefik has no such option. */
  readonly isOwn?: boolean;
  /** A running process takes a change of it, and of all that is in it. */
  readonly isLive?: boolean;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

export type Decoded<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };
