// Keeps an answer of its authority at hand for every certificate that names an OCSP responder, and asks again long
// before it ends. A responder that fails costs nothing but the answer: clients then ask it themselves, or do without.

import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Staple, StapleStatus } from '../../model/message/staple.ts';
import type { KeyedCertificate } from '../../model/tls.ts';
import { readOcspResponse } from './ocsp-response.ts';
import { ocspRequest, ocspSubject, type OcspSubject } from './ocsp-subject.ts';
import { messageOf } from '../../core/errors.ts';

export interface StaplerOptions {
  /** URL or host of a responder to the URL that is asked in its place. */
  readonly overrides: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly setTimer: (ms: number, run: () => void) => () => void;
  /** Rejects with what went wrong. */
  readonly ask: (url: string, request: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
  /** Called with every change. */
  readonly publish: (staples: readonly Staple[]) => void;
}

/** Between two questions about one certificate; a revocation is seen within the longest. */
const MIN_REFRESH_MS = 60_000;
const MAX_REFRESH_MS = 3_600_000;
const RETRY = { firstMs: 10_000, maxMs: 1_800_000 };
/** Questions at a time: thousands of certificates begin together. */
const MAX_CONCURRENT = 8;

interface Entry {
  readonly certificate: string;
  readonly hosts: readonly string[];
  /** Why nobody is asked, as text. */
  readonly subject: OcspSubject | string;
  state: 'good' | 'revoked' | 'pending';
  nextUpdate: number | null;
  /** Milliseconds of the clock. */
  dueMs: number;
  problem: string | null;
  failures: number;
  isAsking: boolean;
}

export class Stapler {
  readonly #options: StaplerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #stopped = new AbortController();
  #asking = 0;
  #cancelTimer: () => void = () => {};
  /** Questions that came to an end. */
  answered = 0;
  failed = 0;

  constructor(options: StaplerOptions) {
    this.#options = options;
  }

  /** Those in force; answers for others are forgotten. */
  setCertificates(specs: readonly KeyedCertificate[]): void {
    const names = new Set(specs.map(({ name }) => name));
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#entries.delete(name);
    for (const { name, certificate, hosts } of specs) {
      if (this.#entries.has(name)) continue;
      this.#entries.set(name, {
        certificate: name,
        hosts,
        subject: ocspSubject(certificate),
        state: 'pending',
        nextUpdate: null,
        dueMs: 0,
        problem: null,
        failures: 0,
        isAsking: false,
      });
    }
    this.#run();
  }

  status(): readonly StapleStatus[] {
    const { clock } = this.#options;
    return [...this.#entries.values()].map((entry) => {
      const { certificate, subject, state, nextUpdate, problem } = entry;
      if (typeof subject === 'string') {
        return { certificate, state: 'none', nextUpdate: null, nextTry: null, problem: subject };
      }
      const nextTry = Math.round(clock.wall() + Math.max(0, entry.dueMs - clock.now()));
      return { certificate, state, nextUpdate, nextTry, problem };
    });
  }

  stop(): void {
    this.#cancelTimer();
    this.#stopped.abort();
  }

  /** Asks what is due, and comes back for the next. */
  #run(): void {
    if (this.#stopped.signal.aborted) return;
    const { clock, setTimer } = this.#options;
    this.#cancelTimer();
    const now = clock.now();
    let next = Infinity;
    for (const entry of this.#entries.values()) {
      if (typeof entry.subject === 'string' || entry.isAsking) continue;
      if (entry.dueMs > now) next = Math.min(next, entry.dueMs);
      else if (this.#asking < MAX_CONCURRENT) void this.#refresh(entry, entry.subject);
    }
    if (next < Infinity) this.#cancelTimer = setTimer(next - now, () => this.#run());
  }

  async #refresh(entry: Entry, subject: OcspSubject): Promise<void> {
    this.#asking++;
    entry.isAsking = true;
    try {
      await this.#ask(entry, subject);
    } finally {
      this.#asking--;
      entry.isAsking = false;
      this.#run();
    }
  }

  async #ask(entry: Entry, subject: OcspSubject): Promise<void> {
    const { ask, clock, publish, log } = this.#options;
    const url = this.#urlFor(subject.responders[entry.failures % subject.responders.length]!);
    let problem: string;
    try {
      const response = await ask(url, ocspRequest(subject), this.#stopped.signal);
      if (this.#entries.get(entry.certificate) !== entry) return;
      const answer = readOcspResponse(response, subject, clock.wall());
      if (typeof answer !== 'string') {
        this.answered++;
        entry.failures = 0;
        entry.problem = answer.state === 'revoked' ? 'the authority has revoked the certificate' : null;
        if (answer.state === 'revoked' && entry.state !== 'revoked') {
          log.error('a certificate has been revoked', { hosts: entry.hosts, responder: url });
        }
        entry.state = answer.state;
        entry.nextUpdate = answer.state === 'good' ? answer.nextUpdate : null;
        // Half of its life leaves time for a responder that is down.
        const half = (answer.nextUpdate - clock.wall()) / 2;
        entry.dueMs = clock.now() + Math.min(MAX_REFRESH_MS, Math.max(MIN_REFRESH_MS, half));
        publish([{ certificate: entry.certificate, response: answer.state === 'good' ? response : null }]);
        return;
      }
      problem = answer;
    } catch (error) {
      problem = messageOf(error);
    }
    if (this.#stopped.signal.aborted || this.#entries.get(entry.certificate) !== entry) return;
    this.#failed(entry, url, problem);
  }

  #failed(entry: Entry, url: string, problem: string): void {
    const { clock, random, publish, log } = this.#options;
    this.failed++;
    entry.failures++;
    entry.problem = problem;
    let wait = backoffMs(entry.failures, RETRY, random);
    if (entry.state === 'good') {
      // What is at hand is taken back when it ends, not later.
      const left = entry.nextUpdate! - clock.wall();
      if (left > 0) wait = Math.min(wait, left);
      else {
        entry.state = 'pending';
        entry.nextUpdate = null;
        publish([{ certificate: entry.certificate, response: null }]);
      }
    }
    entry.dueMs = clock.now() + wait;
    log.warn('an OCSP responder gave no answer that can be used', {
      hosts: entry.hosts,
      responder: url,
      problem,
      nextTrySeconds: Math.round(wait / 1000),
    });
  }

  #urlFor(responder: string): string {
    const { overrides } = this.#options;
    const exact = overrides[responder];
    if (exact !== undefined) return exact;
    return (URL.canParse(responder) ? overrides[new URL(responder).host] : undefined) ?? responder;
  }
}
