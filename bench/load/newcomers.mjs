// How long a client that connects waits beside others that stay, while a router has too little CPU: medians of both,
// and what is served. Kept clients and new ones ask in a closed loop. The router has one worker, whose core it shares
// with programs that only compute. Needs nginx, and HAProxy for comparison.
// node bench/load/newcomers.mjs [--seconds 10] [--kept 600] [--new 60] [--busy 2] [--dist ../other/dist]

import net from 'node:net';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { need } from './engines.mjs';
import { cpuMicroseconds, LOAD_CORE, pause, PROXY_CORE, startPinned, stop } from './measure.mjs';

const options = new Map();
for (let index = 2; index < process.argv.length; index += 2) options.set(process.argv[index], process.argv[index + 1]);
const number = (name, fallback) => Number(options.get(name) ?? fallback);
const SECONDS = number('--seconds', 10);
const KEPT = number('--kept', 600);
const NEW = number('--new', 60);
const BUSY = number('--busy', 2);
const ORIGIN = 19_490;
const PORT = 19_491;
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

if (options.has('--load')) {
  await load(Number(options.get('--load')));
  process.exit(0);
}

const directory = new URL('../../.bench/newcomers/', import.meta.url).pathname;
mkdirSync(directory, { recursive: true });

function nginxConfig(name, port, location) {
  const path = join(directory, `${name}.conf`);
  writeFileSync(
    path,
    `user root; worker_processes 1; worker_rlimit_nofile 65536; daemon off; master_process off; pid ${directory}/${name}.pid; error_log ${directory}/${name}.log crit;
events { worker_connections 32768; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
 upstream origin { server 127.0.0.1:${ORIGIN}; keepalive 256; }
 server { listen 127.0.0.1:${port} backlog=4096; location / { ${location} } } }
`,
  );
  return ['nginx', ['-c', path, '-p', directory]];
}

function signalbox(dist) {
  const config = join(directory, 'signalbox.json');
  writeFileSync(
    config,
    JSON.stringify({
      entryPoints: { web: { address: `127.0.0.1:${PORT}` }, traefik: { address: '127.0.0.1:0' } },
      http: {
        routers: { all: { rule: 'PathPrefix(`/`)', service: 'origin' } },
        services: { origin: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${ORIGIN}` }] } } },
      },
    }),
  );
  return [process.execPath, [join(dist, 'main.js'), 'run', '--config', config, '--workers', '1']];
}

function haproxy() {
  const path = join(directory, 'haproxy.cfg');
  writeFileSync(
    path,
    `global
 maxconn 4000
 nbthread 1
defaults
 mode http
 timeout client 60s
 timeout server 60s
 timeout connect 5s
 http-reuse always
frontend web
 bind 127.0.0.1:${PORT} backlog 4096
 default_backend origin
backend origin
 server origin 127.0.0.1:${ORIGIN}
`,
  );
  return ['haproxy', ['-db', '-f', path]];
}

/** Runs in a process of its own, which prints what it has measured. */
async function load(seconds) {
  const until = performance.now() + seconds * 1000;
  const waits = { kept: [], new: [] };
  let lost = 0;
  await Promise.all([
    ...Array.from({ length: KEPT }, () => client('kept')),
    ...Array.from({ length: NEW }, () => client('new')),
  ]);
  const report = (list) => {
    const sorted = list.sort((a, b) => a - b);
    const at = (part) => Math.round(sorted[Math.floor(sorted.length * part)] ?? Number.NaN);
    return { count: sorted.length, median: at(0.5), p99: at(0.99) };
  };
  console.log(JSON.stringify({ kept: report(waits.kept), new: report(waits.new), lost }));

  function client(kind) {
    return new Promise((resolve) => {
      let begin = performance.now();
      let socket = connect();
      function connect() {
        const fresh = net.connect(PORT, '127.0.0.1');
        fresh.setNoDelay(true);
        fresh.on('error', () => lost++);
        fresh.on('connect', () => fresh.write(REQUEST));
        fresh.on('data', () => {
          const now = performance.now();
          // Of a kept client the first answer was a new connection's.
          if (kind === 'new' || fresh.isKnown) waits[kind].push(now - begin);
          fresh.isKnown = true;
          if (now > until) {
            fresh.destroy();
            resolve();
            return;
          }
          begin = now;
          if (kind === 'kept') fresh.write(REQUEST);
          else {
            fresh.destroy();
            socket = connect();
          }
        });
        return fresh;
      }
      // Who is still waiting at the end has waited for so long.
      setTimeout(
        () => {
          if (socket.destroyed) return;
          waits[kind].push(performance.now() - begin);
          socket.destroy();
          resolve();
        },
        seconds * 1000 + 15_000,
      ).unref();
    });
  }
}

/** Programs that only compute, on the router's core: with two of them it has about a third. */
function startBusy(count) {
  return Array.from({ length: count }, () =>
    spawn('taskset', ['-c', PROXY_CORE, process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' }),
  );
}

async function measure(name, command) {
  const proxy = await startPinned(PROXY_CORE, command, PORT);
  try {
    const before = cpuMicroseconds(proxy.pid);
    const args = ['-c', String(LOAD_CORE), process.execPath, process.argv[1], '--load', String(SECONDS)];
    for (const [option, value] of options) args.push(option, value);
    const child = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    await new Promise((resolve) => child.on('close', resolve));
    const result = JSON.parse(said);
    const micros = (cpuMicroseconds(proxy.pid) - before) / (result.kept.count + result.new.count);
    const rate = Math.round((result.kept.count + result.new.count) / SECONDS);
    console.log(
      `| ${name} | ${result.new.median} | ${result.new.p99} | ${result.kept.median} | ${result.kept.p99} | ${result.new.count} | ${rate} | ${micros.toFixed(1)} | ${result.lost} |`,
    );
  } finally {
    await stop(proxy);
    await pause(500);
  }
}

const origin = await startPinned(LOAD_CORE, nginxConfig('origin', ORIGIN, 'return 200 "ok";'), ORIGIN);
const busy = startBusy(BUSY);
try {
  console.log(`${KEPT} kept clients, ${NEW} new ones, ${SECONDS} s, ${BUSY} busy programs on the router’s core.\n`);
  console.log(
    '| | new, median ms | p99 | kept, median ms | p99 | new, served | requests/s | CPU µs a request | lost |\n|---|---|---|---|---|---|---|---|---|',
  );
  const dists = [
    new URL('../../dist', import.meta.url).pathname,
    ...(options.has('--dist') ? [options.get('--dist')] : []),
  ];
  for (const dist of dists) await measure(dist === dists[0] ? 'Signalbox' : 'other build', signalbox(dist));
  if (need('nginx', 'nginx') !== null) {
    const pass = 'proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";';
    await measure('nginx', nginxConfig('proxy', PORT, pass));
  }
  if (need('haproxy', 'haproxy') !== null && spawnSync('which', ['haproxy']).status === 0)
    await measure('HAProxy', haproxy());
} finally {
  await stop(origin);
  for (const child of busy) child.kill();
}
