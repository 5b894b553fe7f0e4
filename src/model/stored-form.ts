// An object of a configuration as it is kept over restarts: what was written, with nothing that a substitution stands
// for.

/**
 * Who wrote it. Only the operator’s words have substitutions and name files: in those of others, `${SECRET}` is plain
 * text.
 */
export type Words = 'operator' | 'tenant';

export interface StoredForm {
  readonly provider: string;
  readonly words: Words;
  /** Section of a routing configuration, `routers` or `tcpServices`. */
  readonly section: string;
  /** Without its provider. */
  readonly name: string;
  /** The file, as diagnostics name it. */
  readonly source: string;
  readonly path: readonly (string | number)[];
  /** JSON. */
  readonly text: string;
}
