// The data plane of a worker in the process of a test: the engine and all that it needs, with snapshots made by hand.

import { randomBytes } from 'node:crypto';
import { decodeInstall } from '../../src/controlplane/config/install/load-install.ts';
import { allocateTables, SharedTables } from '../../src/core/shared-table.ts';
import { selfSigned } from '../../src/core/x509/self-signed.ts';
import { ConnectionInstrument } from '../../src/dataplane/engine/connection-instrument.ts';
import { Engine, type EngineOptions } from '../../src/dataplane/engine/engine.ts';
import { Instrument } from '../../src/dataplane/engine/instrument.ts';
import { SHARED_TABLES } from '../../src/dataplane/engine/shared-tables.ts';
import { PasswordVerifier } from '../../src/dataplane/middleware/auth/password-verifier.ts';
import { bindSocket } from '../../src/dataplane/net/listening-socket.ts';
import { WRITTEN_FACTS } from '../../src/model/endpoint-set.ts';
import type { EntryPointSpec } from '../../src/model/entry-point.ts';
import type { RouteSpec } from '../../src/model/route.ts';
import {
  DEFAULT_UPSTREAM_TLS,
  type FixedServiceSpec,
  type LoadBalancerSpec,
  type UpstreamTransportSpec,
} from '../../src/model/service.ts';
import type { Snapshot, SnapshotSections } from '../../src/model/snapshot.ts';
import type { TcpRouteSpec } from '../../src/model/tcp.ts';
import type { TlsOptionsSpec } from '../../src/model/tls.ts';

const OBSERVE = {
  metrics: {
    enabled: false,
    buckets: [],
    addEntryPointsLabels: false,
    addRoutersLabels: false,
    addServicesLabels: false,
    headerLabels: {},
  },
  accessLog: null,
};

function unexpected(...what: readonly unknown[]): never {
  throw new Error(`unexpected: ${what.map(String).join(' ')}`);
}

const { certificate, key } = selfSigned({ commonName: 'fallback', hosts: ['fallback'], nowMs: Date.now(), days: 1 });

/** Nothing in it reports anything, unless `reports` takes it. */
export function makeEngine(reports: Partial<EngineOptions> = {}): Engine {
  const tables = new SharedTables(SHARED_TABLES, allocateTables(SHARED_TABLES, { workerSlots: 1 }), 0, 1);
  const secret = randomBytes(32);
  return new Engine({
    tables,
    resources: {
      table: (table) => tables.find(table),
      secret,
      passwords: new PasswordVerifier(secret, unexpected),
      plugins: new Map(),
      unusable: unexpected,
    },
    workerSlots: 1,
    socketDirectory: '',
    tls: { ticketKeys: randomBytes(48), fallback: { certificate, key } },
    instrument: new Instrument(null, null, OBSERVE),
    tcpInstrument: new ConnectionInstrument(null, null),
    udpInstrument: new ConnectionInstrument(null, null),
    ejected: unexpected,
    serversFailed: () => {},
    handlerFailed: unexpected,
    handshakeFailed: unexpected,
    proxyHeaderFailed: unexpected,
    ...reports,
  });
}

/** By name, from what people would write of them. */
export function entryPointSpecs(yaml: string): Readonly<Record<string, EntryPointSpec>> {
  return decodeInstall('', `entryPoints: ${yaml}`).value!.entryPoints;
}

const NO_SECTIONS: SnapshotSections = {
  entryPoints: {},
  routes: {},
  middlewares: {},
  services: {},
  certificates: {},
  tlsOptions: {},
  tlsHosts: {},
  tcpRoutes: {},
  tcpMiddlewares: {},
  tcpServices: {},
  udpRoutes: {},
  udpServices: {},
  endpointSets: {},
};

export function snapshotOf(sections: Partial<SnapshotSections>): Snapshot {
  return { ...NO_SECTIONS, ...sections, version: 1, digest: 'first' };
}

export function routeSpec(name: string, rule: string, service: string, rest: Partial<RouteSpec> = {}): RouteSpec {
  return {
    name,
    entryPoints: ['web'],
    rule,
    priority: rule.length,
    providerRank: 0,
    middlewares: [],
    service,
    parents: [],
    tls: null,
    tlsOptions: 'default',
    observability: { accessLogs: true, metrics: true },
    disabledStatus: 0,
    ...rest,
  };
}

export function tcpRouteSpec(
  name: string,
  rule: string,
  service: string,
  rest: Partial<TcpRouteSpec> = {},
): TcpRouteSpec {
  return {
    name,
    entryPoints: ['web'],
    rule,
    priority: rule.length,
    providerRank: 0,
    middlewares: [],
    service,
    tls: null,
    isDisabled: false,
    ...rest,
  };
}

/** Answers every request with its body. */
export function fixedSpec(name: string, body: string): FixedServiceSpec {
  return { kind: 'fixed', name, status: 200, body };
}

/** Rows of the connection table, one after the other. */
export function rowsOf(names: Iterable<string>): Readonly<Record<string, number>> {
  return Object.fromEntries([...names].map((name, index) => [name, index]));
}

/** On a free port of loopback, which is returned. */
export async function listen(engine: Engine, name: string): Promise<number> {
  const { handle, address } = await bindSocket(name, { host: '127.0.0.1', port: 0, protocol: 'tcp' });
  await engine.entryPoints.listen(name, handle);
  return address.port;
}

/** What a service gives its servers when nobody says anything of it. */
export const TRANSPORT: UpstreamTransportSpec = {
  dialTimeoutMs: 0, responseHeaderTimeoutMs: 0, idleConnTimeoutMs: 90_000, readIdleTimeoutMs: 0, pingTimeoutMs: 0,
  writeIdleTimeoutMs: 0, maxIdleConnsPerHost: 10, maxConnsPerHost: 0, maxPendingRequests: 10, maxResponseHeaderBytes: 4096,
  maxResponseHeaderCount: 20, isHttp2: false, tls: DEFAULT_UPSTREAM_TLS,
}; // prettier-ignore

/** One server on loopback, and a sticky cookie. */
export function loadBalancer(name: string, port: number): Pick<SnapshotSections, 'services' | 'endpointSets'> {
  const url = `http://127.0.0.1:${port}`;
  const server = { url, scheme: 'http', host: '127.0.0.1', port, path: '', preservePath: false, weight: 1 } as const;
  const sticky = {
    name: 'to', secure: false, httpOnly: false, sameSite: null, maxAgeSeconds: 0, path: '/', domain: '', secret: 'k',
  }; // prettier-ignore
  const service: LoadBalancerSpec = {
    kind: 'loadBalancer', name, strategy: 'wrr', endpointSet: name, passHostHeader: true, transport: TRANSPORT, sticky,
    healthCheck: null, passiveHealthCheck: null, slowStartMs: 0, middlewares: [],
  }; // prettier-ignore
  const endpoints = [{ ...server, ...WRITTEN_FACTS, key: url }];
  return { services: { [name]: service }, endpointSets: { [name]: { protocol: 'http', name, endpoints } } };
}

export function tlsOptionsSpec(name: string, rest: Partial<TlsOptionsSpec> = {}): TlsOptionsSpec {
  return {
    name,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: '',
    curves: 'auto',
    protocols: ['h2', 'http/1.1'],
    clientAuth: { mode: 'none', authorities: [] },
    sniStrict: false,
    sessionTickets: true,
    ...rest,
  };
}
