// A UDP entry point in the one worker that has its socket: datagrams of a client go to its session, the first one
// begins it. Every other worker has the object, too, and no socket.

import type { RemoteInfo, Socket } from 'node:dgram';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { ConnectionLimits } from '../net/count/connection-limits.ts';
import { descriptors } from '../net/descriptors.ts';
import { adoptDatagrams, stopDatagrams } from '../net/datagram-handle.ts';
import type { Resolver } from '../upstream/name/resolver.ts';
import { UDP_ENDS } from '../udp/udp-end.ts';
import type { DatagramDropped } from '../udp/udp-observation.ts';
import type { UdpGeneration } from '../udp/udp-generation.ts';
import { UdpSession, type UdpClient, type UdpSessionOwner } from '../udp/udp-session.ts';
import { unmapped } from '../../core/ip.ts';

export interface DatagramEntryPointDependencies {
  readonly wheel: TimerWheel;
  readonly limits: ConnectionLimits;
  /** Of the shared connection table. */
  readonly row: number;
  readonly routing: UdpGeneration;
  readonly dropped: DatagramDropped;
}

/** Bytes that wait for the network to take them; what comes then is dropped, as a network would. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;

export class DatagramEntryPoint implements UdpSessionOwner {
  spec: EntryPointSpec;
  readonly wheel: TimerWheel;
  readonly resolver: Resolver;
  /** As of StreamEntryPoint; a socket of datagrams is given up with its sessions. */
  readonly doorClosed: Promise<void> = Promise.resolve();
  readonly #dependencies: DatagramEntryPointDependencies;
  /** By the client's address and port. */
  readonly #sessions = new Map<string, UdpSession>();
  #stopListening: () => void = () => {};
  #socket: Socket | null = null;
  #isDraining = false;
  #onEmpty: (() => void) | null = null;

  constructor(spec: EntryPointSpec, dependencies: DatagramEntryPointDependencies) {
    this.spec = spec;
    this.wheel = dependencies.wheel;
    this.resolver = dependencies.routing.resolver;
    this.#dependencies = dependencies;
  }

  get name(): string {
    return this.spec.name;
  }

  get idleMs(): number {
    return this.spec.udp.idleMs;
  }

  /** Reads from a handle this worker alone owns; called in one worker only. */
  listen(handle: object): Promise<void> {
    const socket = adoptDatagrams(handle);
    this.#socket = socket;
    this.#stopListening = this.#dependencies.routing.listen(() => this.#endStranded());
    // Such as an answer that a client's network sends back: it concerns that client alone.
    socket.on('error', () => {});
    socket.on('message', (datagram, from) => this.#received(datagram, from));
    return Promise.resolve();
  }

  /** The same socket with other options; sessions go by them from their next datagram on. */
  update(spec: EntryPointSpec): void {
    this.spec = spec;
  }

  #received(datagram: Buffer, from: RemoteInfo): void {
    const key = `${from.address} ${from.port}`;
    const known = this.#sessions.get(key);
    if (known !== undefined) {
      known.receive(datagram);
      return;
    }
    const { routing, dropped } = this.#dependencies;
    const route = routing.routeOf(this.name);
    if (route === null || route.service === null || this.#isDraining) {
      dropped(this.name, route === null ? 'no_router' : this.#isDraining ? 'draining' : 'router_disabled');
      return;
    }
    const client = this.#admit(from);
    if (client === null) {
      dropped(this.name, 'sessions');
      return;
    }
    const session = new UdpSession(this, client, route, route.service);
    this.#sessions.set(key, session);
    session.start();
    session.receive(datagram);
  }

  /** Null when there are as many sessions as may be. */
  #admit({ address, port }: RemoteInfo): UdpClient | null {
    const { limits, row } = this.#dependencies;
    if (this.#sessions.size >= this.spec.udp.maxSessions || !descriptors.hasRoomForServer()) return null;
    const ip = unmapped(address);
    const ticket = limits.tryOpen(row, ip, this.spec.limits);
    return ticket < 0 ? null : { address, port, ip, ticket };
  }

  reply(datagram: Buffer, { address, port }: UdpClient): boolean {
    const socket = this.#socket;
    if (socket === null) return false;
    if (socket.getSendQueueSize() > MAX_QUEUED_BYTES) {
      this.#dependencies.dropped(this.name, 'backlog');
      return false;
    }
    socket.send(datagram, port, address);
    return true;
  }

  droppedBehind(): void {
    this.#dependencies.dropped(this.name, 'backlog');
  }

  sessionEnded({ client }: UdpSession): void {
    const { limits, row } = this.#dependencies;
    this.#sessions.delete(`${client.address} ${client.port}`);
    limits.close(row, client.ticket);
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  /** Sessions whose server, or whose router, is there no more. */
  #endStranded(): void {
    const route = this.#dependencies.routing.routeOf(this.name);
    for (const session of this.#sessions.values()) {
      const isSame = session.route.name === route?.name && session.service === route.service;
      if (!isSame || session.isStranded) session.end(UDP_ENDS.changed);
    }
  }

  /**
   * Reads no more, so that the datagrams of clients wait for whoever has the socket next, and passes on answers that
   * are still to come. Settles when the last session is over.
   */
  drain(_patienceMs?: number, _isShared?: boolean): Promise<void> {
    this.#isDraining = true;
    if (this.#socket !== null) stopDatagrams(this.#socket);
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Ends what is left and gives up the socket; returns the number of sessions that were open. */
  destroy(): number {
    const count = this.#sessions.size;
    this.#stopListening();
    for (const session of this.#sessions.values()) session.end(UDP_ENDS.drained);
    this.#socket?.close();
    this.#socket = null;
    return count;
  }
}
