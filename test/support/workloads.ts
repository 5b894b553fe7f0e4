// Workloads as a provider finds them, and what a routing makes of their labels.

import { compile, type CompileResult } from '../../src/controlplane/compile/compile.ts';
import { internalServices } from '../../src/controlplane/compile/internal-services.ts';
import { decodeInstall } from '../../src/controlplane/config/install/load-install.ts';
import { decoderOf } from '../../src/controlplane/providers/define.ts';
import { isWhole, patchRouting, type RoutingPatch } from '../../src/controlplane/config/routing/patch-routing.ts';
import { OBJECT_SECTIONS } from '../../src/controlplane/config/routing/object-kinds.ts';
import type { RoutingConfig } from '../../src/controlplane/config/routing/routing-config.ts';
import {
  labelAllowances,
  labelSettings,
  type LabelOptions,
} from '../../src/controlplane/providers/labels/label-options.ts';
import { WorkloadRouting } from '../../src/controlplane/providers/labels/workload-routing.ts';
import type { Workload, WorkloadPort } from '../../src/controlplane/providers/labels/workload.ts';
import type { Substitutions } from '../../src/schema/substitution.ts';
import { ANY_PLUGIN } from '../../src/schema/decode-context.ts';

export const DEFAULTS: LabelOptions = {
  exposedByDefault: true,
  defaultRule: 'Host(`{{ normalize .Name }}`)',
  constraints: '',
  allowEmptyServices: false,
  allowFiles: false,
  internalServices: [],
};

/** Gives everything away: what a tenant must not get at. */
export const SECRETS: Substitutions = { variable: () => 'the-secret', file: () => 'the-secret' };

/** As the provider `docker` would have it. */
export function labelRouting(options: Partial<LabelOptions> = {}): WorkloadRouting {
  const all = { ...DEFAULTS, ...options };
  const decode = decoderOf({ kind: 'docker', words: 'tenant' }, SECRETS, ANY_PLUGIN, labelAllowances(all));
  return new WorkloadRouting(labelSettings('docker', all, ['allownonrunning']), decode);
}

export interface SampleOptions extends Partial<Omit<Workload, 'ports'>> {
  readonly id: string;
  /** Of TCP, where it is a number. */
  readonly ports?: readonly (number | WorkloadPort)[];
}

/** One whose address is 10.0.0.1 unless it says another one. */
export function sampleWorkload({ id, ports = [80], ...more }: SampleOptions): Workload {
  return {
    id,
    place: `container ${id}`,
    serviceName: id,
    variables: { Name: more.serviceName ?? id, ContainerName: id },
    labels: {},
    createdMs: 0,
    state: 'ready',
    stateReason: '',
    addressOf: ({ port }) => ({ host: '10.0.0.1', port }),
    zone: '',
    ...more,
    ports: ports.map((port) => (typeof port === 'number' ? { port, protocol: 'tcp' } : port)),
  };
}

/** What there is after a change. */
export function after(before: RoutingConfig | null, change: RoutingConfig | RoutingPatch | null): RoutingConfig {
  if (change !== null && isWhole(change)) return change;
  if (before === null) throw new Error('there is nothing to patch');
  return change === null ? before : patchRouting(before, change);
}

/** Sections that have something: objects as they were written, and endpoints by service and key. */
export function shownRouting(config: RoutingConfig | RoutingPatch | null): unknown {
  if (config === null || !isWhole(config)) throw new Error('this is no whole configuration');
  const shown: Record<string, unknown> = {};
  for (const section of OBJECT_SECTIONS) {
    const objects = [...config[section]].map(([name, { text }]) => [name, JSON.parse(text) as unknown]);
    if (objects.length > 0) shown[section] = Object.fromEntries(objects);
  }
  const endpoints = [...(config.endpoints ?? [])].map(([service, set]) => [
    service,
    Object.fromEntries(set.endpoints.map(({ key, server }) => [key, server])),
  ]);
  if (endpoints.length > 0) shown['endpoints'] = Object.fromEntries(endpoints);
  return shown;
}

/** Everything that is said, a line each. */
export function saidOf({ diagnostics, notes = [] }: RoutingConfig): readonly string[] {
  return [...diagnostics, ...notes].map(
    ({ severity, source, path, message }) => `${severity} ${source} [${path}] ${message}`,
  );
}

/** Entry points and a certificates resolver by the names that people use in labels. */
const INSTALL = `
entryPoints:
  web: { address: ":80" }
  websecure: { address: ":443" }
  traefik: { address: ":8080" }
  db: { address: ":5432" }
  dns: { address: ":53/udp" }
certificatesResolvers: { le: { acme: { email: a@example.test, tlsChallenge: {} } } }
api: { dashboard: true }
ping: {}
providers: { rest: {} }
`;

/** The configurations compiled together. */
export function compiledWith(...configs: readonly RoutingConfig[]): CompileResult {
  const install = decodeInstall('signalbox.yml', INSTALL).value!;
  return compile(install, configs, internalServices(install.admin));
}
