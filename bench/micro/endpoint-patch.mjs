// Main-thread time of one changed endpoint among many, from the provider's patch to the message to all workers and,
// with what follows once they have it, in all; decoding included. Two workers run. In one service, and over services of
// ten endpoints each. Build first: npm run build && node bench/micro/endpoint-patch.mjs
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { createCells } from '../../dist/model/message/cells.js';
import { firstTicketKeys } from '../../dist/app/ticket-keys.js';
import { SystemClock } from '../../dist/core/clock.js';
import { NO_INTERNAL_SERVICES } from '../../dist/controlplane/compile/internal-services.js';
import { decodeInstall } from '../../dist/controlplane/config/install/load-install.js';
import { ProvidedSet } from '../../dist/controlplane/config/routing/provided-endpoints.js';
import { decodeRouting } from '../../dist/controlplane/config/routing/routing-config.js';
import { Pipeline } from '../../dist/controlplane/pipeline/pipeline.js';
import { SnapshotHistory } from '../../dist/controlplane/pipeline/snapshot-history.js';
import { EventBus } from '../../dist/observe/event-bus.js';
import { MetricsAggregator } from '../../dist/observe/metrics-aggregator.js';
import { Supervisor } from '../../dist/supervisor/supervisor.js';

const ROUNDS = 40;
const PLACE = { source: 'bench', path: '', line: 0, column: 0 };
const problem = (message, fields) => console.error(message, fields);
const log = { debug: () => {}, info: () => {}, warn: problem, error: problem };
const clock = new SystemClock();
const install = decodeInstall(
  'bench.yml',
  'entryPoints: { web: { address: "127.0.0.1:0" } }\nproviders: { providersThrottleDuration: 0s }',
).value;

function endpoint(service, index, weight) {
  const address = `10.${service >> 8}.${service & 255}.${index & 255}:${1024 + (index >> 8)}`;
  return { key: `pod-${index}`, server: { url: `http://${address}`, weight }, zone: 'z', place: PLACE };
}

async function measure(services, perService) {
  const names = Array.from({ length: services }, (_, index) => `s${index}`);
  const value = {
    http: {
      routers: Object.fromEntries(names.map((name) => [name, { rule: `Host(\`${name}.test\`)`, service: name }])),
      services: Object.fromEntries(names.map((name) => [name, { loadBalancer: {} }])),
    },
  };
  const endpoints = new Map(
    names.map((name, service) => [
      `services ${name}`,
      new ProvidedSet(Array.from({ length: perService }, (_, index) => endpoint(service, index, 1))),
    ]),
  );
  const document = { source: 'bench', text: '', value, diagnostics: [], locate: () => null };
  let publish = () => {};
  const provider = {
    name: 'bench',
    run: (send, signal) => {
      publish = send;
      send({ ...decodeRouting('bench', document), endpoints });
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  };
  const pipeline = new Pipeline({
    install,
    log,
    clock,
    events: new EventBus(() => 0),
    history: new SnapshotHistory(20),
    internalServices: NO_INTERNAL_SERVICES,
    providers: [provider],
    onDiagnostics: () => {},
  });
  const supervisor = new Supervisor({
    workers: 2,
    workerUrl: new URL('../../dist/dataplane/engine/worker.js', import.meta.url),
    plugins: [],
    socketDirectory: '',
    observe: { metrics: install.metrics, accessLog: null },
    clock,
    log,
    metrics: new MetricsAggregator([]),
    accessLog: null,
    cells: createCells(firstTicketKeys(null), new Uint8Array(32)),
    healthChanged: () => {},
    replaced: (worker, reason) => problem(`worker ${worker} is replaced`, reason),
  });
  await supervisor.start(await pipeline.start());
  let sentAt = 0;
  let settled = () => {};
  pipeline.attach({
    publishSecrets: async () => null,
    publish: async (snapshot, delta) => {
      const result = supervisor.publish(snapshot, delta);
      sentAt = performance.now();
      const { acked } = await result;
      if (acked !== 2 || Object.keys(delta.changed).length > 0)
        problem('not a patch for two workers', { acked, delta });
      setImmediate(settled);
      return result;
    },
  });
  const toMessage = [];
  const inAll = [];
  for (let round = 0; round < ROUNDS; round++) {
    const service = (round * 7919) % services;
    const changed = [endpoint(service, (round * 104_729) % perService, 2 + round)];
    const done = new Promise((resolve) => (settled = resolve));
    const before = performance.eventLoopUtilization();
    const begin = performance.now();
    publish({ endpoints: [{ section: 'services', service: names[service], changed, removed: [] }] });
    await done;
    toMessage.push(sentAt - begin);
    inAll.push(performance.eventLoopUtilization(before).active);
    await setTimeout(20);
  }
  await pipeline.stop();
  await supervisor.stop(0);
  return { toMessage, inAll };
}

const describe = (figures) => {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(2).padStart(7);
  return `median ${at(0.5)}  worst ${at(1)} ms`;
};
const sizes = process.argv[2] ? [Number(process.argv[2])] : [1_000, 10_000, 50_000];
for (const total of sizes) {
  for (const services of [1, total / 10]) {
    const { toMessage, inAll } = await measure(services, total / services);
    const what = `${total} endpoints in ${services} service${services === 1 ? '' : 's'}`.padEnd(36);
    console.log(`${what} to the message: ${describe(toMessage)}   in all: ${describe(inAll)}`);
  }
}
