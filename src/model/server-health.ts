// What is known of a server's health, for the API, metrics and events.

export interface ServerHealth {
  readonly url: string;
  /** Neither checks nor failed requests speak against it. */
  readonly isUp: boolean;
  /** Requests in progress, in all workers. */
  readonly inFlight: number;
  /** Open connections to it, in all workers. */
  readonly connections: { readonly http1: number; readonly http2: number };
  /** Mean time to the head of a response in milliseconds; 0 when none has come yet. */
  readonly responseMs: number;
  /** Milliseconds since the epoch until which failed requests keep it away; null when they do not. */
  readonly ejectedUntil: number | null;
  /** Of active checks; null without. */
  readonly check: {
    readonly isUp: boolean;
    /** Milliseconds since the epoch; null before the first check. */
    readonly lastAt: number | null;
    /** What was wrong at the last check; null when it passed. */
    readonly lastError: string | null;
  } | null;
}

export interface HealthChange {
  /** Qualified name. */
  readonly service: string;
  readonly url: string;
  readonly isUp: boolean;
  readonly reason: string;
}
