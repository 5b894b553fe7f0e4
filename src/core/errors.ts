// The thrown kind of error: I/O, start-up, providers, API and CLI. Configuration mistakes are diagnostics and failed
// requests are failures; neither is ever thrown. Every code here has a line in docs/reference/errors.md; a test holds
// the two together.

export const ERROR_CODES = {
  ERR_CONFIG_INVALID: 'The install configuration has errors; nothing was started.',
  ERR_CONFIG_UNREADABLE: 'A configuration file could not be read.',
  ERR_PLUGIN_LOAD: 'A plugin could not be loaded, or its default export is no middleware.',
  ERR_LISTEN_ADDRESS_IN_USE: 'Another process listens on the address of an entry point.',
  ERR_LISTEN_PERMISSION: 'The process may not listen on a privileged port.',
  ERR_LISTEN_FAILED: 'The address of an entry point could not be bound.',
  ERR_WORKER_START: 'A worker thread did not become ready in time.',
  ERR_STATE_LOCKED: 'Another process uses the state directory.',
  ERR_STATE_UNUSABLE: 'The state directory cannot be used.',
  ERR_TEMPORARY_UNUSABLE: 'No directory for temporary sockets can be made; TMPDIR names where.',
  ERR_AUTHORITY_UNUSABLE: 'The local authority cannot be made, or what is kept of it cannot be used.',
  ERR_TAKEOVER_FAILED: 'A successor did not come to serve; the running process goes on.',
  ERR_CLI_USAGE: 'The command line could not be understood.',
  ERR_ADMIN_UNREACHABLE: 'The API of the running router does not answer, or asks for a token.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An error a person can act on: a stable code, and a message that says what happened, where, and what to do. */
export class SignalboxError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SignalboxError';
    this.code = code;
  }
}

/** What an error says, in one line or more; anything can be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For the log: with the stack, which says where. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
