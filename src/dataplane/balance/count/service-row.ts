// A worker's part of the row of one service, or of one child of a service that divides: what is handed to it is counted
// when it is over, requests, connections and sessions alike.

import { FAILED, IN_FLIGHT, MILLISECONDS, NO_ROW, REQUESTS, type ServiceTable } from './service-table.ts';

/** Nothing has been counted: it has no row yet. */
const UNCLAIMED = -2;

export class ServiceRow {
  private readonly table: ServiceTable;
  private readonly key: string;
  private row = UNCLAIMED;
  /** First cell of this worker's part of it. */
  private at = 0;
  private inFlight = 0;
  private isRetired = false;

  /** `key` is the service's under its protocol, or a `shareKey`. */
  constructor(table: ServiceTable, key: string) {
    this.table = table;
    this.key = key;
  }

  /** One more is in progress. */
  open(): void {
    if (this.row === UNCLAIMED) {
      this.row = this.table.claim(this.key);
      this.at = this.row === NO_ROW ? 0 : this.table.at(this.row);
    }
    this.inFlight++;
    if (this.row !== NO_ROW) this.table.cells[this.at + IN_FLIGHT] = this.inFlight;
  }

  /** It is over. `bucket` is the cell of its duration; negative for one that has none. `failure` as of `kindOf`. */
  close(ms: number, bucket: number, failure: number): void {
    this.inFlight--;
    if (this.row === NO_ROW) return;
    const { cells } = this.table;
    const { at } = this;
    cells[at + IN_FLIGHT] = this.inFlight;
    cells[at + REQUESTS]! += 1;
    if (bucket >= 0) {
      cells[at + MILLISECONDS]! += ms;
      cells[at + bucket]! += 1;
    }
    if (failure >= 0) cells[at + FAILED + failure]! += 1;
    if (this.isRetired) this.releaseIfIdle();
  }

  /** Nothing enters any more; the row is given back when what is in progress is over. */
  retire(): void {
    if (this.isRetired) return;
    this.isRetired = true;
    this.releaseIfIdle();
  }

  private releaseIfIdle(): void {
    if (this.inFlight > 0 || this.row < 0) return;
    this.table.release(this.row);
    this.row = NO_ROW;
  }
}
