// All providers. Adding one is a folder, a line here and a test; the section `providers` of the install configuration,
// its reference and what decodes it follow. Two sources are in no list, since nobody writes options of theirs below
// `providers`: the routing sections of the install file (install/install-provider.ts), and certificates
// (acme/acme-provider.ts).

import type { KnownPlugins } from '../../schema/decode-context.ts';
import type { Substitutions } from '../../schema/substitution.ts';
import {
  decoderOf,
  type ConfiguredProvider,
  type Provider,
  type ProviderContext,
  type ProviderDefinition,
  type SourceReport,
} from './define.ts';
import { dockerProvider } from './docker/docker-provider.ts';
import { fileProvider } from './file/file-provider.ts';
import { restProvider } from './rest/rest-provider.ts';

export const PROVIDERS: readonly ProviderDefinition[] = [dockerProvider, fileProvider, restProvider];

/** What there is in their place. */
export const INSTEAD_OF_LATER_PROVIDERS =
  'until then routers and services come from files (providers.file), which are followed as they change, from the labels of containers (providers.docker), from providers.rest, or from your program (docs/embedding.md)';

/** Kinds of the reference that later work brings: known, so that they are not taken for a misspelling. */
export const LATER_PROVIDERS: Readonly<Record<string, string>> = {
  consul: 'KV provider.',
  consulCatalog: 'Service registry.',
  ecs: 'Amazon ECS.',
  etcd: 'KV provider.',
  http: 'Polls an HTTP endpoint.',
  knative: 'Knative.',
  kubernetesCRD: 'Kubernetes custom resources.',
  kubernetesGateway: 'Kubernetes Gateway API.',
  kubernetesIngress: 'Kubernetes Ingress.',
  kubernetesIngressNGINX: 'Ingress with nginx annotations.',
  nomad: 'Nomad.',
  plugin: 'Plugin providers.',
  redis: 'KV provider.',
  swarm: 'Docker Swarm.',
  zooKeeper: 'KV provider.',
};

/** What the process has for its providers; each gets of it what its words allow. */
export interface ProviderResources extends Omit<ProviderContext, 'decode' | 'source'> {
  readonly substitutions: Substitutions;
  readonly plugins: KnownPlugins;
  readonly sourceOf: (provider: string) => SourceReport;
}

/** Those that have a source of their own. */
export function createProviders(
  configured: readonly ConfiguredProvider[],
  { log, clock, keepLastGood, substitutions, plugins, sourceOf }: ProviderResources,
): readonly Provider[] {
  return configured.flatMap(({ definition, options }) => {
    const decode = decoderOf(definition, substitutions, plugins, definition.allowances?.(options));
    const source = sourceOf(definition.kind);
    return definition.create?.(options, { log, clock, keepLastGood, decode, source }) ?? [];
  });
}
