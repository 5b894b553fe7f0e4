// One client's datagrams, and the socket to the server that they go through: what comes back on it is the client's. It
// begins with the first datagram and ends when neither side has sent any for a while, since nobody says goodbye.
//
//   RESOLVING ──address──▶ OPEN ──silence, refusal, removal──▶ DEAD

import { createSocket, type Socket } from 'node:dgram';
import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import { sameAddress } from '../net/datagram-handle.ts';
import type { Address, Resolver } from '../upstream/resolver.ts';
import { UDP_ENDS, type UdpEnd } from './udp-end.ts';
import type { UdpObservation, UdpServiceObservation } from './udp-observer.ts';
import type { UdpRoute } from './udp-routing.ts';
import type { UdpEndpoint } from './udp-service.ts';

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

/** Datagrams, and bytes of them, that wait for a server's address or for its socket. */
const MAX_WAITING = 64;
const MAX_QUEUED_BYTES = 1024 * 1024;

export class UdpSession {
  readonly client: UdpClient;
  readonly route: UdpRoute;
  private readonly owner: UdpSessionOwner;
  private readonly observation: UdpObservation;
  private readonly deadline: Deadline;
  private readonly startWallMs = Date.now();
  private readonly startMs = performance.now();
  private endpoint: UdpEndpoint | null = null;
  private served: UdpServiceObservation | null = null;
  private socket: Socket | null = null;
  /** Until the socket is connected. */
  private waiting: Buffer[] = [];
  private isConnected = false;
  private isDead = false;
  private receivedBytes = 0;
  private sentBytes = 0;

  constructor(owner: UdpSessionOwner, client: UdpClient, route: UdpRoute) {
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
    const endpoint = this.route.service.pick();
    this.endpoint = endpoint;
    if (endpoint === null) {
      this.end(UDP_ENDS.noServer);
      return;
    }
    const found = this.owner.resolver.addresses(endpoint.server.host);
    if (found instanceof Promise) {
      void found.then((addresses) => {
        if (!this.isDead) this.connect(endpoint, addresses);
      });
    } else this.connect(endpoint, found);
  }

  private connect(endpoint: UdpEndpoint, [address]: readonly Address[]): void {
    if (address === undefined) {
      this.fail(UDP_ENDS.dnsFailure);
      return;
    }
    const socket = createSocket({ type: address.family === 6 ? 'udp6' : 'udp4', lookup: sameAddress });
    this.socket = socket;
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.fail(error.code === 'ECONNREFUSED' ? UDP_ENDS.refused : UDP_ENDS.failed),
    );
    socket.on('message', (datagram) => this.answer(datagram));
    // Node gives the callback an error in place of an event, which its declarations do not know.
    const connected = (error?: Error): void => {
      if (this.isDead) return;
      if (error !== undefined) {
        this.fail(UDP_ENDS.failed);
        return;
      }
      this.isConnected = true;
      this.served = this.observation.served(endpoint.service);
      for (const datagram of this.waiting.splice(0)) this.forward(datagram);
    };
    socket.connect(endpoint.server.port, address.host, connected);
  }

  /** A datagram of the client, which may be kept. */
  receive(datagram: Buffer): void {
    if (this.isDead) return;
    this.owner.wheel.arm(this.deadline, this.owner.idleMs);
    this.receivedBytes += datagram.length;
    this.observation.received(datagram.length);
    if (this.isConnected) this.forward(datagram);
    else if (this.waiting.length < MAX_WAITING) this.waiting.push(datagram);
    else this.owner.droppedBehind(this);
  }

  private forward(datagram: Buffer): void {
    const socket = this.socket!;
    if (socket.getSendQueueSize() > MAX_QUEUED_BYTES) {
      this.owner.droppedBehind(this);
      return;
    }
    this.served?.received(datagram.length);
    socket.send(datagram);
  }

  private answer(datagram: Buffer): void {
    if (this.isDead) return;
    this.owner.wheel.arm(this.deadline, this.owner.idleMs);
    if (!this.owner.reply(datagram, this.client)) return;
    this.sentBytes += datagram.length;
    this.observation.sent(datagram.length);
    this.served?.sent(datagram.length);
  }

  /** The client's next datagram begins another session, with the next server. */
  private fail(cause: UdpEnd): void {
    if (this.isDead) return;
    const { endpoint } = this;
    if (endpoint !== null) this.observation.dialFailed(endpoint.service, endpoint.server.url, cause);
    this.end(cause);
  }

  /** Null for an end by silence, which is the usual one. */
  end(cause: UdpEnd | null): void {
    if (this.isDead) return;
    this.isDead = true;
    this.owner.wheel.remove(this.deadline);
    this.waiting = [];
    this.socket?.close();
    this.observation.finished({
      protocol: 'UDP',
      startWallMs: this.startWallMs,
      durationMs: performance.now() - this.startMs,
      entryPointName: this.owner.name,
      routerName: this.route.name,
      serviceName: this.endpoint?.service ?? this.route.service.name,
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
