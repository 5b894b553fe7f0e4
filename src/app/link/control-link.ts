// The control plane's end of its links to edges in other processes. Each edge is sent what is in the cells, from where
// it left off if it followed this very control plane, and answers for what it has. Edges come and go; the cells stay.

import { randomUUID } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { SignalboxError } from '../../core/errors.ts';
import { afterTimer, type After, type Following } from '../../core/latest-value.ts';
import type { Log, LogFields } from '../../core/log.ts';
import type { EntryPointSpec, ListenAddress } from '../../model/entry-point.ts';
import type { Cells } from '../../model/message/cells.ts';
import { fromEdge, toEdge, type FromEdge, type LinkedCell, type ToEdge } from '../../model/message/link/messages.ts';
import type { HealthChange } from '../../model/server-health.ts';
import type { Sample } from '../../observe/metrics-aggregator.ts';
import type { EntryPointBinder } from '../control-plane.ts';
import { Channel } from './channel.ts';

export interface ControlLinkOptions {
  readonly cells: Cells;
  readonly log: Log;
  /** An edge is there and is sent what there is. */
  joined?(edge: string): void;
  left?(edge: string): void;
  bound?(edge: string, entryPoint: string, address: ListenAddress): void;
  healthChanged?(edge: string, change: HealthChange): void;
  ejected?(edge: string, service: string, endpoint: string): void;
  /** A timer when left out. */
  readonly after?: After;
}

/** Whoever has connected and not said by then who it is, is no edge: what it holds is a connection of this process. */
export const HELLO_MS = 10_000;

type Hello = Extract<FromEdge, { kind: 'hello' }>;
type Bound = Extract<FromEdge, { kind: 'bound' }>;

export class ControlLink implements EntryPointBinder {
  /** Of this life: what edges have of another one says nothing. */
  readonly id = randomUUID();
  readonly #options: ControlLinkOptions;
  readonly #edges = new Set<RemoteEdge>();

  constructor(options: ControlLinkOptions) {
    this.#options = options;
  }

  /** Takes the connections of a server, which stays the caller's. */
  accept(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const edge: RemoteEdge = new RemoteEdge(this.id, this.#options, socket, () => this.#edges.delete(edge));
      this.#edges.add(edge);
    });
  }

  close(): void {
    for (const edge of this.#edges) edge.close();
  }

  /** Of the first that says so: edges bind what the configuration names, each on its own machine. */
  addressOf(entryPoint: string): ListenAddress | null {
    for (const edge of this.#edges) {
      const address = edge.addresses.get(entryPoint);
      if (address !== undefined) return address;
    }
    return null;
  }

  /** Settles when every edge has it. Rejects when one cannot have it. */
  async openEntryPoint(spec: EntryPointSpec): Promise<void> {
    await Promise.all([...this.#edges].map((edge) => edge.bind(spec)));
  }

  /** What all edges that are there have measured. */
  async measure(): Promise<readonly Sample[]> {
    return (await Promise.all([...this.#edges].map((edge) => edge.measure()))).flat();
  }
}

class RemoteEdge {
  /** What it has bound, by entry point. */
  readonly addresses = new Map<string, ListenAddress>();
  readonly #options: ControlLinkOptions;
  readonly #controlPlane: string;
  readonly #channel: Channel<FromEdge, ToEdge>;
  readonly #followings = new Map<LinkedCell, Following>();
  readonly #binding = new Map<number, (bound: Bound) => void>();
  readonly #measuring = new Map<number, (samples: readonly Sample[]) => void>();
  #nextId = 1;
  #name = '';
  readonly #silence: { close(): void };

  constructor(controlPlane: string, options: ControlLinkOptions, socket: Socket, gone: () => void) {
    this.#controlPlane = controlPlane;
    this.#options = options;
    this.#channel = new Channel<FromEdge, ToEdge>({
      socket,
      reader: fromEdge.reader(),
      encode: (message) => toEdge.encode(message),
      log: options.log,
      received: (message) => this.#received(message),
      closed: () => {
        gone();
        this.#left();
      },
    });
    this.#silence = (options.after ?? afterTimer)(HELLO_MS, () => {
      options.log.warn('a connection of the link says nothing, and is closed; is there another program than an edge?', {
        waitedMs: HELLO_MS,
      });
      this.#channel.close();
    });
  }

  close(): void {
    this.#channel.close();
  }

  async bind(spec: EntryPointSpec): Promise<void> {
    const id = this.#nextId++;
    const { problem } = await new Promise<Bound>((resolve) => {
      this.#binding.set(id, resolve);
      this.#channel.send({ kind: 'bind', id, spec });
    });
    if (problem !== '') throw new SignalboxError('ERR_LISTEN_FAILED', `edge ${this.#name}: ${problem}`);
  }

  /** Nothing when it goes meanwhile. */
  measure(): Promise<readonly Sample[]> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#measuring.set(id, resolve);
      this.#channel.send({ kind: 'measure', id });
    });
  }

  #received(message: FromEdge): void {
    const { log } = this.#options;
    if (message.kind === 'hello') {
      this.#follow(message);
      return;
    }
    switch (message.kind) {
      case 'ack':
        this.#followings
          .get(message.cell)
          ?.acknowledge(message.version, { acked: message.acked, nacks: message.nacks });
        return;
      case 'nack':
        this.#followings.get(message.cell)?.refuse(message.version, message.reasons);
        return;
      case 'bound':
        if (message.address !== null) this.#bound(message.entryPoint, message.address);
        this.#binding.get(message.id)?.(message);
        this.#binding.delete(message.id);
        return;
      case 'health':
        this.#options.healthChanged?.(this.#name, message.change);
        return;
      case 'ejected':
        this.#options.ejected?.(this.#name, message.service, message.endpoint);
        return;
      case 'metrics':
        this.#measuring.get(message.id)?.(message.samples);
        this.#measuring.delete(message.id);
        return;
      case 'log':
        log[message.level](message.message, { edge: this.#name, ...(message.fields as LogFields) });
    }
  }

  #bound(entryPoint: string, address: ListenAddress): void {
    this.addresses.set(entryPoint, address);
    this.#options.bound?.(this.#name, entryPoint, address);
  }

  /** In this order: what a snapshot names is there before it. */
  #follow({ edge, controlPlane, has }: Hello): void {
    if (this.#followings.size > 0) throw new Error('an edge says hello once');
    this.#silence.close();
    const { sharedSecret, ticketKeys, secrets, challenges, staples, snapshot } = this.#options.cells;
    const isOurs = controlPlane === this.#controlPlane;
    const since = (cell: LinkedCell): number | null => (isOurs && has[cell] > 0 ? has[cell] : null);
    this.#name = edge;
    const send = (message: ToEdge): void => this.#channel.send(message);
    send({ kind: 'welcome', controlPlane: this.#controlPlane });
    this.#followings.set(
      'sharedSecret',
      sharedSecret.follow(
        { take: ({ version, value }) => send({ kind: 'sharedSecret', version, secret: value }) },
        since('sharedSecret'),
      ),
    );
    this.#followings.set(
      'ticketKeys',
      ticketKeys.follow(
        { take: ({ version, value }) => send({ kind: 'ticketKeys', version, keys: value }) },
        since('ticketKeys'),
      ),
    );
    this.#followings.set(
      'secrets',
      secrets.follow(
        {
          take: ({ version, value, change }) =>
            send({
              kind: 'secrets',
              version,
              isWhole: change === null,
              ...(change ?? { changed: value, removed: [] }),
            }),
        },
        since('secrets'),
      ),
    );
    this.#followings.set(
      'challenges',
      challenges.follow(
        { take: ({ version, value }) => send({ kind: 'challenges', version, value }) },
        since('challenges'),
      ),
    );
    this.#followings.set(
      'staples',
      staples.follow(
        {
          take: ({ version, value, change }) =>
            send({ kind: 'staples', version, isWhole: change === null, staples: change ?? [...value.values()] }),
        },
        since('staples'),
      ),
    );
    this.#followings.set(
      'snapshot',
      snapshot.follow(
        {
          take: ({ value, change }) => {
            if (change !== null) send({ kind: 'delta', delta: change });
            else if (value !== null) send({ kind: 'snapshot', snapshot: value });
          },
        },
        since('snapshot'),
      ),
    );
    this.#options.joined?.(edge);
  }

  #left(): void {
    this.#silence.close();
    const reason = `edge ${this.#name} has gone`;
    for (const following of this.#followings.values()) following.end([reason]);
    for (const [id, settle] of this.#binding)
      settle({ kind: 'bound', id, entryPoint: '', address: null, problem: reason });
    for (const settle of this.#measuring.values()) settle([]);
    this.#binding.clear();
    this.#measuring.clear();
    if (this.#name !== '') this.#options.left?.(this.#name);
  }
}
