// Which servers fail, as one worker sees it. A failure is a count here and at most one message a second and server to
// the main thread, which writes the log (supervisor/failure-log.ts); while nothing fails, an answer costs a look at a
// boolean.

import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import { failingServerKey, type FailingServer, type FailureReport } from '../../model/server-failure.ts';

const PAUSE_MS = 1000;
/** Beyond this many servers that fail at once, further ones are not told of. */
const MAX_SERVERS = 1000;
/** A server that has not been heard of for this long makes room for another. */
const FORGOTTEN_MS = 60_000;

interface Failing {
  readonly server: FailingServer;
  /** Since the last report. */
  failures: number;
  flag: string;
  status: number;
  reason: string;
  isFailing: boolean;
  /** There is something to report. */
  isDirty: boolean;
  sentMs: number;
  heardMs: number;
}

export class FailureTrace {
  private readonly wheel: TimerWheel;
  private readonly send: (reports: readonly FailureReport[]) => void;
  private readonly failing = new Map<string, Failing>();
  private readonly dirty = new Set<Failing>();
  private readonly deadline: Deadline;
  /** No server is known to fail: answers are no news. */
  isQuiet = true;

  constructor(wheel: TimerWheel, send: (reports: readonly FailureReport[]) => void) {
    this.wheel = wheel;
    this.send = send;
    this.deadline = new Deadline(() => this.flush());
  }

  server(protocol: FailingServer['protocol'], service: string, server: string): TracedServer {
    return new TracedServer(this, { protocol, service, server });
  }

  failed(key: string, server: FailingServer, flag: string, status: number, reason: string): void {
    const known = this.failing.get(key) ?? this.add(key, server);
    if (known === null) return;
    known.failures++;
    known.flag = flag;
    known.status = status;
    known.reason = reason;
    known.isFailing = true;
    this.changed(known);
  }

  worked(key: string): void {
    const known = this.failing.get(key);
    if (known === undefined || !known.isFailing) return;
    known.isFailing = false;
    this.changed(known);
  }

  /** Another worker has seen the server fail: its next answer here is news, too. */
  watch(server: FailingServer): void {
    const known = this.add(failingServerKey(server), server);
    if (known !== null) known.isFailing = true;
  }

  private add(key: string, server: FailingServer): Failing | null {
    const before = this.failing.get(key);
    if (before !== undefined) return before;
    const { failing } = this;
    if (failing.size >= MAX_SERVERS && !this.makeRoom()) return null;
    const added: Failing = {
      server,
      failures: 0,
      flag: '',
      status: 0,
      reason: '',
      isFailing: false,
      isDirty: false,
      sentMs: Number.NEGATIVE_INFINITY,
      heardMs: this.wheel.nowMs,
    };
    failing.set(key, added);
    this.isQuiet = false;
    return added;
  }

  private makeRoom(): boolean {
    const { failing } = this;
    const oldestAllowed = this.wheel.nowMs - FORGOTTEN_MS;
    for (const [key, { heardMs, isDirty }] of failing) {
      if (isDirty || heardMs > oldestAllowed) continue;
      failing.delete(key);
      return true;
    }
    return false;
  }

  private changed(known: Failing): void {
    const { nowMs } = this.wheel;
    known.heardMs = nowMs;
    if (!known.isDirty) {
      known.isDirty = true;
      this.dirty.add(known);
    }
    if (nowMs - known.sentMs >= PAUSE_MS) this.send([this.take(known)]);
    else if (this.dirty.size === 1) this.wheel.arm(this.deadline, PAUSE_MS);
  }

  private flush(): void {
    const reports = [...this.dirty].map((known) => this.take(known));
    if (reports.length > 0) this.send(reports);
  }

  private take(known: Failing): FailureReport {
    const { server, failures, flag, status, reason, isFailing } = known;
    known.failures = 0;
    known.isDirty = false;
    known.sentMs = this.wheel.nowMs;
    this.dirty.delete(known);
    if (!isFailing) {
      this.failing.delete(failingServerKey(server));
      this.isQuiet = this.failing.size === 0;
    }
    return { ...server, failures, flag, status, reason, isFailing };
  }
}

/** One server of a service, for whoever asks it. */
export class TracedServer {
  private readonly trace: FailureTrace;
  private readonly server: FailingServer;
  private readonly key: string;

  constructor(trace: FailureTrace, server: FailingServer) {
    this.trace = trace;
    this.server = server;
    this.key = failingServerKey(server);
  }

  /** `reason` is for people. */
  failed(flag: string, status: number, reason: string): void {
    this.trace.failed(this.key, this.server, flag, status, reason);
  }

  worked(): void {
    if (!this.trace.isQuiet) this.trace.worked(this.key);
  }
}
