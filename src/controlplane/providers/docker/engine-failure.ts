// Why an engine is not heard, for people: what was asked of whom, what came back, and what to do. Texts of the engine
// are clipped; nothing of the user or the password is in any of this.

const MAX_SHOWN = 300;

/** It has answered, and said no. */
export class EngineRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'EngineRefusal';
    this.status = status;
  }
}

/** Switches of the common socket proxies, by the first part of the path. */
const SWITCHES: Readonly<Record<string, string>> = {
  containers: 'CONTAINERS=1',
  events: 'EVENTS=1',
  networks: 'NETWORKS=1',
  services: 'SERVICES=1',
  tasks: 'TASKS=1',
  nodes: 'NODES=1',
  info: 'INFO=1',
  version: 'VERSION=1',
  _ping: 'PING=1',
};

export function refusalOf(place: string, path: string, status: number, text: string): EngineRefusal {
  const call = `GET ${path.replace(/^\/v\d+\.\d+(?=\/)/, '').replace(/\?.*/, '')}`;
  const [, part = ''] = /^GET \/(\w+)/.exec(call) ?? [];
  const said = saidBy(text);
  const what = `${place} refuses ${call} with ${status}${said === '' ? '' : `: ${said}`}`;
  return new EngineRefusal(status, `${what}${wayOut(status, part, said)}`);
}

function wayOut(status: number, part: string, said: string): string {
  if (/HTTP request to an HTTPS server/i.test(said)) return '; write the endpoint with https://, or give it "tls"';
  if (status === 401) return '; give "username" and "password"';
  if (status === 403) {
    const own = SWITCHES[part];
    return own === undefined
      ? '; a proxy in between does not let it through'
      : `; a socket proxy in between lets it through with ${own}`;
  }
  return '';
}

/** What the body says: the engine's own JSON, or the text of something in between. */
function saidBy(text: string): string {
  let said = text;
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') said = message;
  } catch {
    // A page of a proxy is nothing to read in a log.
    if (/<html/i.test(text)) said = '';
  }
  const line = said.replace(/\s+/g, ' ').trim();
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN)}…` : line;
}

/** A sentence for whatever went wrong on the way; refusals, and what is a sentence already, stay as they are. */
export function unreachable(place: string, path: string, error: unknown): Error {
  if (error instanceof EngineRefusal || error instanceof EngineUnreachable) return error;
  return new EngineUnreachable(`${place} cannot be asked: ${reasonOf(error, place, path)}`, { cause: error });
}

class EngineUnreachable extends Error {}

function reasonOf(error: unknown, place: string, path: string): string {
  const { code = '', message = String(error) } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  const isSocket = place.startsWith('unix:');
  switch (code) {
    case 'ENOENT':
      return 'there is no such socket; Docker is not running, or the socket is not mounted into this container';
    case 'EACCES':
      return `this user (${process.getuid?.() ?? 'unknown'}) may not open the socket; give it the group that owns the socket, or use a socket proxy`;
    case 'ENOTSOCK':
      return 'it is no socket; where Docker did not run when a container began, the mount has made a directory of it';
    case 'ECONNREFUSED':
      return isSocket ? 'nobody listens on the socket; Docker is not running' : 'nobody listens there (ECONNREFUSED)';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host has no address (${code})`;
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection was closed before an answer';
    case 'EPROTO':
      return 'it does not speak TLS there; write the endpoint with tcp:// and without "tls"';
    case 'HPE_INVALID_CONSTANT':
      return 'what answers there does not speak HTTP';
    default:
      return isUntrusted(code)
        ? `${message}; give the authority of its certificate as "tls.ca"`
        : clipped(message, path);
  }
}

function isUntrusted(code: string): boolean {
  return /^(?:DEPTH_ZERO_)?SELF_SIGNED|^UNABLE_TO_(?:VERIFY|GET_ISSUER)|^CERT_(?:UNTRUSTED|HAS_EXPIRED)/.test(code);
}

function clipped(message: string, path: string): string {
  const line = message.replace(/\s+/g, ' ').trim();
  const whole = /no answer within/.test(line) ? `${line} to GET ${path.replace(/\?.*/, '')}` : line;
  return whole.length > MAX_SHOWN ? `${whole.slice(0, MAX_SHOWN)}…` : whole;
}
