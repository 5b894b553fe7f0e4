// The edge's end of its link to a control plane in another process. It keeps cells like those of the control plane,
// which the edge follows, and says of each version what became of it. Without a control plane the cells stay as they
// are: the edge serves on, and the next one that is there brings it up to date.

import net from 'node:net';
import { backoffMs } from '../../core/backoff.ts';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { Receipt } from '../../core/latest-value.ts';
import type { EntryPointSpec, ListenAddress } from '../../model/entry-point.ts';
import { changedStaples, type Cells } from '../../model/message/cells.ts';
import {
  fromEdge,
  toEdge,
  type FromEdge,
  type LinkedCell,
  type ToEdge,
  type Versions,
} from '../../model/message/link/messages.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { applyDelta } from '../../model/snapshot-delta.ts';
import type { Secrets } from '../../model/secrets.ts';
import type { Sample } from '../../observe/metrics-aggregator.ts';
import { Channel } from './channel.ts';

export interface EdgeLinkOptions {
  /** Name of the edge. */
  readonly edge: string;
  /** Path of the control plane's socket. */
  readonly path: string;
  /** The edge follows them; the link alone sets them. */
  readonly cells: Cells;
  /** Of this process alone: what is to reach the control plane is said by `say`. */
  readonly log: Log;
  /** The first snapshot is there, with all it names. Settles when it is served. */
  start(): Promise<void>;
  /** What entry points are bound to. */
  bound(): ReadonlyMap<string, ListenAddress>;
  bind(spec: EntryPointSpec): Promise<void>;
  measure(): readonly Sample[];
}

const NOTHING: Versions = { sharedSecret: 0, ticketKeys: 0, secrets: 0, challenges: 0, staples: 0, snapshot: 0 };
const RETRY = { firstMs: 50, maxMs: 5_000 };
/** Lines that wait for a control plane; older ones go. */
const MAX_WAITING = 1_000;

export class EdgeLink {
  readonly #options: EdgeLinkOptions;
  #channel: Channel<ToEdge, FromEdge> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #isStopped = false;
  /** Of the control plane that was followed last; '' before the first. */
  #controlPlane = '';
  #has: Record<LinkedCell, number> = { ...NOTHING };
  #started: Promise<void> | null = null;
  /** Said while nobody listened. */
  readonly #waiting: FromEdge[] = [];

  constructor(options: EdgeLinkOptions) {
    this.#options = options;
  }

  /** Looks for a control plane until `stop`. */
  start(): void {
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#channel?.close();
  }

  /** What the edge sees; kept for a while where there is no control plane. */
  say(message: Extract<FromEdge, { kind: 'health' | 'ejected' | 'log' }>): void {
    if (this.#channel?.isOpen === true) this.#channel.send(message);
    else {
      this.#waiting.push(message);
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    }
  }

  #connect(): void {
    const socket = net.connect(this.#options.path);
    // One that does not come about closes as well.
    const channel = new Channel<ToEdge, FromEdge>({
      socket,
      reader: toEdge.reader(),
      encode: (message) => fromEdge.encode(message),
      log: this.#options.log,
      received: (message) => this.#received(message),
      closed: () => this.#closed(),
    });
    socket.once('connect', () => {
      this.#channel = channel;
      const has: Versions = { ...this.#has };
      channel.send({ kind: 'hello', edge: this.#options.edge, controlPlane: this.#controlPlane, has });
      for (const message of this.#waiting.splice(0)) channel.send(message);
    });
  }

  #closed(): void {
    this.#channel = null;
    if (this.#isStopped) return;
    this.#failures++;
    this.#timer = setTimeout(() => this.#connect(), backoffMs(this.#failures, RETRY, Math.random));
  }

  #received(message: ToEdge): void {
    const { cells } = this.#options;
    switch (message.kind) {
      case 'welcome':
        // What was acknowledged to another one says nothing to this one.
        if (message.controlPlane !== this.#controlPlane) this.#has = { ...NOTHING };
        this.#controlPlane = message.controlPlane;
        return;
      case 'sharedSecret':
        this.#sharedSecret(message.version, message.secret);
        return;
      case 'ticketKeys':
        cells.ticketKeys.set(message.keys, null, message.version);
        this.#answer('ticketKeys', message.version, cells.ticketKeys.delivered());
        return;
      case 'secrets': {
        const { changed, removed, isWhole, version } = message;
        if (isWhole) cells.secrets.set(changed, null, version);
        else cells.secrets.set(without({ ...cells.secrets.value, ...changed }, removed), { changed, removed }, version);
        this.#answer('secrets', version, cells.secrets.delivered());
        return;
      }
      case 'challenges':
        cells.challenges.set(message.value, null, message.version);
        this.#answer('challenges', message.version, cells.challenges.delivered());
        return;
      case 'staples': {
        const { staples, isWhole, version } = message;
        const before = isWhole ? new Map() : cells.staples.value;
        cells.staples.set(changedStaples(before, staples), isWhole ? null : staples, version);
        this.#answer('staples', version, cells.staples.delivered());
        return;
      }
      case 'snapshot':
        this.#snapshot(message.snapshot);
        return;
      case 'delta': {
        const { delta } = message;
        const before = cells.snapshot.value;
        if (before === null) throw new Error('there is no snapshot for a delta to change');
        cells.snapshot.set(applyDelta(before, delta), delta, delta.version);
        this.#answer('snapshot', delta.version, this.#applied());
        return;
      }
      case 'bind':
        void this.#bind(message.id, message.spec);
        return;
      case 'measure':
        this.#send({ kind: 'metrics', id: message.id, samples: this.#options.measure() });
    }
  }

  /**
   * With another one, what the workers have signed would not be believed any more: an edge that serves keeps its own.
   */
  #sharedSecret(version: number, secret: Uint8Array): void {
    const { sharedSecret } = this.#options.cells;
    if (this.#started !== null && Buffer.compare(sharedSecret.value, secret) !== 0) {
      const reason =
        'it keeps the shared secret it has begun with, until it is started again; give the control plane a state directory';
      this.#send({ kind: 'nack', cell: 'sharedSecret', version, reasons: [reason] });
      return;
    }
    sharedSecret.set(secret, null, version);
    this.#answer('sharedSecret', version, sharedSecret.delivered());
  }

  #snapshot(snapshot: Snapshot): void {
    this.#options.cells.snapshot.set(snapshot, null, snapshot.version);
    this.#started ??= this.#options.start();
    this.#answer('snapshot', snapshot.version, this.#applied());
  }

  /**
   * Nobody follows before the edge has started; from then on it answers for the present one, and so for each before.
   */
  async #applied(): Promise<Receipt> {
    await this.#started;
    return this.#options.cells.snapshot.delivered();
  }

  #answer(cell: LinkedCell, version: number, delivered: Promise<Receipt>): void {
    const controlPlane = this.#controlPlane;
    // What another control plane is told of this one's versions would be wrong.
    const isOthers = (): boolean => controlPlane !== this.#controlPlane;
    delivered.then(
      ({ acked, nacks }) => {
        if (isOthers()) return;
        if (acked === 0 && nacks.length > 0) {
          this.#send({ kind: 'nack', cell, version, reasons: nacks });
          return;
        }
        this.#has[cell] = version;
        if (cell === 'snapshot') this.#served();
        this.#send({ kind: 'ack', cell, version, acked, nacks });
      },
      (error: unknown) => {
        if (!isOthers()) this.#send({ kind: 'nack', cell, version, reasons: [messageOf(error)] });
      },
    );
  }

  /** The link does what it is for: one that breaks from now on is tried again at once. */
  #served(): void {
    this.#failures = 0;
    for (const [entryPoint, address] of this.#options.bound()) {
      this.#send({ kind: 'bound', id: 0, entryPoint, address, problem: '' });
    }
  }

  async #bind(id: number, spec: EntryPointSpec): Promise<void> {
    const said = { kind: 'bound', id, entryPoint: spec.name } as const;
    try {
      await this.#options.bind(spec);
      this.#send({ ...said, address: null, problem: '' });
    } catch (error) {
      this.#send({ ...said, address: null, problem: messageOf(error) });
    }
  }

  #send(message: FromEdge): void {
    this.#channel?.send(message);
  }
}

function without(secrets: Secrets, names: readonly string[]): Secrets {
  return Object.fromEntries(Object.entries(secrets).filter(([name]) => !names.includes(name)));
}
