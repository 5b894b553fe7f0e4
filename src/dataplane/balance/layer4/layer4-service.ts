// A TCP or UDP service as routers and other services see it: a stable object per name, whose specification changes
// under it.

import type { EndpointFacts, EndpointPatch } from '../../../model/endpoint-set.ts';
import type { RowsByKey } from '../../../model/message/sync.ts';
import type { GivenEndpoints } from '../../live/endpoint-sets.ts';
import { ServiceRow } from '../count/service-row.ts';
import type { Visits } from '../count/visits.ts';
import { ServiceLiveness } from '../service-liveness.ts';
import type { AskedService, Layer4Kind, Layer4Surroundings } from './service-kind.ts';

/** Makes what is live of a specification's kind; see the registries of the transports. */
export type CreateKind<Spec, Endpoint, Given extends EndpointFacts> = (
  spec: Spec,
  healthChanged: () => void,
) => Layer4Kind<Spec, Endpoint, Given>;

export class Layer4Service<
  Spec extends { readonly kind: string; readonly name: string },
  Endpoint,
  Given extends EndpointFacts,
> implements AskedService<Endpoint> {
  readonly name: string;
  readonly #create: CreateKind<Spec, Endpoint, Given>;
  readonly #row: ServiceRow;
  readonly #liveness = new ServiceLiveness();
  #kind: Layer4Kind<Spec, Endpoint, Given> | null = null;
  #kindName = '';

  constructor(
    name: string,
    { counts, keyOf }: Pick<Layer4Surroundings<Endpoint>, 'counts' | 'keyOf'>,
    create: CreateKind<Spec, Endpoint, Given>,
  ) {
    this.name = name;
    this.#create = create;
    this.#row = new ServiceRow(counts, keyOf(name));
  }

  get isUp(): boolean {
    return this.#kind?.isUp ?? false;
  }

  get hasServers(): boolean {
    return this.#kind?.hasServers ?? false;
  }

  /** The server for a connection or session, which is counted where `visits` say; null when none is up. */
  pick(visits: Visits | null = null): Endpoint | null {
    visits?.through(this.#row);
    const endpoint = this.#kind?.pick(visits) ?? null;
    if (endpoint === null) this.#liveness.noteHealth(this.isUp);
    return endpoint;
  }

  /** Takes over a specification, and all endpoints of its set. */
  update(spec: Spec, given: GivenEndpoints<Given>): void {
    let kind = this.#kindName === spec.kind ? this.#kind : null;
    if (kind === null) {
      this.#kind?.retire();
      kind = this.#create(spec, () => this.#liveness.noteHealth(this.isUp));
    }
    this.#kind = kind;
    this.#kindName = spec.kind;
    kind.update(spec, given);
    this.#liveness.noteHealth(this.isUp);
  }

  /** Single endpoints change. */
  patch(patch: EndpointPatch<Given>, rows: RowsByKey = {}): void {
    this.#kind?.patch?.(patch, rows);
    this.#liveness.noteHealth(this.isUp);
  }

  /** Health of a server may have changed. */
  refresh(): void {
    this.#kind?.refresh();
    this.#liveness.noteHealth(this.isUp);
  }

  retire(): void {
    this.#kind?.retire();
    this.#kind = null;
    this.#liveness.retire();
    this.#row.retire();
  }

  /** Calls when it comes up or goes down; returns the way to stop. */
  watch(changed: () => void): () => void {
    return this.#liveness.watch(changed);
  }
}
