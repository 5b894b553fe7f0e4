import { expect, test } from 'vitest';
import type { SeriesAnnouncement } from '../model/message/sync.ts';
import { METRICS_BYTES, WorkerMetrics } from './metrics.ts';
import { MetricsAggregator } from './metrics-aggregator.ts';
import { renderPrometheus } from './prometheus.ts';
import { RequestMetrics } from './request-metrics.ts';

const BUCKETS = [0.1, 1];
const INIT = {
  enabled: true,
  buckets: BUCKETS,
  addEntryPointsLabels: true,
  addRoutersLabels: true,
  addServicesLabels: true,
  headerLabels: {},
};
const NO_HEADERS = { get: (): undefined => undefined, forEach: (): void => {} };

class FakeWorker {
  readonly requests: RequestMetrics;
  constructor(aggregator: MetricsAggregator, id: number, init = INIT, bytes = METRICS_BYTES) {
    const memory = new SharedArrayBuffer(bytes);
    aggregator.add(id, memory);
    const announced: SeriesAnnouncement[][] = [];
    const metrics = new WorkerMetrics(memory, (series) => announced.push([...series]));
    // Announcements are made at the end of the turn; here at once.
    metrics.announce = (offset, metric, labels) => aggregator.announce(id, [{ offset, metric, labels }]);
    this.requests = new RequestMetrics(metrics, init);
  }
}

function text(aggregator: MetricsAggregator): string {
  return renderPrometheus(aggregator.collect(), 'signalbox', BUCKETS);
}

test('sums over workers, and a dead worker’s counts stay', () => {
  const aggregator = new MetricsAggregator(BUCKETS);
  const workers = [1, 2].map((id) => new FakeWorker(aggregator, id));
  for (const [index, worker] of workers.entries()) {
    const series = worker.requests.forEntryPoint('web');
    for (let count = 0; count <= index; count++) series.record(200, 'GET', 'http', 0.05, 10, 20, NO_HEADERS);
  }
  workers[0]!.requests.forEntryPoint('web').record(404, 'PURGE', 'http', 0.5, 0, 5, NO_HEADERS);
  const before = text(aggregator);
  const labels = 'code="200",method="GET",protocol="http",entrypoint="web"';
  expect(before).toContain(`signalbox_entrypoint_requests_total{${labels}} 3\n`);
  expect(before).toContain(`signalbox_entrypoint_requests_bytes_total{${labels}} 30\n`);
  expect(before).toContain(`signalbox_entrypoint_responses_bytes_total{${labels}} 60\n`);
  expect(before).toContain('code="404",method="EXTENSION_METHOD"');
  expect(before).toContain(`signalbox_entrypoint_request_duration_seconds_bucket{${labels},le="0.1"} 3\n`);
  expect(before).toContain('le="0.1"} 0\n');
  expect(before).toContain(`signalbox_entrypoint_request_duration_seconds_count{${labels}} 3\n`);
  aggregator.remove(1);
  expect(text(aggregator)).toBe(before);
});

test('series of removed objects are shown once more and then dropped', () => {
  const aggregator = new MetricsAggregator(BUCKETS);
  const worker = new FakeWorker(aggregator, 1);
  worker.requests.forService('old@file').record(200, 'GET', 'http', 0.01, 0, 0, NO_HEADERS);
  aggregator.setLive({ entryPoints: new Set(), routers: new Set(), services: new Set(['new@file']) });
  expect(text(aggregator)).toContain('old@file');
  expect(text(aggregator)).not.toContain('old@file');
  aggregator.setLive({ entryPoints: new Set(), routers: new Set(), services: new Set(['old@file']) });
  expect(text(aggregator)).toContain('old@file');
});

test('header labels extend the request counter alone, and their number is bounded', () => {
  const aggregator = new MetricsAggregator(BUCKETS);
  const worker = new FakeWorker(aggregator, 1, { ...INIT, headerLabels: { tenant: 'X-Tenant' } });
  const series = worker.requests.forEntryPoint('web');
  for (let index = 0; index < 2000; index++) {
    series.record(200, 'GET', 'http', 0.01, 0, 0, { get: () => `t${index}"\\\n`, forEach: () => {} });
  }
  const shown = text(aggregator);
  expect(shown).toContain('entrypoint="web",tenant="t0\\"\\\\\\n"} 1\n');
  expect(shown.match(/requests_total\{/g)).toHaveLength(1000);
});

test('a full block costs series, never a crash', () => {
  const aggregator = new MetricsAggregator(BUCKETS);
  const worker = new FakeWorker(aggregator, 1, INIT, 8 * 10);
  worker.requests.forEntryPoint('a').record(200, 'GET', 'http', 0.01, 0, 0, NO_HEADERS);
  worker.requests.forEntryPoint('b').record(200, 'GET', 'http', 0.01, 0, 0, NO_HEADERS);
  expect(text(aggregator)).toContain('entrypoint="a"');
  expect(text(aggregator)).not.toContain('entrypoint="b"');
  expect(aggregator.droppedSeries).toBe(1);
});
