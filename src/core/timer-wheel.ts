// Coarse deadlines for the request path: one wheel per worker, one interval for all connections. Moving a deadline
// further into the future, which every request does, is a single number write: the entry stays where it is in the wheel
// and is put forward when its slot comes up. Expiry is at most two ticks late, and early only by as long as the event
// loop was blocked since the last tick or `touch`.

import type { Clock } from './clock.ts';

const TICK_MS = 50;
const SLOTS = 512;
const NEVER = Number.POSITIVE_INFINITY;

/** A deadline that belongs to one object for its life. Arm and disarm it through the wheel. */
export class Deadline {
  /** Called once per arming, from the wheel's tick, never from within `arm`. */
  readonly expire: () => void;
  atMs = NEVER;
  /** Deadline the wheel has filed the entry under; never later than atMs while armed. */
  filedMs = NEVER;
  slot = -1;
  prev: Deadline | null = null;
  next: Deadline | null = null;

  constructor(expire: () => void) {
    this.expire = expire;
  }
}

export class TimerWheel {
  /** Monotonic milliseconds as of the last tick or touch. */
  nowMs: number;
  readonly #clock: Clock;
  readonly #slots: (Deadline | null)[] = Array.from({ length: SLOTS }, () => null);
  #linked = 0;
  #lastTick: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.nowMs = clock.now();
    this.#lastTick = Math.floor(this.nowMs / TICK_MS);
  }

  /** Tells the wheel a time its caller has just read anyway. */
  touch(nowMs: number): void {
    this.nowMs = nowMs;
  }

  /** Sets the deadline `ms` from now; 0 or less disarms. Cheap when the deadline moves later. */
  arm(deadline: Deadline, ms: number): void {
    if (ms <= 0) {
      deadline.atMs = NEVER;
      return;
    }
    if (this.#timer === null) this.#wake();
    const at = this.nowMs + ms;
    deadline.atMs = at;
    if (at < deadline.filedMs) {
      if (deadline.slot >= 0) this.#unlink(deadline);
      this.#link(deadline, at);
    }
  }

  /** The entry leaves the wheel when its slot comes up; use `remove` when its owner dies. */
  disarm(deadline: Deadline): void {
    deadline.atMs = NEVER;
  }

  /** Takes the entry out at once, so that the wheel no longer keeps its owner alive. */
  remove(deadline: Deadline): void {
    deadline.atMs = NEVER;
    if (deadline.slot >= 0) this.#unlink(deadline);
  }

  /** Expires what is due. The interval calls it; tests with a manual clock call it themselves. */
  tick(): void {
    this.nowMs = this.#clock.now();
    const currentTick = Math.floor(this.nowMs / TICK_MS);
    // After a long stall one round over all slots visits everything.
    const first = Math.max(this.#lastTick + 1, currentTick - SLOTS + 1);
    this.#lastTick = currentTick;
    const due: Deadline[] = [];
    for (let tick = first; tick <= currentTick; tick++) this.#collect(tick % SLOTS, due);
    for (const deadline of due) {
      // An earlier expiry may have disarmed this one or armed it anew.
      if (deadline.atMs > this.nowMs) continue;
      deadline.atMs = NEVER;
      deadline.expire();
    }
    if (this.#linked === 0) this.stop();
  }

  stop(): void {
    if (this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }

  #collect(slot: number, due: Deadline[]): void {
    let entry = this.#slots[slot] ?? null;
    while (entry !== null) {
      const next: Deadline | null = entry.next;
      this.#unlink(entry);
      if (entry.atMs <= this.nowMs) due.push(entry);
      // A deadline a whole round away comes back to this slot, before `next`: it is not met twice.
      else if (entry.atMs !== NEVER) this.#link(entry, entry.atMs);
      entry = next;
    }
  }

  #link(entry: Deadline, atMs: number): void {
    const tick = Math.max(Math.floor(atMs / TICK_MS) + 1, this.#lastTick + 1);
    const slot = tick % SLOTS;
    const head = this.#slots[slot] ?? null;
    entry.filedMs = atMs;
    entry.slot = slot;
    entry.prev = null;
    entry.next = head;
    if (head !== null) head.prev = entry;
    this.#slots[slot] = entry;
    this.#linked++;
  }

  #unlink(entry: Deadline): void {
    if (entry.prev !== null) entry.prev.next = entry.next;
    else this.#slots[entry.slot] = entry.next;
    if (entry.next !== null) entry.next.prev = entry.prev;
    entry.prev = null;
    entry.next = null;
    entry.filedMs = NEVER;
    entry.slot = -1;
    this.#linked--;
  }

  #wake(): void {
    this.nowMs = this.#clock.now();
    this.#lastTick = Math.floor(this.nowMs / TICK_MS);
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    this.#timer.unref();
  }
}
