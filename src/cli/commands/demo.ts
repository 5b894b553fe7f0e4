// `signalbox demo`: three small origins behind a router on loopback, with a configuration file to edit while it runs.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignalboxError } from '../../core/errors.ts';
import type { Io } from '../io.ts';
import type { Arguments } from '../arguments.ts';
import { startEchoOrigin } from '../demo/echo-origin.ts';
import { demoOrigins } from '../demo/origins.ts';
import { runRouter, workersOf } from './run.ts';

const FIRST_PORT = 8000;

/** The first free port from `first` on. */
async function freePort(first: number): Promise<number> {
  for (let port = first; port < first + 100; port++) {
    const isFree = await new Promise<boolean>((resolve) => {
      const probe = net.createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  return 0;
}

function routingFile(ports: { shop: number; blog: number; api: number }): string {
  return `# Edit this file while the demo runs: changes take effect at once.
http:
  routers:
    shop:
      rule: PathPrefix(\`/\`)
      service: shop
    blog:
      rule: Host(\`blog.localhost\`)
      service: blog
    api:
      rule: PathPrefix(\`/api\`)
      service: api
      middlewares: [strip-api, tag]
  middlewares:
    strip-api:
      stripPrefix:
        prefixes: [/api]
    tag:
      headers:
        customResponseHeaders:
          X-Served-By: signalbox
  services:
    shop:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:${ports.shop}
    blog:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:${ports.blog}
    api:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:${ports.api}
`;
}

function usage(problem: string): SignalboxError {
  return new SignalboxError('ERR_CLI_USAGE', `demo: ${problem}`);
}

export async function demo(args: Arguments, io: Io): Promise<number> {
  if (args.flags.has('origins')) {
    if (args.flags.has('workers')) throw usage('--workers is of the router, which --origins leaves to you');
    return demoOrigins(args, io);
  }
  if (args.flags.has('ports'))
    throw usage('--ports goes with --origins; the ports of the whole demo are found by themselves');
  const workers = workersOf(args);
  const origins = {
    shop: await startEchoOrigin(0, 'shop'),
    blog: await startEchoOrigin(0, 'blog'),
    api: await startEchoOrigin(0, 'api'),
  };
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-demo-'));
  const port = await freePort(FIRST_PORT);
  const adminPort = await freePort(port + 80);
  const routing = join(directory, 'routing.yml');
  const install = join(directory, 'signalbox.yml');
  await writeFile(routing, routingFile({ shop: origins.shop.port, blog: origins.blog.port, api: origins.api.port }));
  await writeFile(
    install,
    `entryPoints:
  web:
    address: "127.0.0.1:${port}"
  traefik:
    address: "127.0.0.1:${adminPort}"
providers:
  file:
    filename: ${JSON.stringify(routing)}
log:
  level: INFO
metrics:
  prometheus: {}
api: {}
ping: {}
`,
  );
  const url = `http://127.0.0.1:${port}`;
  try {
    return await runRouter(
      {
        request: { path: install, environment: {}, flags: [] },
        workers,
        onReady: () =>
          io.err(`
Try:
  curl ${url}/                                  the shop
  curl ${url}/api/users                         the API, with its prefix stripped
  curl -H 'Host: blog.localhost' ${url}/        another host
  curl http://127.0.0.1:${adminPort}/metrics               what has been counted
  curl http://127.0.0.1:${adminPort}/api/rawdata           what is configured
  http://127.0.0.1:${adminPort}/dashboard/                    the same, in a browser

Edit ${routing} and ask again. Ctrl-C ends the demo.
`),
      },
      io,
    );
  } finally {
    for (const origin of Object.values(origins)) origin.close();
    await rm(directory, { recursive: true, force: true });
  }
}
