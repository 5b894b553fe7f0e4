// What operators see of the process and ask of it: the internal entry point with ping, metrics, API and dashboard, and
// the internal services that routers lead there.

import type { ApplicationLog } from '../core/log.ts';
import type { ListenAddress } from '../model/entry-point.ts';
import { internalSocket } from '../model/service.ts';
import { AdminServer } from '../api/admin-server.ts';
import { configurationView } from '../api/configuration-view.ts';
import { dashboardPage } from '../api/dashboard-page.ts';
import { operationsOf } from '../api/operations.ts';
import { pushOperation } from '../api/operations/push.ts';
import type { TakeoverSource } from '../api/sources.ts';
import { enabledInternalServices } from '../controlplane/compile/internal-services.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';
import type { EventBus } from '../observe/event-bus.ts';
import { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from '../observe/prometheus.ts';
import type { BoundSocket } from '../dataplane/net/listening-socket.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Edge } from './edge.ts';
import { processSamples } from './process-samples.ts';
import type { SocketSource } from './takeover/socket-source.ts';
import { VERSION } from './version.ts';

const PROBE_URL = new URL('../api/door/probe-listener.js', import.meta.url);

export interface AdminOptions {
  readonly install: InstallConfig;
  readonly log: ApplicationLog;
  readonly events: EventBus;
  readonly controlPlane: ControlPlane;
  readonly edge: Edge;
  readonly sockets: SocketSource;
  /** Of the sockets of internal services. */
  readonly socketDirectory: string;
  /** Null in a program of somebody else's. */
  readonly takeover: (TakeoverSource & { readonly isUnderWay: boolean }) | null;
  readonly isSuccessor: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

export class Admin {
  readonly #options: AdminOptions;
  readonly #server: AdminServer;

  constructor(options: AdminOptions) {
    const { install, log, events, controlPlane, edge, sockets, socketDirectory, takeover } = options;
    const { pipeline } = controlPlane;
    const healthOf = edge.supervisor.healthOf.bind(edge.supervisor);
    this.#options = options;
    const pushed = (text: string): void => {
      controlPlane.pushed = text;
    };
    this.#server = new AdminServer(
      {
        notServed: (error) =>
          log.warn('what belongs to the internal entry point is not served there; name an address to have it', {
            option: `entryPoints.${INTERNAL_ENTRY_POINT}.address`,
            error: error.message,
          }),
        openAddress: (address) => sockets.open(INTERNAL_ENTRY_POINT, address, install.admin.reusePort === true),
        isHandingOver: () => takeover?.isUnderWay === true,
        config: install.admin,
        version: VERSION,
        log,
        probe: { listener: PROBE_URL, mainSocket: `${socketDirectory}/address` },
        ownSocket: `${socketDirectory}/owner`,
        healthSocket: `${socketDirectory}/health`,
        operations: operationsOf({
          install: () => pipeline.install,
          pipeline,
          events,
          version: VERSION,
          startedAt: new Date(options.startedAt),
          workers: () => edge.supervisor.workers(),
          healthOf,
          certificates: () => controlPlane.acme?.status() ?? [],
          staples: () => controlPlane.stapler?.status() ?? [],
          pushed,
          takeover,
          internalPort: () => this.boundSocket?.address.port ?? null,
          ports: () => this.#ports(),
        }),
        rest: install.admin.rest === null ? null : pushOperation(pipeline, pushed),
        metrics: () => this.#renderMetrics(),
        dashboard: () => dashboardPage(configurationView(pipeline, healthOf), pipeline, VERSION),
      },
      options.isSuccessor,
    );
  }

  /** Of the internal entry point; null when nothing listens there. */
  get boundSocket(): BoundSocket | null {
    return this.#server.boundSocket;
  }

  /**
   * Takes what it is to listen on, so that what cannot be had ends the start; routers reach internal services from now
   * on.
   */
  async bind(): Promise<void> {
    for (const service of enabledInternalServices(this.#options.install.admin)) {
      await this.#server.startService(service, internalSocket(this.#options.socketDirectory, service));
    }
    await this.#server.bind();
  }

  /** Answers from now on; null when nothing listens on an address. */
  start(): Promise<ListenAddress | null> {
    return this.#server.start();
  }

  /** Whoever asks whether the router is well is told that it ends. */
  terminating(): void {
    this.#server.isTerminating = true;
  }

  /** Another process answers from now on; what is being answered goes on. */
  leave(): void {
    this.#server.leave();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  #ports(): ReadonlyMap<string, number> {
    const { controlPlane, edge } = this.#options;
    const names = Object.keys(controlPlane.pipeline.current.entryPoints);
    return new Map(names.map((name) => [name, edge.addressOf(name)?.port ?? 0]));
  }

  #renderMetrics(): { contentType: string; body: string } {
    const { controlPlane, edge, log, startedAt } = this.#options;
    const { pipeline, watch } = controlPlane;
    const { metrics } = pipeline.install;
    const ofProcess = processSamples({
      pipeline,
      supervisor: edge.supervisor,
      acme: controlPlane.acme,
      ocsp: controlPlane.stapler,
      installReloads: { applied: watch?.applied ?? 0, refused: watch?.refused ?? 0 },
      startedAtMs: startedAt,
      nowMs: Date.now(),
      droppedLines: edge.droppedLines,
      droppedLogLines: log.dropped,
      droppedSeries: edge.metrics.droppedSeries,
    });
    const samples = [...edge.metrics.collect(), ...ofProcess];
    return { contentType: PROMETHEUS_CONTENT_TYPE, body: renderPrometheus(samples, metrics.prefix, metrics.buckets) };
  }
}
