// The provider `docker`: what the labels of containers say, for as long as these run. The engine is asked and followed
// by container-source.ts; what labels come to is the same for all sources that have some.

import { optional, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { boolean, string } from '../../../schema/scalar.ts';
import type { Infer } from '../../../schema/schema.ts';
import { defineProvider, type Discovered, type Provider, type ProviderContext, type Publish } from '../define.ts';
import { labelAllowances, labelOptions, labelSettings } from '../labels/label-options.ts';
import { WorkloadRouting } from '../labels/workload-routing.ts';
import type { Workload } from '../labels/workload.ts';
import { SourceLife } from '../source/source-life.ts';
import { ContainerSource } from './container-source.ts';
import { checkEngine, createEngineClient, engineFields } from './docker-options.ts';
import type { EngineClient } from './engine-client.ts';

const NAME = 'docker';

const options = checked(
  object({
    ...engineFields,
    ...labelOptions,
    network: optional(
      string(),
      'Network on which containers are reached that are on several; the label `docker.network` says it for one.',
    ),
    useBindPortIP: withDefault(
      boolean(),
      false,
      'Reach containers at the address of the host that their port is published on, where it is on one alone.',
    ),
    watch: withDefault(boolean(), true, 'Follow changes; otherwise containers are looked at once, at the start.'),
  }),
  checkEngine,
);

export type DockerOptions = Infer<typeof options>;

export const dockerProvider = defineProvider<DockerOptions>({
  kind: NAME,
  summary: 'Routing configuration from the labels of containers, of Docker and of Podman.',
  description:
    'Containers come and go within a second, are left alone while they are stopped or unhealthy, and the routes stay as they were while the engine is away ([how](../docker.md); [the labels](../labels.md)). Tested on the real engine 20.10; API 1.44 and later, and Podman, on recorded answers.',
  options,
  words: 'tenant',
  allowances: labelAllowances,
  create: (given, context) => new DockerProvider(given, context),
});

class DockerProvider implements Provider {
  readonly name = NAME;
  readonly #client: EngineClient;
  readonly #routing: WorkloadRouting;
  readonly #life: SourceLife;
  #publish: Publish = () => {};

  constructor(given: DockerOptions, context: ProviderContext) {
    const { log, clock, source } = context;
    const { endpoint, client } = createEngineClient(given);
    this.#client = client;
    this.#routing = new WorkloadRouting(labelSettings(NAME, given, ['allownonrunning']), context.decode);
    const { network = '', useBindPortIP, watch: isFollowed, resyncInterval } = given;
    const containers = new ContainerSource(
      { endpoint, network, useBindPortIP, isFollowed },
      { client, clock, log, publish: (workloads) => this.#take(workloads) },
    );
    const resyncIntervalMs = isFollowed ? resyncInterval : 0;
    this.#life = new SourceLife(containers, { provider: NAME, report: source, log, resyncIntervalMs });
  }

  async run(publish: Publish, signal: AbortSignal): Promise<void> {
    this.#publish = publish;
    try {
      await this.#life.run(signal);
    } finally {
      this.#client.close();
    }
  }

  readAgain(): Promise<void> {
    return this.#life.readAgain();
  }

  discovered(): readonly Discovered[] {
    return this.#routing.outcomes;
  }

  #take(workloads: readonly Workload[]): void {
    const change = this.#routing.update(workloads);
    if (change !== null) this.#publish(change);
  }
}
