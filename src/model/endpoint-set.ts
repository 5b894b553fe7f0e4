// Where services get their endpoints from. A set stands in a section of its own, so that an endpoint that comes, goes
// or changes is a change of one endpoint, and of no service. An endpoint is known by its key, never by its place.

import type { PinnedName, ServerSpec } from './service.ts';
import type { TcpServerSpec } from './tcp.ts';
import type { UdpServerSpec } from './udp.ts';

/** What is known of an endpoint beside where it is. */
export interface EndpointFacts {
  /** Within its set; stays the same while it is the same endpoint. */
  readonly key: string;
  /** `draining` gets what sticky clients send, and nothing new while another one is ready. */
  readonly state: 'ready' | 'draining';
  /** '' where it is not known. */
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The name that its certificate must have, in place of those that the transport asks for; null for theirs. */
  readonly identity: PinnedName | null;
  /** As its source knows it: a container, a pod, a task; '' for what is written. */
  readonly sourceId: string;
}

export type HttpEndpointSpec = ServerSpec & EndpointFacts;
export type TcpEndpointSpec = TcpServerSpec & EndpointFacts;
export type UdpEndpointSpec = UdpServerSpec & EndpointFacts;

export interface EndpointsOf {
  readonly http: HttpEndpointSpec;
  readonly tcp: TcpEndpointSpec;
  readonly udp: UdpEndpointSpec;
}
export type EndpointProtocol = keyof EndpointsOf;
export type EndpointSpec = EndpointsOf[EndpointProtocol];

/** Endpoints in the order in which they came. */
export type EndpointSetSpec = {
  readonly [P in EndpointProtocol]: {
    readonly protocol: P;
    readonly name: string;
    readonly endpoints: readonly EndpointsOf[P][];
  };
}[EndpointProtocol];

/** What becomes of a set: endpoints that are new or say something else, whole, and keys of those that are gone. */
export interface EndpointPatch<E extends EndpointFacts = EndpointSpec> {
  readonly changed: readonly E[];
  readonly removed: readonly string[];
}

/** Of what is written and says nothing more. */
export const WRITTEN_FACTS: Omit<EndpointFacts, 'key'> = {
  state: 'ready',
  zone: '',
  labels: {},
  identity: null,
  sourceId: '',
};

/**
 * Changed endpoints keep their places, new ones come last. Costs a look at each key, and nothing for endpoints that
 * stay.
 */
export function patchEndpoints<E extends { readonly key: string }>(
  endpoints: readonly E[],
  { changed, removed }: { readonly changed: readonly E[]; readonly removed: readonly string[] },
): readonly E[] {
  const gone = new Set(removed);
  const fresh = new Map(changed.map((one) => [one.key, one]));
  const patched: E[] = [];
  for (const endpoint of endpoints) {
    const { key } = endpoint;
    if (gone.size > 0 && gone.has(key)) continue;
    const now = fresh.get(key);
    if (now === undefined) patched.push(endpoint);
    else {
      patched.push(now);
      fresh.delete(key);
    }
  }
  patched.push(...fresh.values());
  return patched;
}

/** What leads from one list to the other but for the order, where `isSame` says which endpoints say the same. */
export function endpointDifference<E extends { readonly key: string }>(
  before: readonly E[],
  after: readonly E[],
  isSame: (a: E, b: E) => boolean,
): { readonly changed: readonly E[]; readonly removed: readonly string[] } {
  const gone = new Map(before.map((one) => [one.key, one]));
  const changed: E[] = [];
  for (const endpoint of after) {
    const known = gone.get(endpoint.key);
    if (known === undefined || !isSame(known, endpoint)) changed.push(endpoint);
    gone.delete(endpoint.key);
  }
  return { changed, removed: [...gone.keys()] };
}

/** A provider has filled it, and not whoever wrote the service. */
export function isProvided(set: EndpointSetSpec | undefined): boolean {
  return set !== undefined && set.endpoints.some(({ sourceId }) => sourceId !== '');
}

/** The endpoints of a set that a service of this protocol names. */
export function endpointsOf<P extends EndpointProtocol>(
  set: EndpointSetSpec | undefined,
  protocol: P,
): readonly EndpointsOf[P][] {
  // Protocol and endpoints go together; of another protocol, there are none that a service could ask.
  return set?.protocol === protocol ? (set.endpoints as readonly EndpointsOf[P][]) : [];
}

/** How an endpoint is spoken to: as the transport says, and to whom it has to be. */
export function transportTo<T extends { readonly tls: { readonly pinnedNames: readonly PinnedName[] } }>(
  { identity }: EndpointFacts,
  transport: T,
): T {
  return identity === null ? transport : { ...transport, tls: { ...transport.tls, pinnedNames: [identity] } };
}
