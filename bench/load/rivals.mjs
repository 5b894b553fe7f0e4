// Each proxy with the same duty: N routers of which the last is asked, one response header added, the forwarded fields
// set, limits and metrics as far as it has them. `start` writes the configuration and returns the command to run.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { envoy, need, node24, versionOf, WORK } from './engines.mjs';
import { hasNginxStream, TCP_ARGUMENTS } from './tcp-rivals.mjs';

export const ORIGIN_PORT = 19000;
/** Of the same origin, which speaks HTTP/2 in clear text there. */
const H2C_PORT = 19001;
/** Where WebSocket messages are sent back; see websocket-load.mjs. */
export const ECHO_PORT = 19002;
/** Of zlib, and of Signalbox's compress. */
const GZIP_LEVEL = 6;
const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;

const range = (count, render) => Array.from({ length: count }, (_, index) => render(index)).join('');

/** Self-signed, made once: `ec` for P-256, `rsa` for RSA-2048. */
export function certificate(kind) {
  const paths = { certificate: join(WORK, `${kind}.pem`), key: join(WORK, `${kind}.key`) };
  if (!existsSync(paths.certificate)) {
    const algorithm = kind === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['rsa:2048'];
    const names = ['-subj', '/CN=bench', '-addext', 'subjectAltName=DNS:bench,IP:127.0.0.1'];
    const files = ['-keyout', paths.key, '-out', paths.certificate];
    execFileSync('openssl', ['req', '-x509', '-newkey', ...algorithm, '-nodes', '-days', '30', ...names, ...files], {
      stdio: 'ignore',
    });
  }
  return paths;
}

function tlsSection(kind) {
  if (kind === undefined) return '';
  const { certificate: certFile, key: keyFile } = certificate(kind);
  return `tls: { certificates: [{ certFile: ${certFile}, keyFile: ${keyFile} }] }\n`;
}

export function signalboxConfig({ port, routers, log, directory, provider, compress, tls, grpc, websocket }) {
  const routing = `${tlsSection(tls)}http:
  routers:
${range(routers, (index) => `    r${index}: { rule: "PathPrefix(\`/p${index}/\`)", service: s, middlewares: [h] }\n`)}    last: { rule: "PathPrefix(\`/bench\`)", service: s, middlewares: [${compress ? 'z, ' : ''}h] }
  middlewares:
    z: { compress: { encodings: [gzip] } }
    h: { headers: { customResponseHeaders: { X-Proxy: signalbox } } }
  services:
    s: { loadBalancer: { servers: [{ url: "${grpc ? `h2c://127.0.0.1:${H2C_PORT}` : `http://127.0.0.1:${websocket ? ECHO_PORT : ORIGIN_PORT}`}" }] } }
`;
  const install = `entryPoints:
  web: { address: "127.0.0.1:${port}"${tls === undefined ? '' : ', http: { tls: {} }'} }
  traefik: { address: "127.0.0.1:${port + 500}" }
metrics: { prometheus: {} }
${log ? `accessLog: { format: json, filePath: ${join(directory, 'access.log')} }\n` : ''}${provider ? `providers: { file: { filename: ${join(directory, 'routing.yml')} } }\n` : ''}`;
  return { install, routing };
}

function signalbox(name, node) {
  return {
    name,
    version: versionOf(node, '--version'),
    start(options) {
      if (options.tcp) {
        return [node, [MAIN, ...TCP_ARGUMENTS.signalbox({ ...options, serverPort: ORIGIN_PORT })]];
      }
      const { install, routing } = signalboxConfig(options);
      const file = join(options.directory, 'signalbox.yml');
      if (options.provider) {
        writeFileSync(file, install);
        writeFileSync(join(options.directory, 'routing.yml'), routing);
      } else writeFileSync(file, install + routing);
      return [node, [MAIN, 'run', '--config', file, '--workers', String(options.workers ?? 1)]];
    },
  };
}

function nginx(program) {
  return {
    name: 'nginx',
    version: versionOf(program, '-v'),
    start({ port, routers, log, directory, compress, tls, grpc, websocket }) {
      const secure = tls === undefined ? null : certificate(tls);
      const proxy = grpc
        ? `grpc_pass grpc://o; grpc_set_header X-Forwarded-For $remote_addr; grpc_set_header X-Forwarded-Proto http; grpc_set_header X-Forwarded-Host $http_host;
        grpc_set_header X-Real-Ip $remote_addr; add_header X-Proxy nginx;`
        : `proxy_pass http://o; proxy_http_version 1.1; ${websocket ? 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_read_timeout 60s' : 'proxy_set_header Connection ""'}; proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http; proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Real-Ip $remote_addr; add_header X-Proxy nginx;`;
      const format = `log_format j escape=json '{"ClientHost":"$remote_addr","ClientPort":"$remote_port","DownstreamContentSize":$body_bytes_sent,"DownstreamStatus":$status,"Duration":$request_time,"OriginDuration":"$upstream_response_time","OriginStatus":"$upstream_status","OriginContentSize":"$upstream_response_length","RequestAddr":"$http_host","RequestHost":"$host","RequestMethod":"$request_method","RequestPath":"$request_uri","RequestProtocol":"$server_protocol","RequestScheme":"$scheme","ServiceAddr":"$upstream_addr","ServerName":"$server_name","StartUTC":"$time_iso8601","RequestId":"$request_id","Connection":"$connection","ConnectionRequests":"$connection_requests"}';`;
      const file = join(directory, 'nginx.conf');
      const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((kind) => `${kind}_temp_path ${directory}/${kind};`)
        .join(' ');
      writeFileSync(
        file,
        `worker_processes 1; daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/error.log crit;
events { worker_connections 8192; }
http { ${format} access_log ${log ? `${directory}/access.log j` : 'off'}; keepalive_requests 1000000000; client_max_body_size 0; ${temp}
 ${compress ? `gzip on; gzip_comp_level ${GZIP_LEVEL}; gzip_proxied any; gzip_http_version 1.1; gzip_min_length 1024; gzip_types application/json;` : ''}
 upstream o { server 127.0.0.1:${grpc ? H2C_PORT : websocket ? ECHO_PORT : ORIGIN_PORT}; keepalive 200; keepalive_requests 1000000000; }
 server { listen 127.0.0.1:${port} ${secure === null ? '' : 'ssl '}${secure === null && !grpc ? '' : 'http2 '}backlog=4096;
${secure === null ? '' : `  ssl_certificate ${secure.certificate}; ssl_certificate_key ${secure.key}; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:10m;\n`}${range(routers, (index) => `  location /p${index}/ { ${proxy} }\n`)}  location /bench { ${proxy} } } }
`,
      );
      return [program, ['-c', file, '-p', directory]];
    },
  };
}

function haproxy(program) {
  return {
    name: 'HAProxy',
    version: versionOf(program, '-v'),
    start({ port, routers, directory, tls, websocket }) {
      const secure = tls === undefined ? null : certificate(tls);
      if (secure !== null) {
        writeFileSync(join(directory, 'both.pem'), readFileSync(secure.certificate) + readFileSync(secure.key));
      }
      const file = join(directory, 'haproxy.cfg');
      writeFileSync(join(directory, 'paths.map'), `${range(routers, (index) => `/p${index}/ o\n`)}/bench o\n`);
      writeFileSync(
        file,
        `global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout client 60s
  timeout tunnel 60s
  timeout server 60s
  timeout connect 5s
  timeout http-request 10s
  http-reuse always
  option forwardfor
frontend f
  bind 127.0.0.1:${port} backlog 4096${secure === null ? '' : ` ssl crt ${join(directory, 'both.pem')} alpn h2,http/1.1`}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-response set-header X-Proxy haproxy
  use_backend %[path,map_beg(${join(directory, 'paths.map')})]
backend o
  server s 127.0.0.1:${websocket ? ECHO_PORT : ORIGIN_PORT}
`,
      );
      return [program, ['-f', file, '-db', '-q']];
    },
  };
}

function caddy(program) {
  return {
    name: 'Caddy',
    version: versionOf(program, 'version'),
    start({ port, routers, directory }) {
      const file = join(directory, 'Caddyfile');
      const handle = (path) =>
        `  handle ${path} {\n    header X-Proxy caddy\n    reverse_proxy 127.0.0.1:${ORIGIN_PORT} {\n      transport http {\n        keepalive_idle_conns_per_host 200\n      }\n    }\n  }\n`;
      writeFileSync(
        file,
        `{\n  admin off\n  auto_https off\n}\nhttp://127.0.0.1:${port}, http://localhost:${port} {\n  bind 127.0.0.1\n${range(Math.min(routers, 1000), (index) => handle(`/p${index}/*`))}${handle('/bench*')}}\n`,
      );
      return [
        program,
        ['run', '--config', file, '--adapter', 'caddyfile'],
        { GOMAXPROCS: '1', HOME: directory, XDG_DATA_HOME: directory },
      ];
    },
  };
}

function envoyRival(program) {
  return {
    name: 'Envoy',
    version: versionOf(program, '--version'),
    start({ port, routers, directory }) {
      const route = (prefix) => ({
        match: { prefix },
        route: { cluster: 'o', timeout: '60s' },
        response_headers_to_add: [{ header: { key: 'X-Proxy', value: 'envoy' } }],
      });
      const file = join(directory, 'envoy.json');
      writeFileSync(
        file,
        JSON.stringify({
          static_resources: {
            listeners: [
              {
                name: 'web',
                address: { socket_address: { address: '127.0.0.1', port_value: port } },
                filter_chains: [
                  {
                    filters: [
                      {
                        name: 'http',
                        typed_config: {
                          '@type':
                            'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                          stat_prefix: 'web',
                          use_remote_address: true,
                          route_config: {
                            virtual_hosts: [
                              {
                                name: 'all',
                                domains: ['*'],
                                routes: [
                                  ...Array.from({ length: routers }, (_, index) => route(`/p${index}/`)),
                                  route('/bench'),
                                ],
                              },
                            ],
                          },
                          http_filters: [
                            {
                              name: 'router',
                              typed_config: {
                                '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                              },
                            },
                          ],
                        },
                      },
                    ],
                  },
                ],
              },
            ],
            clusters: [
              {
                name: 'o',
                connect_timeout: '5s',
                type: 'STATIC',
                load_assignment: {
                  cluster_name: 'o',
                  endpoints: [
                    {
                      lb_endpoints: [
                        {
                          endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: ORIGIN_PORT } } },
                        },
                      ],
                    },
                  ],
                },
              },
            ],
          },
        }),
      );
      return [program, ['-c', file, '--concurrency', '1', '--log-level', 'error', '--disable-hot-restart']];
    },
  };
}

/** All proxies that can be had, by key. */
export function rivals() {
  const found = { node20: signalbox('Signalbox, Node 20', process.execPath) };
  const newer = node24();
  if (newer !== null) found.node24 = signalbox('Signalbox, Node 24', newer);
  const programs = [
    ['nginx', need('nginx', 'nginx'), nginx],
    ['haproxy', need('haproxy', 'haproxy'), haproxy],
    ['caddy', need('caddy', 'caddy'), caddy],
    ['envoy', envoy(), envoyRival],
  ];
  for (const [key, program, make] of programs) {
    if (program === null) continue;
    const rival = make(program);
    const tcp = TCP_ARGUMENTS[key];
    found[key] = {
      ...rival,
      carriesTcp: tcp !== undefined && (key !== 'nginx' || hasNginxStream()),
      start: (options) =>
        options.tcp ? [program, tcp({ ...options, serverPort: ORIGIN_PORT })] : rival.start(options),
    };
  }
  return found;
}

/** What an API answers: names that repeat, values that do not. */
function json(bytes) {
  const items = [];
  let length = 0;
  for (let index = 0; length < bytes; index++) {
    const id = (index * 2_654_435_761) % 4_294_967_296;
    const item = {
      id,
      name: `item ${id.toString(36)}`,
      price: (id % 100_000) / 100,
      inStock: id % 3 === 0,
      tags: ['a', 'b', 'c'].slice(id % 3),
    };
    items.push(item);
    length += JSON.stringify(item).length + 1;
  }
  return JSON.stringify(items);
}

/** The server behind all of them: nginx with a small answer, 100 KB and 10 MB. */
export function origin() {
  const directory = join(WORK, 'origin');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, '100k'), Buffer.alloc(100 * 1024, 'x'));
  writeFileSync(join(directory, '1m'), Buffer.alloc(1024 * 1024, 'x'));
  writeFileSync(join(directory, '10m'), Buffer.alloc(10 * 1024 * 1024, 'x'));
  for (const kib of [2, 20, 200]) writeFileSync(join(directory, `json-${kib}k`), json(kib * 1024));
  const file = join(directory, 'nginx.conf');
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${directory}/${kind};`)
    .join(' ');
  writeFileSync(
    file,
    `user root; worker_processes 1; daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/error.log crit;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; client_max_body_size 0; ${temp}
 server { listen 127.0.0.1:${ORIGIN_PORT} backlog=4096;
  location /bench/small { default_type text/plain; return 200 "hello from the origin, a small body\\n"; }
  location /bench/sink { return 200; }
  location ~ ^/bench/json-(.*)$ { default_type application/json; alias ${directory}/json-$1; }
  location /bench/100k { alias ${directory}/100k; } location /bench/1m { alias ${directory}/1m; } location /bench/10m { alias ${directory}/10m; } }
 server { listen 127.0.0.1:${H2C_PORT} http2 backlog=4096; http2_max_concurrent_streams 1000;
  location /bench/grpc { default_type application/grpc; add_trailer grpc-status 0; return 200 "a message of gRPC, from the origin"; } } }
`,
  );
  return ['nginx', ['-c', file, '-p', directory]];
}
