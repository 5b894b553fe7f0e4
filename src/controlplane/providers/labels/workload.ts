// What sources find that know of running things with labels: a container, a task of a cluster, an instance of a
// catalog. A provider turns what its source says into these; what becomes of them is the same for all.

/** What it is for now. */
export type WorkloadState =
  /** It gets requests. */
  | 'ready'
  /** It is about to end: nothing new goes there but what sticky clients send. */
  | 'draining'
  /**
   * It is known and gets nothing: starting, unhealthy, stopped. Its labels count where `allowEmptyServices` is on, or
   * where it is kept.
   */
  | 'unavailable';

export interface WorkloadPort {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

/** Where a port is reached, or why nowhere: a sentence for people that says what to do. */
export type WorkloadAddress = { readonly host: string; readonly port: number } | { readonly problem: string };

export interface Workload {
  /** Stays the same while it is the same thing; of another thing it is another one. */
  readonly id: string;
  /** As people name it: `container web-1`. Diagnostics tell it as their source. */
  readonly place: string;
  /** What implied services and routers are named after, before it is put into the form of a name. */
  readonly serviceName: string;
  /** What `defaultRule` knows beside the labels, under its names: `Name`, `ContainerName`. */
  readonly variables: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. Of several that define one name differently, the oldest keeps it. */
  readonly createdMs: number;
  readonly state: WorkloadState;
  /** Why it is not ready, for people; '' where it is. */
  readonly stateReason: string;
  /** Its labels count also while it is unavailable, since it says so; false when left out. */
  readonly isKept?: boolean;
  /** Those that it says it listens on, without those that only its labels name. */
  readonly ports: readonly WorkloadPort[];
  /** `network` is that of a label, '' for the provider's choice. */
  addressOf(port: WorkloadPort, network: string): WorkloadAddress;
  /** '' where it is not known. */
  readonly zone: string;
}
