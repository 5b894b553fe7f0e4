// What one worker runs, as operators are told.

export interface WorkerStatus {
  readonly id: number;
  readonly slot: number;
  /** Of the snapshot it runs. */
  readonly version: number;
  readonly isReady: boolean;
}
