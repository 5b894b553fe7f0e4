// An install file with one router per middleware, so that one process serves all cases of a test file.

import { RawClient, type RawResponse } from './raw-client.ts';

/**
 * A request for `<name>.test` passes the middleware of that name and goes to the server. `chains` adds routers with
 * several. Entry point `web` trusts nobody, `trusted` believes every forwarded header.
 */
export function installWithMiddlewares(
  serverPort: number,
  middlewares: Readonly<Record<string, object>>,
  chains: Readonly<Record<string, readonly string[]>> = {},
): string {
  const all = { ...Object.fromEntries(Object.keys(middlewares).map((name) => [name, [name]])), ...chains };
  const routers = Object.entries(all).map(([name, members]) => [
    name,
    { rule: `Host(\`${name}.test\`)`, service: 'origin', middlewares: members, entryPoints: ['web', 'trusted'] },
  ]);
  // JSON is YAML.
  return JSON.stringify({
    entryPoints: {
      web: { address: '127.0.0.1:0' },
      trusted: { address: '127.0.0.1:0', forwardedHeaders: { insecure: true } },
      traefik: { address: '127.0.0.1:0' },
    },
    http: {
      routers: Object.fromEntries(routers),
      middlewares,
      services: { origin: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${serverPort}` }] } } },
    },
  });
}

export interface Asking {
  readonly method?: string;
  /** Host with port; `<name>.test` when left out. */
  readonly host?: string;
  /** Lines with CRLF. */
  readonly fields?: string;
  readonly body?: string;
}

/** One request to the router of a middleware. */
export function ask(port: number, name: string, path: string, asking: Asking = {}): Promise<RawResponse> {
  const { method = 'GET', host = `${name}.test`, fields = '', body = '' } = asking;
  return RawClient.exchange(port, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n${body}`, method);
}

/** Value of a response field; null when it is not there. */
export function field(response: RawResponse, name: string): string | null {
  return new RegExp(`\r\n${name}: (.*)\r\n`, 'i').exec(response.head)?.[1] ?? null;
}
