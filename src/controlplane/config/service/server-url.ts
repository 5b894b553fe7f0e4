// Server URLs taken apart.

import { hideSecrets, hideUser } from '../../../core/hide-secrets.ts';
import type { ServerSpec } from '../../../model/service.ts';
import type { SayOfServer } from './define.ts';

const SCHEMES: Readonly<Record<string, { readonly scheme: ServerSpec['scheme']; readonly port: number }>> = {
  'http:': { scheme: 'http', port: 80 },
  'https:': { scheme: 'https', port: 443 },
  // HTTP/2 in clear text, with prior knowledge.
  'h2c:': { scheme: 'h2c', port: 80 },
};

/** Null when the URL cannot be used, which `say` has been told. */
export function parseServer(
  given: { url: string; weight: number; preservePath: boolean },
  say: SayOfServer,
): ServerSpec | null {
  const { url: text, weight, preservePath } = given;
  // What stands before an @ may be a password.
  const shown = hideUser(text);
  const hostPart = text.slice(text.lastIndexOf('@') + 1);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    const port = /:([0-9]+)(?:[/?#]|$)/.exec(hostPart)?.[1];
    if (port !== undefined && Number(port) > 65_535) {
      say('error', 'bad-server-url', `"${shown}" is no URL: ports end with 65535`);
      return null;
    }
    const slashes = /^(https?|h2c)(?::\/?|\/\/)([\w.-]+(?::[0-9]+)?)(?:\/|$)/.exec(text);
    let hint = '; a URL of a server looks like "http://127.0.0.1:9000"';
    if (slashes !== null) hint = `; write "${slashes[1]}://${slashes[2]}"`;
    else if (/^[^/\s]+$/.test(hostPart) && !text.includes('://')) hint = `; write "http://${hostPart}"`;
    say('error', 'bad-server-url', `"${shown}" is no URL${hint}`);
    return null;
  }
  // `localhost:9001` parses as a URL of the scheme `localhost`.
  if (!(url.protocol in SCHEMES)) {
    const hint = /^[\w.-]+:[0-9]+/.test(hostPart) ? `; write "http://${hostPart}"` : '; use http, https or h2c';
    // Without slashes, `user:` looks like one.
    const problem =
      shown === text || text.includes('://')
        ? `has the scheme "${url.protocol.slice(0, -1)}"`
        : 'is no URL of a server';
    say('error', 'bad-server-url', `"${shown}" ${problem}${hint}`);
    return null;
  }
  if (url.hostname === '') {
    say('error', 'bad-server-url', `"${shown}" should be scheme, host and port`);
    return null;
  }
  const idle = [
    url.username !== '' || url.password !== '' ? 'user' : '',
    url.search !== '' ? 'query' : '',
    url.hash !== '' ? 'fragment' : '',
  ].filter((part) => part !== '');
  if (idle.length > 0) {
    // Nothing of the URL is shown: it may hold a password.
    say(
      'warning',
      'option-without-effect',
      `a server is scheme, host and port: ${idle.join(' and ')} of the URL have no effect`,
    );
  }
  if (url.port === '0') {
    say('error', 'bad-server-url', `"${shown}" has the port 0, which nothing can listen on`);
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
    // It names the server in logs, metrics and the API.
    url: hideSecrets(shown) === text ? text : `${url.protocol}//${url.host}${path}`,
    scheme: SCHEMES[url.protocol]!.scheme,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? SCHEMES[url.protocol]!.port : Number(url.port),
    path,
    preservePath,
    weight,
  };
}
