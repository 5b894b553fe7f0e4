// The entry points of one worker, which come, change and go with the deltas. One that stays on its address keeps its
// socket and its connections, which go by the new options from their next request on; one that leaves finishes what is
// in flight within its grace time, and others do not notice.

import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { LivePart } from '../live/live-part.ts';
import type { TcpRoutingChanges } from '../tcp/tcp-generation.ts';
import type { TcpRouting } from '../tcp/tcp-routing.ts';
import type { DatagramEntryPoint } from './datagram-entry-point.ts';
import type { HttpRouting, HttpRoutingChanges } from './http-routing.ts';
import type { StreamEntryPoint } from './stream-entry-point.ts';

/** What a delta does to entry points, as all parts of a build need to know it. */
export interface EntryPointPlan {
  readonly httpRoutings: HttpRoutingChanges;
  readonly tcpRoutings: TcpRoutingChanges;
  /** As it will be, of one that will be there. */
  readonly specOf: (name: string) => EntryPointSpec;
  readonly fresh: readonly AnyEntryPoint[];
  readonly staying: readonly EntryPointSpec[];
  readonly leaving: readonly AnyEntryPoint[];
}

export interface EntryPointFactory {
  /** `row` is the one of the shared connection table. */
  stream(spec: EntryPointSpec, row: number): StreamEntryPoint;
  datagram(spec: EntryPointSpec, row: number): DatagramEntryPoint;
}

/** Rows of the shared connection table by entry point. */
export type EntryPointRows = Readonly<Record<string, number>>;

/** A client that asks again and again does so within this time. */
export const DRAIN_PATIENCE_MS = 2_000;

type AnyEntryPoint = StreamEntryPoint | DatagramEntryPoint;

export class EntryPoints implements LivePart<EntryPointPlan> {
  readonly streams = new Map<string, StreamEntryPoint>();
  readonly datagrams = new Map<string, DatagramEntryPoint>();
  readonly #factory: EntryPointFactory;
  /** Those that are finishing, with the timers that end it. */
  readonly #leaving = new Map<AnyEntryPoint, NodeJS.Timeout>();

  constructor(factory: EntryPointFactory) {
    this.#factory = factory;
  }

  /** Accepts or reads on a handle that this worker alone owns. Settles when the kernel listens. */
  async listen(name: string, handle: object): Promise<void> {
    const entryPoint = this.#get(name);
    if (entryPoint === undefined) throw new Error(`no entry point ${name} in the snapshot`);
    await entryPoint.listen(handle);
  }

  /**
   * `opened` are those whose socket is new, with their rows: also one that moved to another address. Changes nothing
   * yet.
   */
  plan(delta: SnapshotDelta, opened: EntryPointRows): EntryPointPlan {
    const changed = Object.values(delta.changed.entryPoints ?? {});
    const isFresh = ({ name }: EntryPointSpec): boolean => name in opened || this.#get(name) === undefined;
    const fresh = changed.filter(isFresh).map((spec) => this.#create(spec, opened));
    const staying = changed.filter((spec) => !isFresh(spec));
    const gone = [...(delta.removed.entryPoints ?? []), ...fresh.map(({ spec }) => spec.name)];
    const leaving = gone.flatMap((name) => this.#get(name) ?? []);
    return {
      httpRoutings: {
        added: fresh.flatMap((one) => routingsOf(one)),
        removed: new Set(leaving.flatMap((one) => routingsOf(one))),
        changed: new Map(
          staying.flatMap((spec) => routingsOf(this.#get(spec.name)!).map((routing) => [routing, spec])),
        ),
      },
      tcpRoutings: {
        added: fresh.flatMap((one) => tcpRoutingsOf(one)),
        gone: new Set(leaving.flatMap((one) => tcpRoutingsOf(one))),
        anew: new Set(staying.flatMap(({ name }) => tcpRoutingsOf(this.#get(name)!))),
      },
      specOf: (name) => delta.changed.entryPoints?.[name] ?? this.#get(name)!.spec,
      fresh,
      staying,
      leaving,
    };
  }

  /** What can be made before is made by the plan. The commit does not listen on sockets that are new. */
  *build(_delta: SnapshotDelta, { fresh, staying, leaving }: EntryPointPlan): Generator<void, () => void> {
    yield;
    return () => {
      for (const one of leaving) this.#leave(one);
      for (const one of fresh) this.#add(one);
      for (const spec of staying) this.#get(spec.name)!.update(spec);
    };
  }

  /** Settles when the ports of those that are leaving are given up: another socket may be about to have them. */
  async doorsClosed(): Promise<void> {
    await Promise.all([...this.#leaving.keys()].map(({ doorClosed }) => doorClosed));
  }

  /** Goes on accepting, and sends every client elsewhere with its answer. */
  leave(patienceMs: number): void {
    for (const entryPoint of this.streams.values()) entryPoint.leave(patienceMs);
  }

  /** Stops accepting and waits for connections to end. */
  async drain(patienceMs: number, isShared: boolean): Promise<void> {
    await Promise.all(this.#all().map((entryPoint) => entryPoint.drain(patienceMs, isShared)));
  }

  /** Breaks off what is left; returns the number of connections. */
  destroy(): number {
    for (const timer of this.#leaving.values()) clearTimeout(timer);
    return this.#all().reduce((count, entryPoint) => count + entryPoint.destroy(), 0);
  }

  #all(): readonly AnyEntryPoint[] {
    return [...this.streams.values(), ...this.datagrams.values(), ...this.#leaving.keys()];
  }

  #get(name: string): AnyEntryPoint | undefined {
    return this.streams.get(name) ?? this.datagrams.get(name);
  }

  #create(spec: EntryPointSpec, rows: EntryPointRows): AnyEntryPoint {
    const row = rows[spec.name]!;
    return spec.address.protocol === 'udp' ? this.#factory.datagram(spec, row) : this.#factory.stream(spec, row);
  }

  #add(entryPoint: AnyEntryPoint): void {
    if ('plain' in entryPoint) this.streams.set(entryPoint.spec.name, entryPoint);
    else this.datagrams.set(entryPoint.spec.name, entryPoint);
  }

  #leave(entryPoint: AnyEntryPoint): void {
    const { name, lifeCycle } = entryPoint.spec;
    this.streams.delete(name);
    this.datagrams.delete(name);
    const timer = setTimeout(() => this.#end(entryPoint), lifeCycle.graceMs);
    timer.unref();
    this.#leaving.set(entryPoint, timer);
    void entryPoint.drain(DRAIN_PATIENCE_MS).then(() => this.#end(entryPoint));
  }

  #end(entryPoint: AnyEntryPoint): void {
    clearTimeout(this.#leaving.get(entryPoint));
    if (this.#leaving.delete(entryPoint)) entryPoint.destroy();
  }
}

function routingsOf(entryPoint: AnyEntryPoint): readonly HttpRouting[] {
  return 'plain' in entryPoint ? [entryPoint.plain, entryPoint.secure] : [];
}

function tcpRoutingsOf(entryPoint: AnyEntryPoint): readonly TcpRouting[] {
  return 'plain' in entryPoint ? [entryPoint.tcp] : [];
}
