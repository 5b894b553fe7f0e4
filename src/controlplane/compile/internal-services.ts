// Services that the router brings along, which any router may name: `api@internal`, `dashboard@internal`,
// `ping@internal`, `prometheus@internal`, `rest@internal` and `noop@internal`. All but the last are answered by the
// main thread, behind Unix sockets that only this process can reach; to the data plane they are services like others.

import { WRITTEN_FACTS, type EndpointSetSpec } from '../../model/endpoint-set.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import {
  DEFAULT_UPSTREAM_TLS,
  type ServerSpec,
  type ServiceSpec,
  type UpstreamTransportSpec,
} from '../../model/service.ts';
import type { AdminConfig } from '../config/install/admin-config.ts';
import { INTERNAL_PROVIDER } from '../config/install/internal-routing.ts';

const INTERNAL_SERVICES = ['api', 'dashboard', 'ping', 'prometheus', 'rest'] as const;
export type InternalService = (typeof INTERNAL_SERVICES)[number];

/** Generous: the peer is this program, and event streams stay open. */
const TRANSPORT: UpstreamTransportSpec = {
  dialTimeoutMs: 5_000,
  responseHeaderTimeoutMs: 60_000,
  idleConnTimeoutMs: 30_000,
  pingTimeoutMs: 0,
  isHttp2: false,
  readIdleTimeoutMs: 0,
  writeIdleTimeoutMs: 60_000,
  maxIdleConnsPerHost: 16,
  maxConnsPerHost: 0,
  maxPendingRequests: 64,
  maxResponseHeaderBytes: 64 * 1024,
  maxResponseHeaderCount: 100,
  tls: DEFAULT_UPSTREAM_TLS,
};

/** Which of them the install configuration switches on. */
export function enabledInternalServices(admin: AdminConfig): readonly InternalService[] {
  const isOn: Readonly<Record<InternalService, boolean>> = {
    api: admin.api !== null,
    dashboard: admin.api?.hasDashboard === true,
    ping: admin.ping !== null,
    prometheus: admin.metrics !== null,
    rest: admin.rest !== null,
  };
  return INTERNAL_SERVICES.filter((name) => isOn[name]);
}

/** With their endpoints. */
export type InternalServices = Pick<SnapshotSections, 'services' | 'endpointSets'>;

export const NO_INTERNAL_SERVICES: InternalServices = { services: {}, endpointSets: {} };

export function internalServices(admin: AdminConfig): InternalServices {
  const specs: Record<string, ServiceSpec> = {};
  const sets: Record<string, EndpointSetSpec> = {};
  for (const service of enabledInternalServices(admin)) {
    const name = `${service}@${INTERNAL_PROVIDER}`;
    const url = `internal:${service}`;
    const server: ServerSpec = {
      url,
      scheme: 'http',
      host: `@${service}`,
      port: 0,
      path: '',
      preservePath: false,
      weight: 1,
    };
    sets[name] = { protocol: 'http', name, endpoints: [{ ...server, ...WRITTEN_FACTS, key: url }] };
    specs[name] = {
      kind: 'loadBalancer',
      name,
      strategy: 'wrr',
      endpointSet: name,
      passHostHeader: true,
      transport: TRANSPORT,
      sticky: null,
      healthCheck: null,
      passiveHealthCheck: null,
      slowStartMs: 0,
      middlewares: [],
    };
  }
  const noop = `noop@${INTERNAL_PROVIDER}`;
  // Never reached: what names it answers by itself. Traefik's status, so that a mistake looks the same.
  specs[noop] = { kind: 'fixed', name: noop, status: 418, body: "I'm a teapot\n" };
  return { services: specs, endpointSets: sets };
}
