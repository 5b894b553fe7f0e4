// Each proxy as a carrier of TCP connections: one entry point, one server, nothing looked into.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** Debian's nginx has it in a package of its own. */
export function hasNginxStream() {
  return existsSync(NGINX_STREAM);
}

/** By key of the rival: writes the configuration and returns the arguments of the command. */
export const TCP_ARGUMENTS = {
  signalbox({ port, directory, serverPort }) {
    const file = join(directory, 'signalbox.yml');
    writeFileSync(
      file,
      `entryPoints:
  db: { address: "127.0.0.1:${port}" }
  traefik: { address: "127.0.0.1:${port + 500}" }
metrics: { prometheus: {} }
tcp:
  routers: { all: { rule: "HostSNI(\`*\`)", service: s, entryPoints: [db] } }
  services: { s: { loadBalancer: { servers: [{ address: "127.0.0.1:${serverPort}" }] } } }
`,
    );
    return ['run', '--config', file, '--workers', '1'];
  },
  nginx({ port, directory, serverPort }) {
    const file = join(directory, 'nginx.conf');
    writeFileSync(
      file,
      `load_module ${NGINX_STREAM};
worker_processes 1; daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/error.log crit;
events { worker_connections 8192; }
stream { server { listen 127.0.0.1:${port} backlog=4096; proxy_pass 127.0.0.1:${serverPort}; tcp_nodelay on; } }
`,
    );
    return ['-c', file, '-p', directory];
  },
  haproxy({ port, directory, serverPort }) {
    const file = join(directory, 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 8000
defaults
  mode tcp
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend f
  bind 127.0.0.1:${port} backlog 4096
  default_backend o
backend o
  server s 127.0.0.1:${serverPort}
`,
    );
    return ['-f', file, '-db', '-q'];
  },
  envoy({ port, directory, serverPort }) {
    const address = (value) => ({ socket_address: { address: '127.0.0.1', port_value: value } });
    const file = join(directory, 'envoy.json');
    writeFileSync(
      file,
      JSON.stringify({
        static_resources: {
          listeners: [
            {
              name: 'db',
              address: address(port),
              filter_chains: [
                {
                  filters: [
                    {
                      name: 'tcp',
                      typed_config: {
                        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                        stat_prefix: 'db',
                        cluster: 'o',
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
                endpoints: [{ lb_endpoints: [{ endpoint: { address: address(serverPort) } }] }],
              },
            },
          ],
        },
      }),
    );
    return ['-c', file, '--concurrency', '1', '--log-level', 'error', '--disable-hot-restart'];
  },
};
