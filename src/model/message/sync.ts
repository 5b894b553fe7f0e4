// Messages between the supervisor and its workers. Remote edges use the same snapshot, delta, ack and nack.

import type { TableMemory } from '../../core/shared-table.ts';
import type { PluginModule } from '../plugin.ts';
import type { FailingServer, FailureReport } from '../server-failure.ts';
import type { Snapshot, SnapshotDelta } from '../snapshot.ts';
import type { TlsSharedState } from '../tls.ts';
import type { CellName, CellUpdate } from './cells.ts';

/** Everything a worker needs before its first connection; passed as workerData. */
export interface WorkerInit {
  readonly workerId: number;
  /** Row of this worker in shared tables: 0 ≤ slot < workerSlots; a replacement reuses the slot of the dead one. */
  readonly slot: number;
  readonly workerSlots: number;
  /**
   * File descriptor of the bound socket per entry point; the worker duplicates it before it listens. Those of UDP entry
   * points are given to one worker only.
   */
  readonly listeners: readonly ListenerInit[];
  /** Rows of the connection table by entry point. */
  readonly entryPointRows: Readonly<Record<string, number>>;
  readonly snapshot: Snapshot;
  /** What the worker has to have before its first connection, beside the snapshot. */
  readonly cells: readonly CellUpdate[];
  readonly rows: EndpointRows;
  /** Of the sockets of internal services; '' when there are none. */
  readonly socketDirectory: string;
  readonly plugins: readonly PluginModule[];
  /** See core/held-memory.ts. */
  readonly maxBytesInProgress: number;
  readonly shared: SharedState;
  readonly observe: ObserveInit;
}

export interface ListenerInit {
  readonly entryPoint: string;
  readonly fd: number;
  readonly protocol: 'tcp' | 'udp';
}

/** What the entry points of a delta need that are new, or have moved to another address. */
export interface NewSockets {
  /** Rows of the connection table; whoever is named here begins anew. */
  readonly rows: Readonly<Record<string, number>>;
  readonly listeners: readonly ListenerInit[];
}

/** Shared memory and what else all workers have alike. */
export interface SharedState {
  /** observe/metrics.ts: the Float64 cells of this worker; generous, since untouched pages cost nothing. */
  readonly metrics: SharedArrayBuffer;
  /** Of each table of dataplane/engine/shared-tables.ts, by its name; they outlive workers. */
  readonly tables: TableMemory;
  /**
   * Random bytes: what one worker has signed with them, another one believes, on whichever edge of the same control
   * plane.
   */
  readonly secret: Uint8Array;
  /** Its ticket keys are those of the worker's start. */
  readonly tls: TlsSharedState;
}

/** Rows of the endpoint table by the key of the endpoint; -1 for one that has none. */
export type RowsByKey = Readonly<Record<string, number>>;

/** By service, under the key of its protocol: of all its endpoints where the service changes, else of those that do. */
export type EndpointRows = Readonly<Record<string, RowsByKey>>;

/** What workers observe, in plain form. */
export interface ObserveInit {
  readonly metrics: {
    readonly enabled: boolean;
    readonly buckets: readonly number[];
    readonly addEntryPointsLabels: boolean;
    readonly addRoutersLabels: boolean;
    readonly addServicesLabels: boolean;
    /** Label name to request header name. */
    readonly headerLabels: Readonly<Record<string, string>>;
  };
  readonly accessLog: AccessLogInit | null;
}

export interface AccessLogInit {
  readonly format: 'common' | 'genericCLF' | 'json';
  readonly filters: {
    /** Inclusive ranges. */
    readonly statusCodes: readonly (readonly [number, number])[];
    readonly retryAttempts: boolean;
    readonly minDurationMs: number;
  };
  readonly fields: {
    readonly defaultMode: 'keep' | 'drop';
    readonly names: Readonly<Record<string, 'keep' | 'drop'>>;
    readonly headers: {
      readonly defaultMode: 'keep' | 'drop' | 'redact';
      readonly names: Readonly<Record<string, 'keep' | 'drop' | 'redact'>>;
    };
    readonly queryParameters: { readonly defaultMode: 'keep' | 'drop' | 'redact' };
  };
  /** The flag is the last field of a line that is not JSON. */
  readonly responseFlag: boolean;
}

export type ToWorker =
  /** `rows` are those of services and endpoints that change, `sockets` of entry points that are new or have moved. */
  | {
      readonly kind: 'delta';
      readonly delta: SnapshotDelta;
      readonly rows: EndpointRows;
      readonly sockets: NewSockets;
    }
  /** The newest of a cell; answered by 'has'. */
  | { readonly kind: 'cell'; readonly update: CellUpdate }
  /** A worker has seen this server fail; whoever sees it answer next reports that. */
  | { readonly kind: 'failing'; readonly server: FailingServer }
  /**
   * The end is near: go on accepting, and send every client elsewhere with its answer. `patienceMs` as of
   * DownstreamContext.
   */
  | { readonly kind: 'leave'; readonly patienceMs: number }
  /**
   * Stop accepting, finish what is in flight until the deadline, answer 'drained', then exit. `patienceMs` as of
   * DownstreamContext, `isShared` of the Door of each entry point.
   */
  | { readonly kind: 'drain'; readonly deadlineMs: number; readonly patienceMs: number; readonly isShared: boolean }
  /** Test and operations aid: collect garbage if exposed and report memory. */
  | { readonly kind: 'memory' }
  /** Answered by 'pong' from the event loop: a worker that does not answer is replaced. */
  | { readonly kind: 'ping'; readonly id: number };

export type FromWorker =
  /** `thread` is the kernel's number of it, 0 where there is none. */
  | { readonly kind: 'ready'; readonly version: number; readonly thread: number }
  | { readonly kind: 'ack'; readonly version: number; readonly digest: string; readonly buildMs: number }
  | { readonly kind: 'nack'; readonly version: number; readonly reason: string }
  /** Failed requests have ejected a server; `endpoint` is its key. */
  | { readonly kind: 'ejected'; readonly service: string; readonly endpoint: string }
  /** Of servers that fail, or answer again. */
  | { readonly kind: 'failures'; readonly reports: readonly FailureReport[] }
  /** It has this version of the cell, and every earlier one. */
  | { readonly kind: 'has'; readonly cell: CellName; readonly version: number }
  | { readonly kind: 'drained'; readonly aborted: number }
  /** With what the worker holds outside of its heap. */
  | { readonly kind: 'pong'; readonly id: number; readonly externalBytes: number }
  | {
      readonly kind: 'memory';
      readonly isCollected: boolean;
      readonly heapUsedBytes: number;
      /** Of what is in progress: see core/held-memory.ts. */
      readonly bytesInProgress: number;
      readonly externalBytes: number;
    }
  /** Metric series this worker has begun to write: see observe/metrics.ts. */
  | { readonly kind: 'series'; readonly series: readonly SeriesAnnouncement[] }
  /** Whole access log lines, UTF-8; the buffer is transferred. */
  | { readonly kind: 'accessLog'; readonly lines: Uint8Array; readonly count: number; readonly dropped: number }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

export interface SeriesAnnouncement {
  /** Index of the series' first Float64 in the worker's metrics memory. */
  readonly offset: number;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
}
