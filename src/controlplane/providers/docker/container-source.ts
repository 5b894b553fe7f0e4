// The containers of an engine: listed, looked at where something is new, and followed by events. What is known of them
// is here; what becomes of it is the provider's.

import type { Clock } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import type { Workload } from '../labels/workload.ts';
import type { Source, SourceEvents } from '../source/source.ts';
import { isAsListed, readContainer, readList, type Container, type ListedContainer } from './container.ts';
import type { Addressing, AddressingOptions } from './container-address.ts';
import { isKeptWhileStopped, meaningOf, readEvent } from './container-events.ts';
import { workloadOf } from './container-workload.ts';
import { EngineClient, type EngineFacts } from './engine-client.ts';
import { EngineRefusal } from './engine-failure.ts';
import type { EngineEndpoint } from './engine-endpoint.ts';
import { hostAddress, LOOPBACK, ownContainer, routerNetworks, type OwnContainer } from './router-place.ts';

/** Inspections at a time. */
const MAX_INSPECTIONS = 8;
/** More than the engine gives a container that names no time to end. Whoever is there then is served again. */
const LEAST_STOP_MS = 60_000;
/** Events of the moment in which the stream begins are told again. */
const OVERLAP_MS = 2_000;
const MAX_WARNINGS = 10_000;

export interface ContainerSourceOptions extends AddressingOptions {
  readonly endpoint: EngineEndpoint;
  readonly isFollowed: boolean;
}

export interface ContainerSourceParts {
  readonly client: EngineClient;
  readonly clock: Clock;
  readonly log: Log;
  /** What it sees now; called whenever that may have changed. */
  readonly publish: (workloads: readonly Workload[]) => void;
  readonly own?: OwnContainer;
}

interface Known {
  container: Container;
  /** Until when it is taken to be about to end; null while nobody has asked it to. */
  stoppingUntil: number | null;
  /** Of the container as it is above; null where it has to be made anew. */
  workload: { readonly made: Workload; readonly isStopping: boolean } | null;
}

export class ContainerSource implements Source {
  readonly follow: Source['follow'];
  readonly #options: ContainerSourceOptions;
  readonly #parts: ContainerSourceParts;
  readonly #own: OwnContainer;
  readonly #containers = new Map<string, Known>();
  /** Those that are being looked at; true once something has happened to one meanwhile. */
  readonly #inspected = new Map<string, boolean>();
  /** Of those that have the host's network. */
  #hostAddress = LOOPBACK;
  /** The networks of the router's own container, as they were last. */
  #ownNetworks = '';
  #facts: EngineFacts | null = null;
  /** There has been a whole list: before that, nothing is published. */
  #isListed = false;
  readonly #warned = new Set<string>();

  constructor(options: ContainerSourceOptions, parts: ContainerSourceParts) {
    this.#options = options;
    this.#parts = parts;
    this.#own = parts.own ?? ownContainer();
    this.follow = options.isFollowed ? (signal, events) => this.#follow(signal, events) : undefined;
  }

  async list(signal: AbortSignal): Promise<void> {
    const { client } = this.#parts;
    // The stream of events has met it, where there is one.
    const facts = this.follow === undefined || this.#facts === null ? await client.meet(signal) : this.#facts;
    const listed = readList(await client.get('/containers/json?all=1', signal), facts.isPodman).filter(isOfInterest);
    const ids = new Set(listed.map(({ id }) => id));
    await this.#inspect(
      listed.filter((one) => this.#isNews(one)).map(({ id }) => id),
      signal,
    );
    for (const id of this.#containers.keys()) if (!ids.has(id)) this.#containers.delete(id);
    await this.#findHost();
    this.#isListed = true;
    this.#publish();
  }

  async look(touched: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    await this.#inspect([...touched], signal);
    if (this.#hostAddress === LOOPBACK) await this.#findHost();
    this.#publish();
  }

  async #follow(signal: AbortSignal, events: SourceEvents): Promise<void> {
    const { client } = this.#parts;
    this.#facts = await client.meet(signal);
    const { wallMs, isPodman } = this.#facts;
    // Podman would read all that it has ever written down. Docker says the head of its answer before it listens.
    const since = wallMs === null || isPodman ? null : wallMs - OVERLAP_MS;
    await client.events({ type: ['container', 'network'] }, since, signal, {
      begun: () => events.begun(),
      event: (event) => this.#heard(event, events),
    });
  }

  #heard(value: unknown, events: SourceEvents): void {
    const event = readEvent(value);
    if (event === null) return;
    const { id } = event;
    const known = this.#containers.get(id);
    const meaning = meaningOf(event, known?.container);
    const isNewer = meaning.kind === 'changed' || meaning.kind === 'gone' || event.action === 'die';
    if (isNewer && this.#inspected.has(id)) this.#inspected.set(id, true);
    switch (meaning.kind) {
      case 'nothing':
        return;
      case 'look':
        events.changed(id);
        return;
      case 'gone':
        if (!this.#containers.delete(id)) return;
        break;
      case 'stopping': {
        const { stopTimeoutMs } = known!.container;
        known!.stoppingUntil = this.#parts.clock.now() + Math.max(LEAST_STOP_MS, (stopTimeoutMs ?? 0) + OVERLAP_MS);
        break;
      }
      case 'changed':
        this.#learn(meaning.container);
        break;
    }
    this.#publish();
  }

  #isNews(listed: ListedContainer): boolean {
    const known = this.#containers.get(listed.id)?.container;
    if (known === undefined || !isAsListed(known, listed)) return true;
    // Of one with a check, a list that says nothing of it is not enough.
    return listed.health === null && known.health !== '';
  }

  async #inspect(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const waiting = [...ids];
    const work = async (): Promise<void> => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) await this.#inspectOne(id, signal);
    };
    await Promise.all(Array.from({ length: Math.min(MAX_INSPECTIONS, waiting.length) }, work));
  }

  async #inspectOne(id: string, signal: AbortSignal): Promise<void> {
    try {
      do {
        this.#inspected.set(id, false);
        await this.#ask(id, signal);
        // The answer may be older than what an event has said in the meantime.
      } while (this.#inspected.get(id) === true && !signal.aborted);
    } finally {
      this.#inspected.delete(id);
    }
  }

  /** One that the engine cannot describe stays what it was: it is one of many. */
  async #ask(id: string, signal: AbortSignal): Promise<void> {
    try {
      const container = readContainer(await this.#parts.client.get(`/containers/${id}/json`, signal));
      if (this.#inspected.get(id) !== true) this.#learn(container);
    } catch (error) {
      if (!(error instanceof EngineRefusal) || error.status === 403 || error.status === 401) throw error;
      if (error.status === 404) this.#containers.delete(id);
      else this.#warnOnce(id, 'a container cannot be looked at; what was known of it counts', error.message);
    }
  }

  #learn(container: Container): void {
    const { id } = container;
    const known = this.#containers.get(id);
    if (!isOfInterest(container)) {
      this.#containers.delete(id);
      return;
    }
    // Whoever has been started again is not about to end.
    const isSameRun = known?.container.startedMs === container.startedMs && container.status === 'running';
    this.#containers.set(id, { container, stoppingUntil: isSameRun ? known.stoppingUntil : null, workload: null });
  }

  get #ownContainer(): Container | undefined {
    return this.#containers.get(this.#own.id)?.container;
  }

  /** Asked for where a container has the network of the host, since names have to be looked up for it. */
  async #findHost(): Promise<void> {
    if (![...this.#containers.values()].some(({ container }) => container.networkMode === 'host')) return;
    const address = await hostAddress(this.#own, this.#options.endpoint, this.#ownContainer);
    if (address === this.#hostAddress) return;
    this.#hostAddress = address;
    this.#forgetWorkloads();
  }

  #forgetWorkloads(): void {
    for (const known of this.#containers.values()) known.workload = null;
  }

  #publish(): void {
    if (!this.#isListed) return;
    const networks = routerNetworks(this.#ownContainer);
    const ownNetworks = networks === null ? '' : [...networks].join();
    if (ownNetworks !== this.#ownNetworks) this.#forgetWorkloads();
    this.#ownNetworks = ownNetworks;
    const addressing: Addressing = {
      place: { networks, hostAddress: this.#hostAddress },
      options: this.#options,
      find: (container) => this.#find(container),
      warn: ({ id, name }, message) =>
        this.#warnOnce(id, 'the network of a container is chosen for it', `container ${name}: ${message}`),
    };
    const now = this.#parts.clock.now();
    const workloads: Workload[] = [];
    for (const known of this.#containers.values()) {
      const { container, stoppingUntil } = known;
      const isStopping = stoppingUntil !== null && now < stoppingUntil;
      // What shares the network of another one is told anew: that one may have changed.
      const isAlone = !container.networkMode.startsWith('container:');
      if (known.workload === null || known.workload.isStopping !== isStopping || !isAlone) {
        known.workload = { made: workloadOf(this.#asSeen(container), isStopping, addressing), isStopping };
      }
      workloads.push(known.workload.made);
    }
    this.#parts.publish(workloads);
  }

  /** The router's own container runs this: what its labels say need not wait for its health check. */
  #asSeen(container: Container): Container {
    return container.id === this.#own.id ? { ...container, health: '' } : container;
  }

  #find(container: string): Container | undefined {
    const known = this.#containers.get(container);
    if (known !== undefined) return known.container;
    return [...this.#containers.values()].find(({ container: { name } }) => name === container)?.container;
  }

  #warnOnce(id: string, message: string, reason: string): void {
    const key = `${id} ${reason}`;
    if (this.#warned.has(key)) return;
    if (this.#warned.size >= MAX_WARNINGS) this.#warned.clear();
    this.#warned.add(key);
    this.#parts.log.warn(message, { provider: 'docker', reason });
  }
}

/** What does not run is of no use to anybody, unless its labels ask for it to be kept. */
function isOfInterest({ status, labels }: Pick<ListedContainer, 'status' | 'labels'>): boolean {
  return status === 'running' || status === 'paused' || isKeptWhileStopped(labels);
}
