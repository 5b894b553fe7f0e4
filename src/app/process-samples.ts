// Metrics of the process as a whole, which are asked for when somebody scrapes; those of requests come from the
// workers.

import { shownCertificate } from '../api/certificates.ts';
import type { AcmeManager } from '../controlplane/acme/acme-manager.ts';
import { INTERNAL_PROVIDER } from '../controlplane/config/install/internal-routing.ts';
import type { Stapler } from '../controlplane/ocsp/stapler.ts';
import type { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import { tcpServiceKey } from '../model/tcp.ts';
import type { Sample } from '../observe/metrics-aggregator.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';

export interface ProcessParts {
  readonly pipeline: Pipeline;
  readonly supervisor: Supervisor;
  readonly acme: AcmeManager | null;
  readonly ocsp: Stapler | null;
  readonly installReloads: { readonly applied: number; readonly refused: number };
  /** Since the epoch. */
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly droppedLines: number;
  /** Of the application log. */
  readonly droppedLogLines: number;
  readonly droppedSeries: number;
}

export function processSamples(parts: ProcessParts): readonly Sample[] {
  const { pipeline, supervisor, acme, ocsp, installReloads } = parts;
  const open = supervisor.openConnections();
  return [
    single('config_reloads_total', pipeline.reloads),
    single('config_last_reload_success', pipeline.lastSuccessWallMs / 1000),
    single('config_version', supervisor.version),
    single('config_install_reloads_total', installReloads.applied, { outcome: 'applied' }),
    single('config_install_reloads_total', installReloads.refused, { outcome: 'refused' }),
    single('process_start_time_seconds', parts.startedAtMs / 1000),
    ...[...open.byEntryPoint].map(([entrypoint, count]) =>
      single('open_connections', count, {
        entrypoint,
        protocol: supervisor.addressOf(entrypoint)?.protocol === 'udp' ? 'UDP' : 'TCP',
      }),
    ),
    ...sourceSamples(pipeline),
    ...(pipeline.install.metrics.addServicesLabels ? serverSamples(pipeline, supervisor) : []),
    ...certificateSamples(pipeline, parts.nowMs),
    ...(acme === null ? [] : acmeSamples(acme)),
    ...(ocsp === null ? [] : ocspSamples(ocsp)),
    ...open.byWorker.map((count, slot) => single('worker_open_connections', count, { worker: String(slot) })),
    ...supervisor
      .externalBytes()
      .map(([slot, bytes]) => single('worker_external_bytes', bytes, { worker: String(slot) })),
    single('server_connections', supervisor.descriptors.open.servers),
    single('descriptors_limit', supervisor.descriptors.limit),
    single('connections_refused_total', supervisor.descriptors.refusals),
    single('worker_restarts_total', supervisor.restarts),
    single('access_log_dropped_total', parts.droppedLines),
    single('log_dropped_total', parts.droppedLogLines),
    single('metric_series_dropped_total', parts.droppedSeries),
    single('process_resident_memory_bytes', process.memoryUsage.rss()),
  ];
}

function single(metric: string, value: number, labels: Sample['labels'] = {}): Sample {
  return { metric, labels, values: [value] };
}

/** Of providers that have told how their sources are. */
function sourceSamples(pipeline: Pipeline): readonly Sample[] {
  return pipeline.providers.states.flatMap(({ name, source }) => {
    if (source === undefined) return [];
    return [
      single('provider_source_up', source.isAway ? 0 : 1, { provider: name }),
      ...(source.reachedAtMs === null
        ? []
        : [single('provider_source_last_answer_timestamp_seconds', source.reachedAtMs / 1000, { provider: name })]),
    ];
  });
}

function serverSamples(pipeline: Pipeline, supervisor: Supervisor): readonly Sample[] {
  const samples: Sample[] = [];
  for (const service of Object.keys(pipeline.current.services)) {
    if (service.endsWith(`@${INTERNAL_PROVIDER}`)) continue;
    for (const { url, isUp, inFlight, connections, responseMs } of supervisor.healthOf(service) ?? []) {
      const labels = { service, url };
      samples.push(
        single('service_server_up', isUp ? 1 : 0, labels),
        single('service_server_requests_in_flight', inFlight, labels),
        single('service_server_connections', connections.http1, { ...labels, protocol: 'http/1.1' }),
        single('service_server_connections', connections.http2, { ...labels, protocol: 'h2' }),
        single('service_server_response_seconds', responseMs / 1000, labels),
      );
    }
  }
  for (const service of Object.keys(pipeline.current.tcpServices)) {
    for (const { url, isUp, inFlight } of supervisor.healthOf(tcpServiceKey(service)) ?? []) {
      const labels = { service, url };
      samples.push(
        single('service_server_up', isUp ? 1 : 0, labels),
        single('service_server_open_connections', inFlight, labels),
      );
    }
  }
  return samples;
}

function certificateSamples(pipeline: Pipeline, nowMs: number): readonly Sample[] {
  return pipeline.result.keyedCertificates.map((spec) => {
    const { commonName: cn, serial, sans } = shownCertificate(spec, nowMs);
    return single('tls_certs_not_after', spec.notAfter / 1000, { cn, serial, sans: sans.join(',') });
  });
}

function acmeSamples(acme: AcmeManager): readonly Sample[] {
  const states = countBy(acme.status(), ({ resolver, state }) => ({ resolver, state }));
  const orders = acme
    .counts()
    .flatMap(({ resolver, issued, failed }) => [
      single('acme_orders_total', issued, { resolver, outcome: 'issued' }),
      single('acme_orders_total', failed, { resolver, outcome: 'failed' }),
    ]);
  return [...states.map(({ labels, count }) => single('acme_certificates', count, labels)), ...orders];
}

function ocspSamples(ocsp: Stapler): readonly Sample[] {
  const states = countBy(ocsp.status(), ({ state }) => ({ state }));
  return [
    ...states.map(({ labels, count }) => single('tls_ocsp_certificates', count, labels)),
    single('tls_ocsp_requests_total', ocsp.answered, { outcome: 'answered' }),
    single('tls_ocsp_requests_total', ocsp.failed, { outcome: 'failed' }),
  ];
}

function countBy<T>(
  items: Iterable<T>,
  labelsOf: (item: T) => Sample['labels'],
): readonly { readonly labels: Sample['labels']; readonly count: number }[] {
  const counts = new Map<string, { labels: Sample['labels']; count: number }>();
  for (const item of items) {
    const labels = labelsOf(item);
    const key = Object.values(labels).join('\0');
    const before = counts.get(key);
    if (before === undefined) counts.set(key, { labels, count: 1 });
    else before.count++;
  }
  return [...counts.values()];
}
