// Where one TCP connection or UDP session is counted: in each service that has had a say in the choice of its server,
// from the router's on. Services note themselves while they are asked; a connection that is asked for again, since a
// server could not be had, stays where the new choice is the same as the one before.

import type { ServiceRow } from './service-row.ts';
import { bucketOf, DURATION_BOUNDS_MS, kindOf } from './service-table.ts';

const NONE: readonly ServiceRow[] = [];

export class Visits {
  /** Those that were asked since `begin`. */
  private path: ServiceRow[] = [];
  /** Those in which it is in progress. */
  private entered: readonly ServiceRow[] = NONE;
  private readonly startMs = performance.now();

  /** A server is about to be chosen, perhaps once more. */
  begin(): void {
    this.path = [];
  }

  /** A service is asked. */
  through(row: ServiceRow): void {
    this.path.push(row);
  }

  /** How many were asked so far, for `backTo`. */
  get depth(): number {
    return this.path.length;
  }

  /** Another one is asked in the place of those after so many. */
  backTo(depth: number): void {
    this.path.length = depth;
  }

  /** The choice is made. Services that it does not lead through any more have failed it with this flag; '' for none. */
  settle(flag = ''): void {
    const { path, entered } = this;
    let same = 0;
    while (same < entered.length && entered[same] === path[same]) same++;
    this.close(entered.slice(same), flag);
    for (let index = same; index < path.length; index++) path[index]!.open();
    this.entered = path;
  }

  /** It is over; the flag says why, '' for an end in order. */
  end(flag: string): void {
    this.close(this.entered, flag);
    this.entered = NONE;
  }

  private close(rows: readonly ServiceRow[], flag: string): void {
    if (rows.length === 0) return;
    const ms = performance.now() - this.startMs;
    const bucket = bucketOf(ms, DURATION_BOUNDS_MS);
    const failure = kindOf(flag);
    for (const row of rows) row.close(ms, bucket, failure);
  }
}
