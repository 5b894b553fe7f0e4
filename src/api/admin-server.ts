// The internal entry point: ping, metrics and API for operators, in the main thread, so that nothing asked here delays
// a request. It listens on loopback unless told otherwise, on a Unix socket if one is named, and behind the internal
// services; each of these doors opens what belongs to it and nothing more.

import { chmod, rename, stat, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { SignalboxError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { InternalService } from '../controlplane/compile/internal-services.ts';
import { isLoopback } from '../controlplane/config/install/admin-config.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';
import { listenOn } from '../dataplane/net/accept-queue.ts';
import { listenError, type BoundSocket } from '../dataplane/net/listening-socket.ts';
import type { ListenAddress } from '../model/entry-point.ts';
import type { Door } from './door/door.ts';
import { DoorConnections, SERVER_TIMES } from './door/door-connections.ts';
import { DoorRequests, type DoorSources } from './door/door-requests.ts';
import { refuseIfServed, removeOwn } from './door/own-socket.ts';
import { ProbeThread } from './door/probe-thread.ts';

/** What the composition root can be asked for. */
export interface AdminSources extends DoorSources {
  /**
   * The module of the thread that answers /ping, and the socket it passes everything else to; without it this thread
   * answers.
   */
  readonly probe?: { readonly listener: URL; readonly mainSocket: string };
  /** Where commands of this user learn whether the router serves, whatever is configured; there once it does. */
  readonly healthSocket?: string;
  readonly log?: Log;
  /** Nobody has asked for the internal entry point, and its usual address cannot be had. */
  notServed?(error: SignalboxError): void;
  /** Binds, or finds what was bound before. Rejects with a SignalboxError. */
  openAddress(address: ListenAddress): Promise<BoundSocket>;
}

export class AdminServer {
  readonly #sources: AdminSources;
  readonly #requests: DoorRequests;
  readonly #servers: Server[] = [];
  /** Null where the main thread answers for itself. */
  #probe: ProbeThread | null = null;
  /** The main thread has taken its place, for good. */
  #hasLostProbe = false;
  #isBound = false;
  /** What the main thread does when the thread that answers /ping is gone. */
  #direct: (() => Promise<unknown>) | null = null;
  #directPing: (() => Promise<unknown>) | null = null;
  #bound: BoundSocket | null = null;
  #socket: { readonly path: string; readonly inode: number } | null = null;
  readonly #isSuccessor: boolean;

  /** A successor's predecessor still listens on the Unix socket. */
  constructor(sources: AdminSources, isSuccessor = false) {
    this.#isSuccessor = isSuccessor;
    this.#sources = sources;
    this.#requests = new DoorRequests(sources);
  }

  /**
   * Takes the address and the socket that are configured, before anything is served: what cannot be had ends the start,
   * unless nobody has asked for the address. Nobody is answered before `start`. Rejects with a SignalboxError that
   * names the option.
   */
  async bind(): Promise<void> {
    this.#isBound = true;
    const { address, isDeclared, socket } = this.#sources.config;
    if (socket !== null) {
      await refuseIfServed(socket, this.#isSuccessor);
      // Under a name of its own until it is ready and nobody else's: a rename puts it into place, over an earlier one.
      const own = `${socket}.${process.pid}`;
      await unlink(own).catch(() => {});
      await this.#listen(this.#ownersDoor(), { path: own }, (code) => {
        return new SignalboxError(
          'ERR_LISTEN_FAILED',
          `api.socket: ${socket} cannot be bound (${code}); check its directory`,
        );
      });
      await chmod(own, 0o600);
      this.#socket = { path: socket, inode: (await stat(own)).ino };
    }
    if (address === null) return;
    try {
      this.#bound = await this.#sources.openAddress(address);
    } catch (error) {
      if (isDeclared !== false || !(error instanceof SignalboxError)) throw error;
      this.#sources.notServed?.(error);
    }
  }

  /** Answers from now on; binds what is not bound yet. */
  async start(): Promise<ListenAddress | null> {
    if (!this.#isBound) await this.bind();
    const { address, isDeclared, socket, api, ping, metrics, rest } = this.#sources.config;
    const { ownSocket, healthSocket } = this.#sources;
    const listenAtPath = (door: Door, path: string): Promise<unknown> =>
      this.#listen(
        door,
        { path },
        (code) => new SignalboxError('ERR_LISTEN_FAILED', `${path} cannot be bound (${code})`),
      );
    if (socket === null && (api !== null || rest !== null)) await listenAtPath(this.#ownersDoor(), ownSocket);
    if (healthSocket !== undefined) await listenAtPath(this.#door({ only: 'ping' }), healthSocket);
    if (this.#socket !== null) await rename(`${this.#socket.path}.${process.pid}`, this.#socket.path);
    const bound = this.#bound;
    if (address === null || bound === null) return null;
    const door = this.#door({
      hasApi: api?.isOnAddress === true,
      hasPing: ping?.isOnAddress === true,
      hasMetrics: metrics?.isOnAddress === true,
      hasRest: rest?.isOnAddress === true,
      isOnLoopback: isLoopback(address.host),
      isOnNetwork: true,
    });
    try {
      await this.#listenAt(bound, door, address);
    } catch (error) {
      if (isDeclared !== false || !(error instanceof SignalboxError)) throw error;
      this.#bound = null;
      this.#sources.notServed?.(error);
      return null;
    }
    return { ...address, port: bound.address.port };
  }

  /** Through the thread that answers /ping, if there is one. */
  async #listenAt(bound: BoundSocket, door: Door, address: ListenAddress): Promise<void> {
    const failure = (code: string): SignalboxError => listenError(INTERNAL_ENTRY_POINT, address, code);
    this.#direct = once(() => this.#listen(door, { _handle: bound.handle }, failure));
    const { probe } = this.#sources;
    const thread = door.hasPing && probe !== undefined ? this.#probeThread() : null;
    if (thread === null || probe === undefined) {
      await this.#direct();
      return;
    }
    await this.#listen(door, { path: probe.mainSocket }, failure);
    if ((await thread.listenAt(bound.handle.fd)) !== null) await this.#direct?.();
  }

  async #takeOver(): Promise<void> {
    for (const again of [this.#direct, this.#directPing]) {
      await again?.().catch((error: unknown) => {
        this.#sources.log?.error('the internal entry point cannot be served', { error: String(error) });
      });
    }
  }

  /** Opens the socket behind an internal service. */
  async startService(service: InternalService, path: string): Promise<void> {
    const only = { api: null, dashboard: 'dashboard', ping: 'ping', prometheus: 'metrics', rest: 'rest' } as const;
    const door = this.#door({ hasApi: service === 'api', only: only[service] });
    const listen = (): Promise<unknown> =>
      this.#listen(
        door,
        { path },
        (code) => new SignalboxError('ERR_LISTEN_FAILED', `${path} cannot be bound (${code})`),
      );
    const thread = service === 'ping' ? this.#probeThread() : null;
    if (thread === null) {
      await listen();
      return;
    }
    this.#directPing = once(async () => {
      // A dead thread leaves the name behind.
      await unlink(path).catch(() => {});
      await listen();
    });
    if ((await thread.serveAt(path)) !== null) await this.#directPing();
  }

  set isTerminating(value: boolean) {
    this.#requests.isTerminating = value;
    if (this.#probe !== null) this.#probe.isTerminating = value;
  }

  /** The thread that answers /ping, from the first time it is needed; null where there is none, or none any more. */
  #probeThread(): ProbeThread | null {
    const { probe, config, log } = this.#sources;
    if (probe === undefined || config.ping === null || this.#hasLostProbe) return null;
    this.#probe ??= new ProbeThread(
      probe.listener,
      {
        terminatingStatusCode: config.ping.terminatingStatusCode,
        mainSocket: probe.mainSocket,
        isOnLoopback: config.address !== null && isLoopback(config.address.host),
        allowedHosts: config.allowedHosts,
        token: config.token,
      },
      (reason) => {
        log?.error('the thread that answers /ping has ended; the main thread takes its place', { reason });
        this.#probe = null;
        this.#hasLostProbe = true;
        void this.#takeOver();
      },
    );
    return this.#probe;
  }

  /** Of the internal entry point; null when nothing listens there. */
  get boundSocket(): BoundSocket | null {
    return this.#bound;
  }

  /** Another process answers from now on; what is being answered goes on. */
  leave(): void {
    this.#direct = null;
    this.#probe?.leave();
    for (const server of this.#servers) {
      server.close();
      server.closeIdleConnections();
    }
  }

  async stop(): Promise<void> {
    await this.#probe?.stop();
    // Of no server yet, if it has not been started.
    this.#bound?.handle.close();
    if (this.#socket !== null) {
      await removeOwn(this.#socket);
      await unlink(`${this.#socket.path}.${process.pid}`).catch(() => {});
    }
    await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  #ownersDoor(): Door {
    const { api, ping, metrics, rest } = this.#sources.config;
    return this.#door({
      hasApi: api !== null,
      hasPing: ping !== null,
      hasMetrics: metrics !== null,
      hasRest: rest !== null,
      isOwners: true,
    });
  }

  #door(door: Partial<Door>): Door {
    const hasApi = door.hasApi === true;
    return {
      hasPing: false,
      hasMetrics: false,
      hasRest: false,
      only: null,
      isOwners: false,
      isOnLoopback: false,
      isOnNetwork: false,
      ...door,
      hasApi,
      hasDashboard: hasApi && this.#sources.config.api?.hasDashboard === true,
    };
  }

  /** Settles with the port. */
  #listen(
    door: Door,
    where: { _handle: object } | { path: string },
    failure: (code: string) => SignalboxError,
  ): Promise<number | null> {
    const connections = new DoorConnections();
    const server = createServer(SERVER_TIMES, (request, response) => {
      const { socket } = request;
      connections.begin(socket);
      response.once('close', () => connections.end(socket));
      void this.#requests.handle(door, request, response);
    });
    server.on('connection', (socket) => connections.add(socket));
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(failure(error.code ?? error.message)));
      listenOn(server, where, () => {
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : null);
      });
    });
  }
}

/** Whoever asks first begins; all get the same end. */
function once<T>(run: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | null = null;
  return () => (begun ??= run());
}
