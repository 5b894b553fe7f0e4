// What a certificates resolver does next: which certificate is ordered, which renewal window is asked for, and when to
// look again. A pure state machine: wanted names, certificates, results and the time come in, steps go out. Whoever
// runs it carries out one step at a time and says how it went.
//
//   wanted ──▶ pending ──step──▶ ordering ──issued──▶ valid ──renewAt──▶ renewing ─┐
//                 ▲                  │                  ▲                          │
//                 └──── backoff ◀── failed              └──────── issued ◀─────────┘

import { backoffMs } from '../../core/backoff.ts';
import type { CertificateState, CertificateStatus } from '../../model/certificate.ts';
import { certificateKey } from '../compile/wanted-certificates.ts';
import { covers, coversDomain, neededSets } from './coverage.ts';
import { ariPollMs, renewalTime, timeInWindow, type RenewalWindow } from './renewal.ts';

/** What the schedule needs to know of a certificate. */
export interface CertificateFacts {
  readonly domains: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  /** See certificate.ts; null when its authority cannot be asked about it. */
  readonly ariId: string | null;
}

export type Step =
  | {
      readonly kind: 'order';
      readonly key: string;
      readonly domains: readonly string[];
      /** The certificate it takes the place of (RFC 9773 §5). */
      readonly replaces: string | null;
    }
  | { readonly kind: 'askRenewal'; readonly key: string; readonly ariId: string };

export interface FailureFacts {
  readonly message: string;
  /** Of the authority's answer; null without. */
  readonly retryAfterMs: number | null;
  /** `certificate`: these names. `authority`: nothing can be had at present. `rate`: too many of something. */
  readonly scope: 'certificate' | 'authority' | 'rate';
}

export interface ScheduleOptions {
  readonly resolver: string;
  /** What the configuration says certificates live for. */
  readonly durationMs: number;
  readonly random: () => number;
}

interface Entry {
  readonly key: string;
  readonly domains: readonly string[];
  /** Null until the first one. */
  renewAt: number | null;
  failures: number;
  /** Not before this time, after a failure. */
  notBefore: number;
  lastError: string | null;
  window: RenewalWindow | null;
  askAt: number;
}

/** Public authorities allow a handful of failed validations an hour; the first tries stay below. */
const CERTIFICATE_BACKOFF = { firstMs: 2 * 60_000, maxMs: 12 * 3_600_000 };
const AUTHORITY_BACKOFF = { firstMs: 30_000, maxMs: 3_600_000 };
/** The longest a Retry-After is believed: the largest window of public rate limits. */
const MAX_RETRY_AFTER = 7 * 24 * 3_600_000;
/** After a rate limit the other certificates wait this long at most: whose limit it is cannot be told. */
const MAX_RATE_PAUSE = 5 * 60_000;
/** The least share of its lifetime that a certificate is renewed before its end, whatever window is suggested. */
const LAST_SHARE = 0.05;

export const MAX_CERTIFICATES = 10_000;

export class ResolverSchedule {
  readonly #options: ScheduleOptions;
  /** All there are, by key; also those that nobody wants at present. */
  readonly #certificates = new Map<string, CertificateFacts>();
  #entries = new Map<string, Entry>();
  #wanted: readonly (readonly string[])[] = [];
  #elsewhere: readonly (readonly string[])[] = [];
  #ordering: string | null = null;
  #pausedUntil = 0;
  #authorityFailures = 0;
  #authorityError: string | null = null;
  /** Wanted and not taken: there are too many. */
  refused = 0;

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  /** Certificates of an earlier run. */
  adopt(certificates: readonly CertificateFacts[], now: number): void {
    for (const facts of certificates) this.#certificates.set(certificateKey(facts.domains), facts);
    this.#plan(now);
  }

  /** `elsewhere` are the names of certificates that others provide: what they cover is not ordered. */
  setWanted(wanted: readonly (readonly string[])[], elsewhere: readonly (readonly string[])[], now: number): void {
    this.#wanted = wanted;
    this.#elsewhere = elsewhere;
    this.#plan(now);
  }

  /** The step that is due; null when nothing is, or one is under way. */
  next(now: number): Step | null {
    if (this.#ordering !== null) return null;
    // What has expired may leave names without a certificate.
    if ([...this.#certificates.values()].some(({ notAfter }) => notAfter <= now)) this.#plan(now);
    const order = this.#pausedUntil > now ? null : this.#dueOrder(now);
    if (order !== null) {
      this.#ordering = order.key;
      const replaced = this.#certificates.get(order.key);
      const isLive = replaced !== undefined && replaced.notAfter > now;
      return { kind: 'order', key: order.key, domains: order.domains, replaces: isLive ? replaced.ariId : null };
    }
    if (this.#pausedUntil > now) return null;
    for (const entry of this.#entries.values()) {
      const ariId = this.#certificates.get(entry.key)?.ariId ?? null;
      if (ariId !== null && entry.askAt <= now) return { kind: 'askRenewal', key: entry.key, ariId };
    }
    return null;
  }

  /** When `next` will have something; null when nothing is planned. */
  wakeAt(): number | null {
    let soonest = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      const ariId = this.#certificates.get(entry.key)?.ariId ?? null;
      soonest = Math.min(soonest, this.#dueAt(entry), ariId === null ? Number.POSITIVE_INFINITY : entry.askAt);
    }
    return Number.isFinite(soonest) ? Math.max(soonest, this.#pausedUntil) : null;
  }

  issued(key: string, facts: CertificateFacts, now: number): void {
    this.#ordering = null;
    this.#authorityFailures = 0;
    this.#authorityError = null;
    this.#certificates.set(certificateKey(facts.domains), facts);
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.failures = 0;
      entry.lastError = null;
      entry.notBefore = 0;
      entry.window = null;
      entry.renewAt = null;
      entry.askAt = now;
      // An authority that gives other names than were asked for would be asked without end.
      if (certificateKey(facts.domains) !== key) {
        this.#fail(
          entry,
          { message: 'the certificate is for other names', retryAfterMs: null, scope: 'certificate' },
          now,
        );
      }
    }
    this.#plan(now);
  }

  failed(key: string, failure: FailureFacts, now: number): void {
    this.#ordering = null;
    const wait = Math.min(MAX_RETRY_AFTER, failure.retryAfterMs ?? 0);
    const entry = this.#entries.get(key);
    if (failure.scope === 'authority') {
      this.#authorityFailures++;
      this.#authorityError = failure.message;
      const backoff = backoffMs(this.#authorityFailures, AUTHORITY_BACKOFF, this.#options.random);
      this.#pausedUntil = now + Math.max(wait, backoff);
      if (entry !== undefined) entry.lastError = failure.message;
      return;
    }
    this.#authorityFailures = 0;
    this.#authorityError = null;
    if (failure.scope === 'rate') this.#pausedUntil = now + Math.min(MAX_RATE_PAUSE, wait);
    if (entry !== undefined) this.#fail(entry, failure, now);
  }

  /** `window` is null when the authority had none, or could not be asked. */
  renewalAnswered(key: string, window: RenewalWindow | null, retryAfterMs: number | null, now: number): void {
    const entry = this.#entries.get(key);
    const facts = this.#certificates.get(key);
    if (entry === undefined || facts === undefined) return;
    entry.askAt = now + ariPollMs(retryAfterMs);
    if (window === null) return;
    // The moment is drawn once per window: asking again must not move it.
    if (entry.window?.start === window.start && entry.window.end === window.end) return;
    entry.window = window;
    const latest = facts.notAfter - (facts.notAfter - facts.notBefore) * LAST_SHARE;
    entry.renewAt = Math.min(latest, timeInWindow(window, this.#options.random));
  }

  /** Certificates that have expired and that nobody waits for; they are forgotten. */
  takeExpired(now: number): readonly CertificateFacts[] {
    const gone = [...this.#certificates].filter(([key, { notAfter }]) => notAfter <= now && !this.#entries.has(key));
    for (const [key] of gone) this.#certificates.delete(key);
    return gone.map(([, facts]) => facts);
  }

  status(now: number): readonly CertificateStatus[] {
    const { resolver } = this.#options;
    const list: CertificateStatus[] = [];
    for (const entry of this.#entries.values()) {
      const facts = this.#certificates.get(entry.key);
      const lastError = entry.lastError ?? (facts === undefined ? this.#authorityError : null);
      // What keeps all of them from being ordered counts for each that waits for it.
      const isAuthority = lastError !== null && lastError === this.#authorityError;
      list.push({
        resolver,
        domains: entry.domains,
        state: this.#stateOf(entry, facts, now),
        notAfter: facts?.notAfter ?? null,
        nextTry: this.#ordering === entry.key ? null : Math.max(this.#dueAt(entry), this.#pausedUntil),
        lastError,
        failures: isAuthority ? Math.max(entry.failures, this.#authorityFailures) : entry.failures,
      });
    }
    for (const [key, { domains, notAfter }] of this.#certificates) {
      if (this.#entries.has(key)) continue;
      const state = notAfter > now ? 'valid' : 'expired';
      list.push({ resolver, domains, state, notAfter, nextTry: null, lastError: null, failures: 0 });
    }
    return list;
  }

  #stateOf(entry: Entry, facts: CertificateFacts | undefined, now: number): CertificateState {
    const isLive = facts !== undefined && facts.notAfter > now;
    if (this.#ordering === entry.key) return isLive ? 'renewing' : 'ordering';
    if (isLive) return this.#renewAt(entry, facts) <= now ? 'renewing' : 'valid';
    if (entry.lastError !== null) return 'failed';
    return facts === undefined ? 'pending' : 'expired';
  }

  #fail(entry: Entry, failure: FailureFacts, now: number): void {
    entry.failures++;
    entry.lastError = failure.message;
    const facts = this.#certificates.get(entry.key);
    // The nearer the end, the more often.
    const remaining = facts === undefined ? 0 : facts.notAfter - now;
    const maxMs =
      remaining <= 0
        ? CERTIFICATE_BACKOFF.maxMs
        : Math.min(CERTIFICATE_BACKOFF.maxMs, Math.max(CERTIFICATE_BACKOFF.firstMs, remaining / 8));
    const backoff = backoffMs(entry.failures, { ...CERTIFICATE_BACKOFF, maxMs }, this.#options.random);
    entry.notBefore = now + Math.max(backoff, Math.min(MAX_RETRY_AFTER, failure.retryAfterMs ?? 0));
  }

  /** Names without a certificate first, those that failed least before others; then whatever ends soonest. */
  #dueOrder(now: number): Entry | null {
    let best: Entry | null = null;
    let bestRank: readonly number[] = [];
    for (const entry of this.#entries.values()) {
      if (this.#dueAt(entry) > now) continue;
      const notAfter = this.#certificates.get(entry.key)?.notAfter ?? 0;
      const rank = notAfter <= now ? [0, entry.failures, 0] : [1, notAfter, entry.failures];
      if (best === null || isBefore(rank, bestRank)) {
        best = entry;
        bestRank = rank;
      }
    }
    return best;
  }

  #dueAt(entry: Entry): number {
    const facts = this.#certificates.get(entry.key);
    return facts === undefined ? entry.notBefore : Math.max(entry.notBefore, this.#renewAt(entry, facts));
  }

  #renewAt(entry: Entry, facts: CertificateFacts): number {
    entry.renewAt ??= renewalTime(facts, this.#options.durationMs, this.#options.random);
    return entry.renewAt;
  }

  /** Which certificates to see to: those wanted, or those at hand that stand for them. */
  #plan(now: number): void {
    const live = [...this.#certificates.values()].filter(({ notAfter }) => notAfter > now);
    const byName = new Map<string, CertificateFacts[]>();
    for (const facts of live) {
      for (const name of facts.domains) byName.set(name, [...(byName.get(name) ?? []), facts]);
    }
    const elsewhere = new Set(this.#elsewhere.flat());
    const entries = new Map<string, Entry>();
    const needed = neededSets(this.#wanted.filter((set) => !isCoveredBy(elsewhere, set)));
    this.refused = Math.max(0, needed.length - MAX_CERTIFICATES);
    for (const domains of needed.slice(0, MAX_CERTIFICATES)) {
      const at = this.#certificates.has(certificateKey(domains)) ? domains : (standIn(byName, domains) ?? domains);
      const key = certificateKey(at);
      entries.set(key, entries.get(key) ?? this.#entries.get(key) ?? freshEntry(key, at, now));
    }
    this.#entries = entries;
  }
}

function freshEntry(key: string, domains: readonly string[], now: number): Entry {
  return { key, domains, renewAt: null, failures: 0, notBefore: 0, lastError: null, window: null, askAt: now };
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  for (const [index, value] of a.entries()) if (value !== b[index]) return value < b[index]!;
  return false;
}

function isCoveredBy(names: ReadonlySet<string>, domains: readonly string[]): boolean {
  return names.size > 0 && domains.every((domain) => coversDomain([...candidatesOf(domain, names)], domain));
}

function candidatesOf(domain: string, names: ReadonlySet<string>): readonly string[] {
  const dot = domain.indexOf('.');
  return [domain, ...(dot > 0 ? [`*${domain.slice(dot)}`] : [])].filter((name) => names.has(name));
}

/** The names of a live certificate that stands for these, the one that lives longest. */
function standIn(
  byName: ReadonlyMap<string, readonly CertificateFacts[]>,
  domains: readonly string[],
): readonly string[] | null {
  const first = domains[0]!;
  const dot = first.indexOf('.');
  const candidates = [...(byName.get(first) ?? []), ...(dot > 0 ? (byName.get(`*${first.slice(dot)}`) ?? []) : [])];
  const standing = candidates
    .filter((facts) => covers(facts.domains, domains))
    .toSorted((a, b) => b.notAfter - a.notAfter);
  return standing[0]?.domains ?? null;
}
