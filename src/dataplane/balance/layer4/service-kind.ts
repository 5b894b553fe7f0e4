// The extension unit of TCP and UDP services on the data plane's side: a kind chooses the server of a connection or
// session, of its own or by asking others. It is made live by the definition that the registry of its transport has
// under its name; what it is in configuration is the definition of the same kind in `controlplane/config/service`.

import type { EndpointFacts, EndpointPatch } from '../../../model/endpoint-set.ts';
import type { RowsByKey } from '../../../model/message/sync.ts';
import type { GivenEndpoints } from '../../live/endpoint-sets.ts';
import type { ServiceTable } from '../count/service-table.ts';
import type { Visits } from '../count/visits.ts';

/** One service of a kind; `Given` is what its endpoints are made of. */
export interface Layer4Kind<Spec, Endpoint, Given extends EndpointFacts> {
  readonly isUp: boolean;
  /** There is anything to choose from, were it up. */
  readonly hasServers: boolean;
  /** The server for a connection; null when there is none. Services that it asks note themselves; see `Visits`. */
  pick(visits: Visits | null): Endpoint | null;
  /** Takes over a specification, and all endpoints of its set. */
  update(spec: Spec, given: GivenEndpoints<Given>): void;
  /** Single endpoints change; left out by a kind that has none of its own. */
  patch?(patch: EndpointPatch<Given>, rows: RowsByKey): void;
  /** Health of a server may have changed. */
  refresh(): void;
  retire(): void;
}

/** A service as those that ask it see it; the same object for as long as its name is there. */
export interface AskedService<Endpoint> {
  readonly isUp: boolean;
  readonly hasServers: boolean;
  pick(visits: Visits | null): Endpoint | null;
  /** Calls when it comes up or goes down; returns the way to stop. */
  watch(changed: () => void): () => void;
}

/** What every kind needs of its surroundings; a transport adds what its servers need. */
export interface Layer4Surroundings<Endpoint> {
  /** What a service is filed under where those of all protocols stand together. */
  readonly keyOf: (name: string) => string;
  readonly counts: ServiceTable;
  /** By qualified name, for those that ask others. */
  readonly service: (name: string) => AskedService<Endpoint> | undefined;
}
