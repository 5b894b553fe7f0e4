// Server URLs taken apart.

import type { ServerSpec } from '../../model/service.ts';

const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'h2c:': 80 };

type Say = (severity: 'error' | 'warning', code: string, message: string) => void;

/** Null when the URL cannot be used, which `say` has been told. */
export function parseServer(
  given: { url: string; weight: number; preservePath: boolean },
  say: Say,
): ServerSpec | null {
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
    const hint = /^[\w.-]+:[0-9]+/.test(text) ? `; write "http://${text}"` : '; use http or https';
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
  if (url.protocol === 'h2c:') {
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
    scheme: url.protocol === 'https:' ? 'https' : 'http',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? PORTS[url.protocol]! : Number(url.port),
    path,
    preservePath,
    weight,
  };
}
