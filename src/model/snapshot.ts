// What the data plane runs: plain, readonly, JSON-serialisable objects, numbered and content-hashed. Only
// controlplane/compile produces them; supervisor sends them; dataplane/engine builds live objects from them.
// Nothing in here may need more than structured clone to cross a thread or the network.

import type { EndpointPatch, EndpointSetSpec } from './endpoint-set.ts';
import type { EntryPointSpec } from './entry-point.ts';
import type { MiddlewareSpec, RouteSpec } from './route.ts';
import type { ServiceSpec } from './service.ts';
import type { TcpMiddlewareSpec, TcpRouteSpec, TcpServiceSpec } from './tcp.ts';
import type { UdpRouteSpec, UdpServiceSpec } from './udp.ts';
import type { CertificateSpec, TlsHostSpec, TlsOptionsSpec } from './tls.ts';

/**
 * The named objects of a snapshot by section. Keys are qualified names, `name@provider` (entry points: plain names).
 */
export interface SnapshotSections {
  readonly entryPoints: Readonly<Record<string, EntryPointSpec>>;
  readonly routes: Readonly<Record<string, RouteSpec>>;
  readonly middlewares: Readonly<Record<string, MiddlewareSpec>>;
  readonly services: Readonly<Record<string, ServiceSpec>>;
  readonly certificates: Readonly<Record<string, CertificateSpec>>;
  readonly tlsOptions: Readonly<Record<string, TlsOptionsSpec>>;
  readonly tlsHosts: Readonly<Record<string, TlsHostSpec>>;
  readonly tcpRoutes: Readonly<Record<string, TcpRouteSpec>>;
  readonly tcpMiddlewares: Readonly<Record<string, TcpMiddlewareSpec>>;
  readonly tcpServices: Readonly<Record<string, TcpServiceSpec>>;
  readonly udpRoutes: Readonly<Record<string, UdpRouteSpec>>;
  readonly udpServices: Readonly<Record<string, UdpServiceSpec>>;
  /** Named by services; what is written in one is under its key, see `tcpServiceKey`. */
  readonly endpointSets: Readonly<Record<string, EndpointSetSpec>>;
}

export interface Snapshot extends SnapshotSections {
  /** Counts up by one with every published change of one control plane. */
  readonly version: number;
  /** Hash of the content alone: equal content has an equal digest whatever its version. */
  readonly digest: string;
}

/**
 * What changed between two snapshots: changed holds added and modified objects whole, removed holds names. A set of
 * endpoints that was there before changes by single endpoints.
 */
export interface SnapshotDelta {
  readonly baseVersion: number;
  readonly version: number;
  readonly digest: string;
  readonly changed: { readonly [S in keyof SnapshotSections]?: SnapshotSections[S] };
  readonly removed: { readonly [S in keyof SnapshotSections]?: readonly string[] };
  /** By set; left out where no endpoint changes. */
  readonly endpoints?: Readonly<Record<string, EndpointPatch>>;
}
