// The extension unit of services on the data plane's side. A kind of service is made live by the definition that
// `service-registry.ts` has under its name; what it is in configuration is the definition of the same kind in
// `controlplane/config/service`.

import type { EndpointPatch, HttpEndpointSpec } from '../../model/endpoint-set.ts';
import type { RowsByKey } from '../../model/message/sync.ts';
import type { ServiceSpec } from '../../model/service.ts';
import type { ClientBonds } from '../http/client-bonds.ts';
import type { Exchange, Handler } from '../http/exchange.ts';
import type { GivenEndpoints } from '../live/endpoint-sets.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';
import type { ServiceTable } from './count/service-table.ts';

/** A service as those that hand requests on to it see it; the same object for as long as its name is there. */
export interface ChildService {
  readonly name: string;
  readonly isUp: boolean;
  readonly handle: Handler;
  /** Calls when it comes up or goes down; returns the way to stop. */
  watch(changed: () => void): () => void;
  /** One of its servers has authenticated the client's connection. */
  isBound(bonds: ClientBonds): boolean;
}

/** One service of a kind. */
export interface ServiceOfKind<Spec = ServiceSpec> {
  /** Something in it can answer. */
  readonly isUp: boolean;
  /** Takes over a specification from the next request on, and all endpoints of its set. */
  update(spec: Spec, given: GivenEndpoints<HttpEndpointSpec>): void;
  /** Single endpoints change; left out by a kind that has none of its own. */
  patch?(patch: EndpointPatch<HttpEndpointSpec>, rows: RowsByKey): void;
  handle(exchange: Exchange): void | Promise<void>;
  /** Health of a server may have changed. */
  refresh(): void;
  /** One of its servers has authenticated the client's connection. */
  isBound(bonds: ClientBonds): boolean;
  /** No route uses it any longer: what is in flight finishes. */
  retire(): void;
}

/** What a service needs of its surroundings. */
export interface ServiceSurroundings {
  readonly upstream: UpstreamContext;
  /** Key of sticky cookies without one of their own. */
  readonly secret: Uint8Array;
  /** Services by qualified name, for those that hand requests on. */
  readonly service: (name: string) => ChildService | undefined;
  readonly counts: ServiceTable;
  /** Puts the stages of these names in front. */
  readonly compose: (middlewares: readonly string[], service: Handler) => Handler;
}

/** Makes a service of a kind; `healthChanged` is for one that follows the health of others. */
export type CreateService<Spec> = (
  name: string,
  surroundings: ServiceSurroundings,
  healthChanged: () => void,
) => ServiceOfKind<Spec>;
