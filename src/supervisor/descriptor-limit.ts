// How many sockets clients and servers may have, from the system's limit on descriptors, and a line in the log when it
// is reached.

import { readdirSync, readFileSync } from 'node:fs';
import type { Log } from '../core/log.ts';
import type { Descriptors } from '../dataplane/net/descriptors.ts';

/** Of one worker's own: event loop, timers, listening sockets, questions to name servers. */
const PER_WORKER = 24;
/** The internal entry point, files of the configuration and the logs, certificates, child processes. */
const RESERVE = 64;
/** Less than that serves nobody. */
const LEAST = 16;
const LOOK_MS = 5_000;
const SAY_MS = 60_000;

/**
 * The soft limit on open files, which Node.js has raised as far as it may; 0 where there is none, or it is not known.
 */
export function systemLimit(text = limitsOfProcess()): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  return soft === undefined || soft === 'unlimited' ? 0 : Number(soft);
}

/** Of `limit`, what is left to sockets of clients and servers; 0 for no limit. */
export function socketLimit(limit: number, openNow: number, workers: number): number {
  if (limit <= 0) return 0;
  return Math.max(LEAST, limit - openNow - RESERVE - PER_WORKER * workers);
}

export function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

function limitsOfProcess(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}

/** Tells that the limit is reached, once a minute while it is. */
export class DescriptorWatch {
  readonly #descriptors: Descriptors;
  readonly #systemLimit: number;
  readonly #log: Log;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | null = null;
  #told = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(descriptors: Descriptors, limit: number, log: Log, now: () => number) {
    this.#descriptors = descriptors;
    this.#systemLimit = limit;
    this.#log = log;
    this.#now = now;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** The interval calls it; tests with a clock of their own call it themselves. */
  look(): void {
    const { refusals, open, limit } = this.#descriptors;
    if (refusals === this.#told || this.#now() - this.#toldMs < SAY_MS) return;
    this.#log.warn(
      'descriptors are used up: clients are refused; raise the limit (LimitNOFILE= of systemd, ulimit -n)',
      {
        refused: refusals - this.#told,
        limit: this.#systemLimit,
        forConnections: limit,
        ...open,
      },
    );
    this.#told = refusals;
    this.#toldMs = this.#now();
  }
}
