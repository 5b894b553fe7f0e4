// Several addresses of one server: the next one is tried as soon as one fails, and beside one that keeps silent
// (RFC 8305 §5): an address that swallows packets costs a quarter of a second in place of the whole timeout. Who is
// connected first ends the others that are not; whoever is ready to be used has won.

import { Deadline, type TimerWheel } from '../../../core/timer-wheel.ts';
import { descriptors } from '../../net/descriptors.ts';
import type { Address } from '../name/address.ts';

/** RFC 8305 §5, "Connection Attempt Delay". */
export const ATTEMPT_DELAY_MS = 250;

/** What this process lacks, descriptors or local ports, it may have again in a moment. */
const STARVED_MS = 100;

/** One address being tried. */
export interface AddressTry {
  readonly address: Address;
  /** TCP is there, and something after it, such as TLS, is not yet. */
  isConnected: boolean;
  /** Ends it; it tells the race nothing afterwards. */
  abandon(): void;
}

export interface RaceOwner {
  readonly wheel: TimerWheel;
  /** Begins to connect. It may call `failed` only later, never from within. */
  tryAddress(address: Address): AddressTry;
  /** A later address has answered first. */
  outrun(address: Address): void;
  /** Every address has failed; the reasons have been told one by one. */
  exhausted(): void;
}

export class AddressRace {
  private readonly owner: RaceOwner;
  private readonly delay: Deadline;
  private rest: Address[] = [];
  private readonly tries: AddressTry[] = [];
  private endsMs = 0;
  /** It waits for something that this process lacks, or has waited for it last. */
  isStarved = false;

  constructor(owner: RaceOwner) {
    this.owner = owner;
    this.delay = new Deadline(() => this.next());
  }

  /**
   * Tries the addresses in this order. `timeoutMs` is what all of them have together; 0 for no limit. The owner keeps
   * it.
   */
  start(addresses: readonly Address[], timeoutMs: number): void {
    this.rest = [...addresses];
    this.endsMs = timeoutMs > 0 ? this.owner.wheel.nowMs + timeoutMs : Number.POSITIVE_INFINITY;
    this.next();
  }

  private next(): void {
    if (this.rest.length > 0 && !descriptors.hasRoomForServer()) {
      this.starve();
      return;
    }
    const address = this.rest.shift();
    if (address === undefined) {
      if (this.tries.length === 0) this.owner.exhausted();
      return;
    }
    this.isStarved = false;
    this.tries.push(this.owner.tryAddress(address));
    this.await(ATTEMPT_DELAY_MS);
  }

  private await(ms: number): void {
    if (this.rest.length > 0) this.owner.wheel.arm(this.delay, ms);
    else this.owner.wheel.disarm(this.delay);
  }

  /**
   * The address answers. What comes after TCP takes round trips of its own: others are tried beside it only when it has
   * used up its part of the time that is left.
   */
  connected(winner: AddressTry): void {
    winner.isConnected = true;
    const place = this.tries.indexOf(winner);
    for (let index = this.tries.length - 1; index >= 0; index--) {
      const other = this.tries[index]!;
      if (other.isConnected) continue;
      this.tries.splice(index, 1);
      if (index < place) this.owner.outrun(other.address);
      other.abandon();
      // It was slower, which is not to say that it is dead.
      this.rest.push(other.address);
    }
    const left = this.endsMs - this.owner.wheel.nowMs;
    const part = left / (this.rest.length + 1);
    this.await(Number.isFinite(part) ? Math.max(ATTEMPT_DELAY_MS, part) : 10 * ATTEMPT_DELAY_MS);
  }

  private starve(): void {
    this.isStarved = true;
    this.owner.wheel.arm(this.delay, STARVED_MS);
  }

  /** Nobody got as far as the address: it is tried again. */
  hindered(one: AddressTry): void {
    const index = this.tries.indexOf(one);
    if (index < 0) return;
    this.tries.splice(index, 1);
    this.rest.unshift(one.address);
    this.starve();
  }

  failed(loser: AddressTry): void {
    const index = this.tries.indexOf(loser);
    if (index < 0) return;
    this.tries.splice(index, 1);
    // Who is in the middle of a handshake gets the time that it was promised.
    if (!this.tries.some(({ isConnected }) => isConnected)) this.next();
  }

  /** Ends the others: `winner` is in use. Without one, ends all. */
  stop(winner: AddressTry | null = null): void {
    this.owner.wheel.remove(this.delay);
    this.rest = [];
    for (const other of this.tries.splice(0)) if (other !== winner) other.abandon();
  }
}
