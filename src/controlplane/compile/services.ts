// Services: server URLs taken apart, transport settings filled in.

import type { ServerSpec, ServiceSpec, UpstreamTransportSpec } from '../../model/service.ts';
import type { ServiceOptions } from '../config/routing-options.ts';
import type { Compiled, Findings } from './compilation.ts';

const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'h2c:': 80 };

export function compileServices(
  services: ReadonlyMap<string, Compiled<ServiceOptions>>,
  transport: UpstreamTransportSpec,
  findings: Findings,
): ReadonlyMap<string, ServiceSpec> {
  const specs = new Map<string, ServiceSpec>();
  for (const service of services.values()) {
    const options = service.object.value?.loadBalancer;
    if (options === undefined) continue;
    if (options.strategy !== 'wrr') {
      findings.report(
        service,
        'warning',
        'not-supported-yet',
        `the strategy "${options.strategy}" is not supported yet; wrr is used`,
        ['loadBalancer', 'strategy'],
      );
    }
    if (options.servers.length === 0) {
      findings.report(service, 'warning', 'no-servers', 'the service has no servers: requests are answered 503', [
        'loadBalancer',
      ]);
    }
    const servers: ServerSpec[] = [];
    for (const [index, given] of options.servers.entries()) {
      const server = parseServer(given, (severity, code, message) =>
        findings.report(service, severity, code, message, ['loadBalancer', 'servers', index, 'url']),
      );
      if (server !== null) servers.push(server);
    }
    if (service.errors.length > 0) continue;
    specs.set(service.name, {
      kind: 'loadBalancer',
      name: service.name,
      strategy: 'wrr',
      servers,
      passHostHeader: options.passHostHeader,
      transport,
    });
  }
  return specs;
}

type Say = (severity: 'error' | 'warning', code: string, message: string) => void;

function parseServer(given: { url: string; weight: number; preservePath: boolean }, say: Say): ServerSpec | null {
  const { url: text, weight, preservePath } = given;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    const hint = /^[^/]+$/.test(text) ? `; write "http://${text}"` : '';
    say('error', 'bad-server-url', `"${text}" is no URL${hint}`);
    return null;
  }
  // `localhost:9001` parses as a URL of the scheme `localhost`.
  if (!(url.protocol in PORTS)) {
    const hint = /^[\w.-]+:[0-9]+/.test(text) ? `; write "http://${text}"` : '; use http';
    say('error', 'bad-server-url', `"${text}" has the scheme "${url.protocol.slice(0, -1)}"${hint}`);
    return null;
  }
  if (url.username !== '' || url.search !== '' || url.hash !== '' || url.hostname === '') {
    say('error', 'bad-server-url', `"${text}" should be scheme, host and port, without user, query or fragment`);
    return null;
  }
  if (url.port === '0') {
    say('error', 'bad-server-url', `"${text}" has the port 0, which nothing can listen on`);
    return null;
  }
  if (url.protocol !== 'http:') {
    say('error', 'not-supported-yet', `servers with the scheme "${url.protocol.slice(0, -1)}" are not supported yet`);
    return null;
  }
  const path = url.pathname === '/' ? '' : url.pathname;
  if (path !== '' && !preservePath) {
    say(
      'warning',
      'path-ignored',
      `the path "${path}" has no effect without preservePath; add it, or use the addPrefix middleware`,
    );
  }
  return {
    url: text,
    scheme: 'http',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? PORTS[url.protocol]! : Number(url.port),
    path,
    preservePath,
    weight,
  };
}
