// What labels cost: 5,000 services of ten containers each. The first time, with everything compiled; a look at all of
// them when nothing has changed, as a resync has it, with the same objects and with ones made anew; one container that
// comes, up to the patch of its set. Times are of the processor, so that other programs do not count.
// Build first: npm run build && node bench/micro/labels.mjs
import { NO_INTERNAL_SERVICES } from '../../dist/controlplane/compile/internal-services.js';
import { compile } from '../../dist/controlplane/compile/compile.js';
import { CompileMemory } from '../../dist/controlplane/compile/compile-memory.js';
import { compileEndpointPatches } from '../../dist/controlplane/compile/service/endpoint-patches.js';
import { decodeInstall } from '../../dist/controlplane/config/install/load-install.js';
import { patchRouting } from '../../dist/controlplane/config/routing/patch-routing.js';
import { decoderOf } from '../../dist/controlplane/providers/define.js';
import { labelSettings } from '../../dist/controlplane/providers/labels/label-options.js';
import { WorkloadRouting } from '../../dist/controlplane/providers/labels/workload-routing.js';

const PER_SERVICE = 10;
const ROUNDS = 20;
const OPTIONS = {
  exposedByDefault: true,
  defaultRule: 'Host(`{{ normalize .Name }}`)',
  constraints: '',
  allowEmptyServices: false,
  allowFiles: false,
  internalServices: [],
};
const install = decodeInstall('bench.yml', 'entryPoints: { web: { address: "127.0.0.1:0" } }').value;
const decode = decoderOf({ kind: 'docker', words: 'tenant' }, { variable: () => '', file: () => '' }, new Map());

function workload(service, index) {
  const name = `shop-${service}`;
  return {
    id: `${service}-${index}`,
    place: `container ${name}-${index}`,
    serviceName: name,
    variables: { Name: name, ContainerName: `${name}-${index}` },
    labels: {
      'com.docker.compose.project': name,
      'com.docker.compose.service': name,
      'com.docker.compose.container-number': String(index),
      'traefik.enable': 'true',
      [`traefik.http.routers.${name}.rule`]: `Host(\`${name}.example.test\`)`,
      [`traefik.http.routers.${name}.entrypoints`]: 'web',
      [`traefik.http.services.${name}.loadbalancer.server.port`]: '8080',
      [`traefik.http.services.${name}.loadbalancer.healthcheck.path`]: '/health',
    },
    createdMs: service * PER_SERVICE + index,
    state: 'ready',
    stateReason: '',
    ports: [{ port: 8080, protocol: 'tcp' }],
    addressOf: ({ port }) => ({ host: `10.${service >> 8}.${service & 255}.${index + 1}`, port }),
    zone: '',
  };
}

/** Milliseconds of the processor. */
function timed(run) {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1000, result };
}

const show = (what, figures) => {
  const sorted = figures.toSorted((a, b) => a - b);
  const worst = figures.length > 1 ? `  worst ${sorted.at(-1).toFixed(2)} ms` : '';
  console.log(`${what.padEnd(52)} ${sorted[figures.length >> 1].toFixed(2).padStart(9)} ms${worst}`);
};

const services = Number(process.argv[2] ?? 5_000);
const all = [];
for (let service = 0; service < services; service++) {
  for (let index = 0; index < PER_SERVICE; index++) all.push(workload(service, index));
}
const routing = new WorkloadRouting(labelSettings('docker', OPTIONS), decode);
const memory = new CompileMemory();
const first = timed(() => routing.update(all));
let config = first.result;
const compiled = timed(() => compile(install, [config], NO_INTERNAL_SERVICES, memory));
if (compiled.result.diagnostics.length > 0) console.error(compiled.result.diagnostics.slice(0, 3));
console.log(`${services} services, ${all.length} endpoints`);
show('labels, the first time', [first.ms]);
show('compiling that', [compiled.ms]);
show(
  'a look, the same objects',
  Array.from({ length: ROUNDS }, () => timed(() => routing.update(all)).ms),
);
const same = Array.from({ length: ROUNDS }, () => {
  const again = all.map((_, at) => workload(Math.floor(at / PER_SERVICE), at % PER_SERVICE));
  return timed(() => routing.update(again)).ms;
});
show('a look, objects made anew', same);
const one = Array.from({ length: ROUNDS }, (_, round) => {
  const list = [...all, workload((round * 7919) % services, PER_SERVICE + round)];
  return timed(() => {
    const patch = routing.update(list);
    if (patch === null || Object.keys(patch).join() !== 'endpoints') throw new Error('more than endpoints has changed');
    config = patchRouting(config, patch);
    const changes = patch.endpoints.map((change) => ({ ...change, provider: 'docker' }));
    if (compileEndpointPatches(compiled.result, changes) === null) throw new Error('everything would be compiled');
  }).ms;
});
show('one that comes (and the one before goes)', one);
console.log(`memory in use ${Math.round(process.memoryUsage().heapUsed / 1024 / 1024)} MiB`);
