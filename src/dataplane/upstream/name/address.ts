// Where a server is.

/** `host` is an IP address, or the path of a Unix socket. */
export interface Address {
  readonly host: string;
  readonly family: 4 | 6;
}
