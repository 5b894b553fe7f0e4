// One client's datagrams, and the socket to the server that they go through: what comes back on it is the client's. It
// begins with the first datagram and ends when neither side has sent any for a while, since nobody says goodbye.
//
//   RESOLVING ──address──▶ OPEN ──silence, refusal, removal──▶ DEAD

import { createSocket, type Socket } from 'node:dgram';
import { heldMemory } from '../../core/held-memory.ts';
import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import { sameAddress } from '../net/datagram-handle.ts';
import { descriptors, isOwnFault } from '../net/descriptors.ts';
import { Visits } from '../balance/count/visits.ts';
import type { Address } from '../upstream/name/address.ts';
import { reasonOf } from '../upstream/dial/dial-reason.ts';
import type { Resolver } from '../upstream/name/resolver.ts';
import { UDP_ENDS, type UdpEnd } from './udp-end.ts';
import type { UdpObservation, UdpServiceObservation } from './udp-observation.ts';
import type { UdpRoute } from './udp-generation.ts';
import type { UdpEndpoint } from './udp-load-balancer.ts';
import type { UdpService } from './udp-service.ts';

export interface UdpClient {
  /** As the socket reports it and takes it. */
  readonly address: string;
  readonly port: number;
  /** An IPv4 address in IPv6 form is IPv4 here. */
  readonly ip: string;
  /** Of the connection limits. */
  readonly ticket: number;
}

export interface UdpSessionOwner {
  readonly name: string;
  readonly wheel: TimerWheel;
  readonly resolver: Resolver;
  /** Silence that ends a session. */
  readonly idleMs: number;
  /** Sends to the client; false when it had to be dropped. */
  reply(datagram: Buffer, client: UdpClient): boolean;
  /** A datagram of the client had to be dropped. */
  droppedBehind(session: UdpSession): void;
  sessionEnded(session: UdpSession): void;
}

/**
 * Datagrams, and bytes of them, that wait for a server's address, for its socket, or for the first sign that it is
 * there.
 */
const MAX_WAITING = 64;
const MAX_WAITING_BYTES = 64 * 1024;
const MAX_QUEUED_BYTES = 1024 * 1024;
/**
 * The system tells a refusal once, to whichever call comes first: to an event, unless more is sent in the same turn. To
 * ask what became of a datagram costs as much as a tenth of sending it, so the second without an answer is asked about,
 * and each seventh from there. An odd number: where every second one is told, one that is asked about is among them
 * before long.
 */
const ASKED_EVERY = 7;

export class UdpSession {
  readonly client: UdpClient;
  readonly route: UdpRoute;
  readonly service: UdpService;
  private readonly owner: UdpSessionOwner;
  private readonly observation: UdpObservation;
  private readonly deadline: Deadline;
  private readonly visits = new Visits();
  private readonly startWallMs = Date.now();
  private readonly startMs = performance.now();
  private endpoint: UdpEndpoint | null = null;
  private served: UdpServiceObservation | null = null;
  private socket: Socket | null = null;
  /** Datagrams sent over this socket since the server has answered. */
  private unanswered = 0;
  /** Of this socket: what became of a datagram. */
  private sent: (error: Error | null) => void = ignore;
  /**
   * Until the server has answered, as long as there are other addresses to send to; until the socket is connected
   * otherwise.
   */
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  /** Addresses of the server that have not been tried. */
  private rest: readonly Address[] = [];
  private isConnected = false;
  private isDead = false;
  private receivedBytes = 0;
  private sentBytes = 0;

  /** `service` is the router's. */
  constructor(owner: UdpSessionOwner, client: UdpClient, route: UdpRoute, service: UdpService) {
    this.service = service;
    this.owner = owner;
    this.client = client;
    this.route = route;
    this.observation = route.observation;
    this.deadline = new Deadline(() => this.end(null));
  }

  /** The service has its server no more. */
  get isStranded(): boolean {
    return this.endpoint?.isRetired === true;
  }

  start(): void {
    this.observation.opened();
    this.owner.wheel.arm(this.deadline, this.owner.idleMs);
    const endpoint = this.service.pick(this.visits);
    this.visits.settle();
    this.endpoint = endpoint;
    if (endpoint === null) {
      this.end(UDP_ENDS.noServer);
      return;
    }
    const found = this.owner.resolver.addresses(endpoint.server.host);
    if (found instanceof Promise) {
      void found.then((addresses) => {
        if (!this.isDead) this.begin(endpoint, addresses);
      });
    } else this.begin(endpoint, found);
  }

  private begin(endpoint: UdpEndpoint, addresses: readonly Address[]): void {
    const [first, ...rest] = endpoint.addressOrder.next(addresses, this.owner.wheel.nowMs);
    this.rest = rest;
    if (first === undefined) {
      this.fail(endpoint, UDP_ENDS.dnsFailure, this.owner.resolver.problem(endpoint.server.host));
    } else this.connect(endpoint, first);
  }

  private connect(endpoint: UdpEndpoint, address: Address): void {
    const socket = createSocket({ type: address.family === 6 ? 'udp6' : 'udp4', lookup: sameAddress });
    this.socket = socket;
    descriptors.serverOpened();
    socket.once('close', () => descriptors.serverClosed());
    const lost = (error: Error): void => {
      if (socket === this.socket && !this.isDead) this.lost(endpoint, address, endOf(error), error);
    };
    this.unanswered = 0;
    this.sent = (error) => {
      if (error !== null) lost(error);
    };
    socket.on('error', lost);
    socket.on('message', (datagram) => {
      if (socket === this.socket) this.answer(datagram);
    });
    // Node gives the callback an error in place of an event, which its declarations do not know.
    const connected = (error?: Error): void => {
      if (this.isDead || socket !== this.socket) return;
      if (error !== undefined) {
        lost(error);
        return;
      }
      this.isConnected = true;
      this.served ??= this.observation.served(endpoint.service);
      const waiting = this.rest.length > 0 ? this.waiting : this.takeWaiting();
      for (const datagram of waiting) this.forward(datagram);
    };
    socket.connect(endpoint.server.port, address.host, connected);
  }

  /** Before any answer the server's other addresses get what this one has refused. */
  private lost(endpoint: UdpEndpoint, address: Address, end: UdpEnd, error: Error): void {
    endpoint.addressOrder.failed(address, this.owner.wheel.nowMs);
    const [next, ...rest] = this.rest;
    if (next === undefined) {
      this.fail(endpoint, end, reasonOf(address, endpoint.server.port, error));
      return;
    }
    this.rest = rest;
    this.isConnected = false;
    const socket = this.socket!;
    this.connect(endpoint, next);
    socket.close();
  }

  private takeWaiting(): Buffer[] {
    heldMemory.give(this.waitingBytes);
    this.waitingBytes = 0;
    return this.waiting.splice(0);
  }

  /** False when there is no room. */
  private keep(datagram: Buffer): boolean {
    if (this.waiting.length >= MAX_WAITING || this.waitingBytes + datagram.length > MAX_WAITING_BYTES) return false;
    if (!heldMemory.take(datagram.length)) return false;
    this.waiting.push(datagram);
    this.waitingBytes += datagram.length;
    return true;
  }

  /** A datagram of the client, which may be kept. */
  receive(datagram: Buffer): void {
    if (this.isDead) return;
    this.owner.wheel.arm(this.deadline, this.owner.idleMs);
    this.receivedBytes += datagram.length;
    this.observation.received(datagram.length);
    if (this.isConnected) {
      if (this.rest.length > 0) this.keep(datagram);
      this.forward(datagram);
    } else if (!this.keep(datagram)) this.owner.droppedBehind(this);
  }

  private forward(datagram: Buffer): void {
    const socket = this.socket!;
    if (socket.getSendQueueSize() > MAX_QUEUED_BYTES) {
      this.owner.droppedBehind(this);
      return;
    }
    this.served?.received(datagram.length);
    if (this.unanswered++ % ASKED_EVERY === 1) socket.send(datagram, this.sent);
    else socket.send(datagram);
  }

  private answer(datagram: Buffer): void {
    if (this.isDead) return;
    this.endpoint?.trace.worked();
    this.unanswered = 0;
    this.rest = [];
    this.takeWaiting();
    this.owner.wheel.arm(this.deadline, this.owner.idleMs);
    if (!this.owner.reply(datagram, this.client)) return;
    this.sentBytes += datagram.length;
    this.observation.sent(datagram.length);
    this.served?.sent(datagram.length);
  }

  /** The client's next datagram begins another session, with the next server. */
  private fail(endpoint: UdpEndpoint, cause: UdpEnd, reason: string): void {
    this.observation.dialFailed(endpoint.service, endpoint.server.url, cause);
    endpoint.trace.failed(cause.flag, 0, reason);
    this.end(cause);
  }

  /** Null for an end by silence, which is the usual one. */
  end(cause: UdpEnd | null): void {
    if (this.isDead) return;
    this.isDead = true;
    this.owner.wheel.remove(this.deadline);
    this.takeWaiting();
    this.socket?.close();
    this.visits.end(cause?.flag ?? '');
    this.observation.finished({
      protocol: 'UDP',
      startWallMs: this.startWallMs,
      durationMs: performance.now() - this.startMs,
      entryPointName: this.owner.name,
      routerName: this.route.name,
      serviceName: this.endpoint?.service ?? this.service.name,
      serviceUrl: this.endpoint?.server.url ?? '',
      clientIp: this.client.ip,
      clientPort: this.client.port,
      serverName: '',
      isPassthrough: false,
      tlsVersion: '',
      tlsCipher: '',
      tlsClientSubject: '',
      receivedBytes: this.receivedBytes,
      sentBytes: this.sentBytes,
      responseFlag: cause?.flag ?? '',
    });
    this.owner.sessionEnded(this);
  }
}

function endOf(error: Error): UdpEnd {
  if (isOwnFault(error)) return UDP_ENDS.noResources;
  return 'code' in error && error.code === 'ECONNREFUSED' ? UDP_ENDS.refused : UDP_ENDS.failed;
}

function ignore(): void {}
