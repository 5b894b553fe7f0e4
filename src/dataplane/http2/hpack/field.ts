// One field as HPACK carries it. What it costs to look at a field - is it valid, is it a pseudo-header, how does its
// HTTP/1.1 line read - is paid once when the field is made; a table entry that thousands of requests refer to is made
// once.

/** Validity and kind, RFC 9113 §8.2 and §8.3. */
export const FIELD_REGULAR = 0;
export const FIELD_METHOD = 1;
export const FIELD_SCHEME = 2;
export const FIELD_PATH = 3;
export const FIELD_AUTHORITY = 4;
export const FIELD_STATUS = 5;
/** RFC 8441 §4. */
export const FIELD_PROTOCOL = 6;
/** Makes its message malformed: bad octets, upper case, an unknown pseudo-header, a connection-specific name. */
export const FIELD_MALFORMED = 7;
export type FieldKind = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

const PSEUDO: ReadonlyMap<string, FieldKind> = new Map([
  [':method', FIELD_METHOD],
  [':scheme', FIELD_SCHEME],
  [':path', FIELD_PATH],
  [':authority', FIELD_AUTHORITY],
  [':status', FIELD_STATUS],
  [':protocol', FIELD_PROTOCOL],
]);

/** RFC 9113 §8.2.2: in HTTP/2 these could only mean something to a hop behind, as in request smuggling. */
const CONNECTION_SPECIFIC = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Control characters but HTAB, which no field value may hold, or white space at an end (RFC 9113 §8.2.1). */
const BAD_VALUE = /[\0-\x08\x0a-\x1f\x7f]|^[\t ]|[\t ]$/;

const MAX_CACHED_NAMES = 1024;
const MAX_CACHED_LENGTH = 64;
let kinds = new Map<string, FieldKind>();

function kindOfName(name: string): FieldKind {
  let kind = kinds.get(name);
  if (kind === undefined) {
    kind = PSEUDO.get(name) ?? (NAME.test(name) && !CONNECTION_SPECIFIC.has(name) ? FIELD_REGULAR : FIELD_MALFORMED);
    if (name.length <= MAX_CACHED_LENGTH) {
      if (kinds.size >= MAX_CACHED_NAMES) kinds = new Map();
      kinds.set(name, kind);
    }
  }
  return kind;
}

export class Field {
  readonly name: string;
  readonly value: string;
  readonly kind: FieldKind;
  /** `name: value\r\n` of a regular field, '' of others. */
  readonly line: string;
  /** For the layer above, to remember what the name means to it; -1 at first. */
  tag = -1;

  constructor(name: string, value: string) {
    const kind = kindOfName(name);
    this.name = name;
    this.value = value;
    this.kind = BAD_VALUE.test(value) ? FIELD_MALFORMED : kind;
    this.line = this.kind === FIELD_REGULAR ? `${name}: ${value}\r\n` : '';
  }

  /** What it counts in a table and in a header list (RFC 7541 §4.1). */
  get size(): number {
    return this.name.length + this.value.length + FIELD_OVERHEAD;
  }
}

export const FIELD_OVERHEAD = 32;
