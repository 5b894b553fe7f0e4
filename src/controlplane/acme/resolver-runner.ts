// One certificates resolver at work: keeps its schedule, carries out one step at a time, stores what it gets, and goes
// on whatever happens. Nothing it does is waited for by anything that serves requests.

import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { CertificateStatus, IssuedCertificate } from '../../model/certificate.ts';
import type { AcmeResolverConfig } from '../config/install/certificates-resolver-options.ts';
import { certificateKey } from '../compile/wanted-certificates.ts';
import type { CertificateAuthority } from './acme-authority.ts';
import { asFailure } from './failure.ts';
import type { ResolverStorage, StoredCertificate } from './resolver-storage.ts';
import { MAX_CERTIFICATES, ResolverSchedule, type Step } from './schedule.ts';

/** Runs a function later; returns the way to call it off. */
export type SetTimer = (ms: number, run: () => void) => () => void;

export interface ResolverRunnerOptions {
  readonly config: AcmeResolverConfig;
  /** Opens what the resolver keeps; called again after it failed. */
  readonly openStorage: () => Promise<ResolverStorage>;
  readonly createAuthority: (storage: ResolverStorage) => CertificateAuthority;
  readonly clock: Clock;
  readonly random: () => number;
  readonly setTimer: SetTimer;
  readonly log: Log;
  /** There is another list of certificates. */
  changed(): void;
  /** Something is worth telling whoever watches. */
  readonly event: (status: {
    readonly domains: readonly string[];
    readonly outcome: 'issued' | 'failed';
    readonly error: string | null;
  }) => void;
}

const STORAGE_BACKOFF = { firstMs: 10_000, maxMs: 10 * 60_000 };
/** Clocks are set, machines sleep: looks at the time at least this often. */
const MAX_WAIT_MS = 10 * 60_000;
/** Expired certificates are looked for this often at most. */
const PAUSE_AFTER_STORAGE_FAILURE = 30_000;

export class ResolverRunner {
  readonly #options: ResolverRunnerOptions;
  readonly #schedule: ResolverSchedule;
  #stop = new AbortController();
  /** All there are, by key. */
  readonly #certificates = new Map<string, StoredCertificate>();
  #storage: ResolverStorage | null = null;
  #authority: CertificateAuthority | null = null;
  #storageError: string | null = null;
  #storageFailures = 0;
  /** Milliseconds since the epoch. */
  #storageTryAt: number | null = null;
  #cancelTimer: (() => void) | null = null;
  #step: Promise<void> | null = null;
  #refusedBefore = 0;
  issuedTotal = 0;
  failedTotal = 0;

  constructor(options: ResolverRunnerOptions) {
    this.#options = options;
    const { config, random } = options;
    this.#schedule = new ResolverSchedule({
      resolver: config.name,
      durationMs: config.certificatesDurationMs,
      random,
    });
  }

  /** Settles when the certificates of earlier runs are there, or cannot be read for now; never rejects. */
  async start(): Promise<void> {
    await this.#openStorage();
    this.#wake();
  }

  setWanted(wanted: readonly (readonly string[])[], elsewhere: readonly (readonly string[])[]): void {
    this.#schedule.setWanted(wanted, elsewhere, this.#now());
    const { refused } = this.#schedule;
    if (refused > this.#refusedBefore) {
      this.#options.log.error('more certificates are wanted than a resolver sees to', {
        resolver: this.#options.config.name,
        refused,
        most: MAX_CERTIFICATES,
      });
    }
    this.#refusedBefore = refused;
    this.#wake();
  }

  /** Those that can be served now. */
  certificates(): readonly IssuedCertificate[] {
    const now = this.#now();
    const resolver = this.#options.config.name;
    return [...this.#certificates.values()]
      .filter(({ facts }) => facts.notAfter > now)
      .map(({ facts, certPem, keyPem }) => ({
        resolver,
        domains: facts.domains,
        certPem,
        keyPem,
        notAfter: facts.notAfter,
      }));
  }

  status(): readonly CertificateStatus[] {
    const list = this.#schedule.status(this.#now());
    const error = this.#storageError;
    if (error === null) return list;
    const tried = { lastError: error, failures: this.#storageFailures, nextTry: this.#storageTryAt };
    return list.map((one) => (one.state === 'pending' ? { ...one, state: 'failed', ...tried } : one));
  }

  /** Gives up what is under way; what has been presented is cleaned up. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the router is stopping'));
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    await this.#step;
    this.#authority?.close();
  }

  /** After a stop: goes on with what the storage has. */
  async resume(): Promise<void> {
    this.#stop = new AbortController();
    await this.start();
  }

  #now(): number {
    return this.#options.clock.wall();
  }

  async #openStorage(): Promise<void> {
    const { config, log, openStorage, createAuthority } = this.#options;
    try {
      const storage = await openStorage();
      const unusable = (reason: string): void =>
        log.error('a stored certificate cannot be used and is left out', { resolver: config.name, reason });
      const found = await storage.certificates(unusable);
      for (const one of found) this.#certificates.set(certificateKey(one.facts.domains), one);
      this.#schedule.adopt(
        found.map(({ facts }) => facts),
        this.#now(),
      );
      this.#storage = storage;
      this.#authority = createAuthority(storage);
      this.#storageError = null;
      if (found.length > 0) this.#options.changed();
    } catch (error) {
      this.#storageFailures++;
      this.#storageError = asFailure(error).message;
      log.error('a certificates resolver cannot be used', { resolver: config.name, error: this.#storageError });
    }
  }

  /** Looks for something to do, now and whenever there may be. */
  #wake(): void {
    if (this.#stop.signal.aborted || this.#step !== null) return;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const { random, setTimer } = this.#options;
    if (this.#storage === null) {
      const wait = backoffMs(this.#storageFailures, STORAGE_BACKOFF, random);
      this.#storageTryAt = this.#now() + wait;
      if (this.#storageFailures > 0) this.#cancelTimer = setTimer(wait, () => this.#do(() => this.#openStorage()));
      return;
    }
    const now = this.#now();
    this.#forgetExpired(now);
    const step = this.#schedule.next(now);
    if (step !== null) {
      this.#do(() => this.#carryOut(step));
      return;
    }
    const wakeAt = this.#schedule.wakeAt();
    const wait = wakeAt === null ? MAX_WAIT_MS : Math.min(MAX_WAIT_MS, Math.max(0, wakeAt - now));
    this.#cancelTimer = setTimer(wait, () => {
      this.#cancelTimer = null;
      this.#wake();
    });
  }

  #do(work: () => Promise<void>): void {
    this.#cancelTimer = null;
    this.#step = work()
      .catch((error: unknown) => {
        // Everything that is expected to fail is dealt with by the work itself.
        const { config, log } = this.#options;
        log.error('a certificates resolver failed', { resolver: config.name, error: asFailure(error).message });
      })
      .finally(() => {
        this.#step = null;
        this.#wake();
      });
  }

  async #carryOut(step: Step): Promise<void> {
    if (step.kind === 'order') await this.#order(step);
    else await this.#askRenewal(step);
  }

  async #order({ key, domains, replaces }: Extract<Step, { kind: 'order' }>): Promise<void> {
    const { config, log, event } = this.#options;
    const resolver = config.name;
    log.info('ordering a certificate', { resolver, domains });
    try {
      const issued = await this.#authority!.order(domains, replaces, this.#stop.signal);
      this.#certificates.set(certificateKey(issued.facts.domains), issued);
      this.#schedule.issued(key, issued.facts, this.#now());
      this.issuedTotal++;
      log.info('a certificate was issued', {
        resolver,
        domains: issued.facts.domains,
        notAfter: new Date(issued.facts.notAfter).toISOString(),
      });
      event({ domains, outcome: 'issued', error: null });
      this.#options.changed();
      await this.#store(issued);
    } catch (error) {
      const failure = asFailure(error);
      this.#schedule.failed(key, failure, this.#now());
      if (this.#stop.signal.aborted) return;
      this.failedTotal++;
      const status = this.#schedule.status(this.#now()).find((one) => certificateKey(one.domains) === key);
      const nextTry = status?.nextTry ?? null;
      log.warn('a certificate could not be had', {
        resolver,
        domains,
        error: failure.message,
        nextTry: nextTry === null ? null : new Date(nextTry).toISOString(),
      });
      event({ domains, outcome: 'failed', error: failure.message });
    }
  }

  /** A certificate that cannot be stored is served all the same; it costs another order after a restart. */
  async #store(issued: StoredCertificate): Promise<void> {
    try {
      await this.#storage!.putCertificate(issued);
    } catch (error) {
      const { config, log, setTimer } = this.#options;
      log.error('a certificate cannot be stored', { resolver: config.name, error: asFailure(error).message });
      setTimer(PAUSE_AFTER_STORAGE_FAILURE, () => {
        const present = this.#certificates.get(certificateKey(issued.facts.domains));
        if (present === issued && !this.#stop.signal.aborted) void this.#store(issued);
      });
    }
  }

  async #askRenewal({ key, ariId }: Extract<Step, { kind: 'askRenewal' }>): Promise<void> {
    const { config, log } = this.#options;
    try {
      const answer = await this.#authority!.askRenewal(ariId, this.#stop.signal);
      this.#schedule.renewalAnswered(key, answer?.window ?? null, answer?.retryAfterMs ?? null, this.#now());
    } catch (error) {
      this.#schedule.renewalAnswered(key, null, null, this.#now());
      log.debug('a renewal window could not be asked for', { resolver: config.name, error: asFailure(error).message });
    }
  }

  #forgetExpired(now: number): void {
    for (const { domains } of this.#schedule.takeExpired(now)) {
      this.#certificates.delete(certificateKey(domains));
      this.#storage!.deleteCertificate(domains).catch((error: unknown) => {
        const { config, log } = this.#options;
        log.error('an expired certificate cannot be removed', {
          resolver: config.name,
          error: asFailure(error).message,
        });
      });
      this.#options.changed();
    }
  }
}
