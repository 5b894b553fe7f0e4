// Where an engine is asked, as `endpoint` says it: a socket of this machine, an address, or another machine by ssh.

export type EngineEndpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly isTls: boolean;
      /** In front of every path, without an ending slash. */
      readonly base: string;
    }
  | {
      readonly kind: 'ssh';
      /** '' for ssh's own choice, as its configuration has it. */
      readonly user: string;
      readonly host: string;
      readonly port: string;
      /** Of the socket over there; '' for the docker command's own choice. */
      readonly path: string;
    };

export interface GivenEndpoint {
  readonly endpoint: EngineEndpoint;
  /** Of the URL; '' where it has none. */
  readonly username: string;
  readonly password: string;
}

const PLAIN_PORT = 2375;
const TLS_PORT = 2376;
const EXPECTED =
  'expected unix:///var/run/docker.sock, tcp://host:2375, http://host:2375, https://host:2376 or ssh://user@host';

/** What is wrong with it is a sentence that repeats none of it. */
export function parseEndpoint(text: string, hasTls: boolean): GivenEndpoint | { readonly problem: string } {
  const unix = /^unix:\/\/(.*)$/is.exec(text);
  if (unix !== null) {
    const path = unix[1]!;
    if (!path.startsWith('/')) return { problem: `the path of a socket begins with "/"; ${EXPECTED}` };
    return { endpoint: { kind: 'unix', path }, username: '', password: '' };
  }
  if (/^(?:npipe|fd):/i.test(text)) return { problem: `pipes of Windows and descriptors are not read; ${EXPECTED}` };
  if (text.startsWith('/')) return { problem: `write unix:// in front of the path of a socket` };
  // Of other schemes than the web's, URL checks less.
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1]?.toLowerCase() ?? '';
  const standIn = scheme === 'ssh' ? text : text.replace(/^[a-z]+:/i, 'http:');
  if (!['tcp', 'http', 'https', 'ssh'].includes(scheme) || !URL.canParse(standIn)) return { problem: EXPECTED };
  const url = new URL(standIn);
  if (url.search !== '' || url.hash !== '') return { problem: `a query has no meaning here; ${EXPECTED}` };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const [username, password] = [decoded(url.username), decoded(url.password)];
  if (scheme === 'ssh') return sshEndpoint(host, url, username, password);
  if (scheme === 'http' && hasTls) return { problem: 'with "tls" the endpoint begins with https:// or tcp://' };
  const isTls = scheme === 'https' || hasTls;
  // The port of the web is left out of a URL though it was written.
  const isWebPort = /^[a-z]+:\/\/[^/]*:80(?:\/|$)/i.test(text);
  const port = url.port === '' ? (isWebPort ? 80 : isTls ? TLS_PORT : PLAIN_PORT) : Number(url.port);
  const base = url.pathname.replace(/\/+$/, '');
  return { endpoint: { kind: 'tcp', host, port, isTls, base }, username, password };
}

function sshEndpoint(
  host: string,
  url: URL,
  user: string,
  password: string,
): GivenEndpoint | { readonly problem: string } {
  if (password !== '')
    return { problem: 'ssh takes no password here; give it a key, as in ssh-agent or ~/.ssh/config' };
  // An option where a host or a user should stand would be ssh's to read.
  if (host === '' || host.startsWith('-') || user.startsWith('-')) return { problem: EXPECTED };
  const path = url.pathname === '/' ? '' : decoded(url.pathname);
  if (/[^\w./@+-]/.test(path)) return { problem: 'the path of the socket has characters that a shell would read' };
  return { endpoint: { kind: 'ssh', user, host, port: url.port, path }, username: '', password: '' };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** For people. */
export function endpointText(endpoint: EngineEndpoint): string {
  switch (endpoint.kind) {
    case 'unix':
      return `unix://${endpoint.path}`;
    case 'tcp': {
      const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
      return `${endpoint.isTls ? 'https' : 'tcp'}://${host}:${endpoint.port}${endpoint.base}`;
    }
    case 'ssh':
      return `ssh://${endpoint.host}${endpoint.port === '' ? '' : `:${endpoint.port}`}${endpoint.path}`;
  }
}
