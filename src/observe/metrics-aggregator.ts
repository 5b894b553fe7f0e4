// The main thread's view of all metrics: sums the workers' blocks, keeps what dead workers had counted, and forgets the
// series of removed entry points, routers and services after they have been read once more.

import type { SeriesAnnouncement } from '../model/message/sync.ts';
import { FAMILIES } from './families.ts';
import { droppedSeries, type Labels } from './metrics.ts';

export interface Sample {
  readonly metric: string;
  readonly labels: Labels;
  /** One value; of a histogram count, sum and cumulative buckets. */
  readonly values: readonly number[];
}

interface WorkerBlock {
  readonly memory: SharedArrayBuffer;
  readonly cells: Float64Array;
  readonly series: SeriesAnnouncement[];
}

/** Names that series may still carry. */
export interface LiveNames {
  readonly entryPoints: ReadonlySet<string>;
  readonly routers: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
}

export class MetricsAggregator {
  readonly #buckets: readonly number[];
  readonly #workers = new Map<number, WorkerBlock>();
  /** What dead workers had counted. */
  readonly #past = new Map<string, Sample>();
  #pastDropped = 0;
  /** Series of removed objects that have been read once since. */
  readonly #gone = new Set<string>();
  #live: LiveNames | null = null;

  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
  }

  add(workerId: number, memory: SharedArrayBuffer): void {
    this.#workers.set(workerId, { memory, cells: new Float64Array(memory), series: [] });
  }

  announce(workerId: number, series: readonly SeriesAnnouncement[]): void {
    this.#workers.get(workerId)?.series.push(...series);
  }

  /** The worker is dead: its counters stay in the sums, its gauges do not. */
  remove(workerId: number): void {
    const block = this.#workers.get(workerId);
    if (block === undefined) return;
    this.#workers.delete(workerId);
    this.#pastDropped += droppedSeries(block.memory);
    for (const announced of block.series) {
      if (FAMILIES[announced.metric]?.type !== 'gauge') addTo(this.#past, this.#read(block, announced));
    }
  }

  /** Names in the configuration now in force. */
  setLive(live: LiveNames): void {
    this.#live = live;
  }

  get droppedSeries(): number {
    let dropped = this.#pastDropped;
    for (const block of this.#workers.values()) dropped += droppedSeries(block.memory);
    return dropped;
  }

  /** Sums over all workers, past and present, by series. */
  collect(): readonly Sample[] {
    const sums = new Map<string, Sample>();
    for (const sample of this.#past.values()) addTo(sums, sample);
    for (const block of this.#workers.values()) {
      for (const announced of block.series) addTo(sums, this.#read(block, announced));
    }
    return [...sums].filter(([key, sample]) => this.#isShown(key, sample)).map(([, sample]) => sample);
  }

  #isShown(key: string, sample: Sample): boolean {
    const live = this.#live;
    const { entrypoint, router, service } = sample.labels;
    const isLive =
      live === null ||
      ((entrypoint === undefined || live.entryPoints.has(entrypoint)) &&
        (router === undefined || live.routers.has(router)) &&
        (service === undefined || live.services.has(service)));
    if (isLive) {
      this.#gone.delete(key);
      return true;
    }
    if (this.#gone.has(key)) return false;
    this.#gone.add(key);
    return true;
  }

  #read(block: WorkerBlock, { offset, metric, labels }: SeriesAnnouncement): Sample {
    const { cells } = block;
    if (FAMILIES[metric]?.type !== 'histogram') return { metric, labels, values: [cells[offset]!] };
    const values = [cells[offset]!, cells[offset + 1]!];
    let cumulative = 0;
    for (let index = 0; index < this.#buckets.length; index++) {
      cumulative += cells[offset + 2 + index]!;
      values.push(cumulative);
    }
    return { metric, labels, values };
  }
}

function addTo(sums: Map<string, Sample>, sample: Sample): void {
  const key = `${sample.metric} ${JSON.stringify(sample.labels)}`;
  const known = sums.get(key);
  const values =
    known === undefined ? sample.values : known.values.map((value, index) => value + sample.values[index]!);
  sums.set(key, { ...sample, values });
}
