// What the program is and how it is: its version, what it counts, everything it has to say about the configuration.

import type { InstallConfig } from '../../controlplane/config/install/install-config.ts';
import { LISTED_PARTS, listedOf } from '../../controlplane/config/routing/object-kinds.ts';
import type { Pipeline } from '../../controlplane/pipeline/pipeline.ts';
import type { CertificateStatus } from '../../model/certificate.ts';
import { listOf, type AnswerOf } from '../answer.ts';
import * as answers from '../answers.ts';
import { shownCertificates } from '../certificates.ts';
import { configurationView, rawData, type ConfigurationView } from '../configuration-view.ts';
import { operation, say, type Operation } from '../operation.ts';
import type { ApiSources } from '../sources.ts';
import { pinHeader, pinPart } from '../pin-header.ts';
import { shownDiscovered, shownProvider } from '../provider-view.ts';
import { LIST_QUERY, listAnswer } from '../list-query.ts';

export function programOperations({
  install,
  pipeline,
  version,
  startedAt,
  healthOf,
  staples,
}: ApiSources): readonly Operation[] {
  const shown = (): ConfigurationView => configurationView(pipeline, healthOf);
  return [
    operation({
      method: 'GET',
      path: '/api/version',
      summary: 'Version of the program.',
      answer: answers.version,
      handle: () =>
        say({
          Version: version,
          Codename: 'signalbox',
          startDate: startedAt.toISOString(),
          node: process.versions.node,
          pid: process.pid,
        }),
    }),
    operation({
      method: 'GET',
      path: '/api/overview',
      summary: 'How many objects of each kind there are, what is switched on, and which snapshot is in force.',
      answer: answers.overview,
      handle: () =>
        say(
          overview(install(), pipeline, shown(), shownCertificates(pipeline.result.keyedCertificates, staples())),
          pinHeader(pipeline),
        ),
    }),
    operation({
      method: 'GET',
      path: '/api/rawdata',
      summary: 'Every router, middleware and service with its state, by name.',
      answer: answers.rawData,
      handle: () => say({ ...rawData(shown()), ...pinPart(pipeline) }, pinHeader(pipeline)),
    }),
  ];
}

export function stateOperations({ pipeline, certificates }: ApiSources): readonly Operation[] {
  return [
    operation({
      method: 'GET',
      path: '/api/acme/certificates',
      summary: 'What certificates resolvers see to: state, end, next try, and what was wrong at the last one.',
      answer: listOf(answers.certificateStatus),
      handle: () => say(certificates().map(shownStatus)),
    }),
    operation({
      method: 'GET',
      path: '/api/providers',
      summary: 'Sources of routing configuration: which have published, which are away, and since when.',
      query: LIST_QUERY,
      answer: listOf(answers.provider),
      handle: ({ query }) => listAnswer(pipeline.providers.states.map(shownProvider), query),
    }),
    operation({
      method: 'GET',
      path: '/api/discovered',
      summary: 'Everything that providers see, such as containers: what each defines, and why something is left out.',
      query: LIST_QUERY,
      answer: listOf(answers.discovered),
      handle: ({ query }) => listAnswer(shownDiscovered(pipeline), query),
    }),
    operation({
      method: 'GET',
      path: '/api/diagnostics',
      summary: 'Everything there is to say about the routing configuration as it stands.',
      answer: listOf(answers.diagnostic),
      handle: () => say(pipeline.diagnostics, pinHeader(pipeline)),
    }),
  ];
}

function shownStatus({ notAfter, nextTry, ...status }: CertificateStatus): AnswerOf<typeof answers.certificateStatus> {
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return { ...status, notAfter: time(notAfter), nextTry: time(nextTry) };
}

function overview(
  install: InstallConfig,
  pipeline: Pipeline,
  shown: ConfigurationView,
  certificates: readonly answers.ShownCertificate[],
): answers.Overview {
  const count = (objects: readonly { readonly status: string }[]): answers.Counts => ({
    total: objects.length,
    warnings: objects.filter(({ status }) => status === 'warning').length,
    errors: objects.filter(({ status }) => status === 'disabled').length,
  });
  const names = pipeline.providers.states.map(({ name }) => name[0]!.toUpperCase() + name.slice(1));
  const { version, digest } = pipeline.current;
  return {
    ...byName(LISTED_PARTS, (part) =>
      Object.fromEntries(listedOf(part).map(([name, section]) => [name, count(shown.list(section))])),
    ),
    certificates: count(certificates),
    features: {
      tracing: '',
      metrics: install.metrics.enabled ? 'Prometheus' : '',
      accessLog: install.accessLog !== null,
    },
    providers: names,
    providerStates: pipeline.providers.states.map(shownProvider),
    snapshot: { version, digest, pinned: pipeline.history.pinned },
    ...pinPart(pipeline),
  };
}

function byName<const K extends string, T>(names: readonly K[], make: (name: K) => T): Record<K, T> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<K, T>; // One for each.
}
