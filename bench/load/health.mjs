// CPU of the program while it checks the health of 1,000 services with 10 servers each once a second: the main thread,
// which checks, apart from the workers, which serve nothing meanwhile. Needs nginx. node bench/load/health.mjs
// [seconds]

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOAD_CORE, pause, PROXY_CORE, startPinned, stop } from './measure.mjs';

const SERVICES = 1_000;
const SERVERS = 10;
const PORT = 19_480;
const ROUTER_PORT = 19_481;
const SECONDS = Number(process.argv[2] ?? 20);
const TICKS_PER_SECOND = 100;

const directory = new URL('../../.bench/health/', import.meta.url).pathname;
mkdirSync(directory, { recursive: true });
const addresses = Array.from({ length: SERVERS }, (_, index) => `127.0.0.${index + 1}:${PORT}`);
const nginx = join(directory, 'nginx.conf');
writeFileSync(
  nginx,
  `user root; worker_processes 1; worker_rlimit_nofile 65536; daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/error.log crit;
events { worker_connections 32768; }
http { access_log ${directory}/access.log; keepalive_requests 1000000000; keepalive_timeout 300s;
 server { ${addresses.map((address) => `listen ${address} backlog=4096;`).join(' ')} location / { return 200 "ok"; } } }
`,
);
const servers = addresses.map((address) => ({ url: `http://${address}` }));
const healthCheck = { path: '/health', interval: '1s' };
const config = join(directory, 'signalbox.json');
writeFileSync(
  config,
  JSON.stringify({
    entryPoints: { web: { address: `127.0.0.1:${ROUTER_PORT}` } },
    http: {
      services: Object.fromEntries(
        Array.from({ length: SERVICES }, (_, index) => [`s${index}`, { loadBalancer: { servers, healthCheck } }]),
      ),
    },
  }),
);

/** CPU seconds by thread, and the thread's name. */
function threads(pid) {
  return readdirSync(`/proc/${pid}/task`).map((id) => {
    const text = readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { id, isMain: Number(id) === pid, seconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
  });
}

const lines = () => readFileSync(join(directory, 'access.log'), 'latin1').split('\n').length - 1;
writeFileSync(join(directory, 'access.log'), '');
const origin = await startPinned(LOAD_CORE, ['nginx', ['-c', nginx, '-p', directory]], PORT);
const command = [process.execPath, ['dist/main.js', 'run', '--config', config, '--workers', '2']];
const router = await startPinned(PROXY_CORE, command, ROUTER_PORT);
try {
  await pause(15_000);
  const before = threads(router.pid);
  const checksBefore = lines();
  await pause(SECONDS * 1000);
  const checks = lines() - checksBefore;
  const spent = threads(router.pid).map((thread) => ({
    ...thread,
    seconds: thread.seconds - (before.find(({ id }) => id === thread.id)?.seconds ?? 0),
  }));
  const percent = (list) => ((list.reduce((sum, { seconds }) => sum + seconds, 0) / SECONDS) * 100).toFixed(1);
  const main = spent.filter(({ isMain }) => isMain);
  const others = spent.filter(({ isMain }) => !isMain);
  console.log(
    `${SERVICES} services with ${SERVERS} servers each, checked once a second; Node ${process.versions.node}.\n`,
  );
  console.log('| | |\n|---|---|');
  console.log(`| checks a second | ${Math.round(checks / SECONDS)} |`);
  console.log(
    `| main thread | ${percent(main)} % of a core, ${((main[0].seconds / checks) * 1e6).toFixed(1)} µs a check |`,
  );
  console.log(`| two workers and Node’s own threads | ${percent(others)} % of a core |`);
} finally {
  await stop(router);
  await stop(origin);
}
