// What the log says of servers that fail, whichever worker saw it: the first failure with its reason, then a count a
// minute as long as there is something to count, then that the server answers again. Of a server that goes up and down
// all the time that is three lines a minute at most.
//
//   (unknown) ──failure: told──▶ FAILING ──answer: told──▶ ANSWERING ──a minute without failure──▶ (unknown)
//                                  ▲ └─────────── a minute: failures counted ──────────┘ │
//                                  └───────────────── a minute: failures counted ────────┘
//
// Servers that checks, or passive health checks, have found down are theirs to speak of.

import type { Clock } from '../core/clock.ts';
import type { Log, LogFields } from '../core/log.ts';
import { Deadline, type TimerWheel } from '../core/timer-wheel.ts';
import type { HealthChange } from '../model/server-health.ts';
import { failingServerKey, type FailingServer, type FailureReport } from '../model/server-failure.ts';

const COUNT_MS = 60_000;
const MAX_SERVERS = 1000;
const MAX_DOWN = 10_000;

export interface FailureLogOptions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Log;
  /** The first failure of this server was told: whoever sees it answer should say so. */
  readonly began: (server: FailingServer) => void;
}

interface Told {
  readonly key: string;
  /** Armed until a minute has passed without anything to count. */
  readonly deadline: Deadline;
  /** What was last heard. */
  report: FailureReport;
  /** Since the last line. */
  count: number;
  /** Since it began to fail. */
  total: number;
  toldMs: number;
  /** The last line said that it fails. */
  isToldFailing: boolean;
}

export class FailureLog {
  readonly #options: FailureLogOptions;
  readonly #told = new Map<string, Told>();
  /** Servers that health checks have spoken of. */
  readonly #down = new Set<string>();

  constructor(options: FailureLogOptions) {
    this.#options = options;
  }

  take(report: FailureReport): void {
    const key = failingServerKey(report);
    if (this.#down.has(key)) return;
    const known = this.#told.get(key);
    if (known !== undefined) this.#goOn(known, report);
    else if (report.failures > 0) this.#begin(key, report);
  }

  /** A server has come up or gone down, and the log says so. */
  healthChanged({ service, url, isUp }: HealthChange): void {
    for (const protocol of ['http', 'tcp'] as const) {
      const key = failingServerKey({ protocol, service, server: url });
      this.#forget(key);
      if (isUp) this.#down.delete(key);
      else if (this.#down.size < MAX_DOWN) this.#down.add(key);
    }
  }

  stop(): void {
    for (const key of this.#told.keys()) this.#forget(key);
    this.#down.clear();
  }

  #begin(key: string, report: FailureReport): void {
    if (this.#told.size >= MAX_SERVERS && !this.#makeRoom()) return;
    const told: Told = {
      key,
      deadline: new Deadline(() => this.#minutePassed(told)),
      report,
      count: report.failures - 1,
      total: report.failures,
      toldMs: this.#options.clock.now(),
      isToldFailing: true,
    };
    this.#told.set(key, told);
    this.#options.log.warn(report.server === '' ? 'a service fails requests' : 'a server fails requests', {
      ...whichOf(report),
      ...whyOf(report),
    });
    this.#options.wheel.arm(told.deadline, COUNT_MS);
    if (report.isFailing) this.#options.began(report);
    else this.#answers(told);
  }

  #goOn(told: Told, report: FailureReport): void {
    told.count += report.failures;
    told.total += report.failures;
    // A report of an answer alone says nothing of what went before.
    told.report = report.failures > 0 ? report : { ...told.report, isFailing: report.isFailing };
    if (!report.isFailing) {
      if (told.isToldFailing) this.#answers(told);
    } else if (report.failures > 0 && told.deadline.atMs === Number.POSITIVE_INFINITY) this.#tellCount(told);
  }

  #answers(told: Told): void {
    told.isToldFailing = false;
    this.#options.log.warn(told.report.server === '' ? 'a service has a server again' : 'a server answers again', {
      ...whichOf(told.report),
      failures: told.total,
    });
    told.count = 0;
    told.total = 0;
  }

  #minutePassed(told: Told): void {
    if (told.count > 0) this.#tellCount(told);
    // One that is not asked is silent, and may be for long: it is told of when it answers.
    else if (!told.report.isFailing) this.#forget(told.key);
  }

  #tellCount(told: Told): void {
    const { report, count } = told;
    const { clock, wheel, log } = this.#options;
    const now = clock.now();
    const what = report.server === '' ? 'a service' : 'a server';
    const message = report.isFailing
      ? `${what} ${told.isToldFailing ? 'still fails' : 'fails'} requests`
      : `${what} failed requests, and answers again`;
    log.warn(message, {
      ...whichOf(report),
      failures: count,
      withinMs: Math.round(now - told.toldMs),
      ...whyOf(report),
    });
    told.count = 0;
    told.toldMs = now;
    told.isToldFailing = report.isFailing;
    if (!report.isFailing) told.total = 0;
    wheel.arm(told.deadline, COUNT_MS);
    if (report.isFailing) this.#options.began(report);
  }

  /** Of those that are silent, the one that has been so for longest. */
  #makeRoom(): boolean {
    const now = this.#options.clock.now();
    for (const [key, { toldMs, count }] of this.#told) {
      if (count > 0 || now - toldMs < COUNT_MS) continue;
      this.#forget(key);
      return true;
    }
    return false;
  }

  #forget(key: string): void {
    const told = this.#told.get(key);
    if (told === undefined) return;
    this.#options.wheel.remove(told.deadline);
    this.#told.delete(key);
  }
}

function whichOf({ protocol, service, server }: FailingServer): LogFields {
  return { service, ...(server === '' ? {} : { server }), ...(protocol === 'http' ? {} : { protocol }) };
}

function whyOf({ reason, flag, status }: FailureReport): LogFields {
  return { reason, flag, ...(status === 0 ? {} : { status }) };
}
