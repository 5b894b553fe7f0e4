// What `signalbox proxy` is told: names that browsers ask for, each with the server behind it.

import { domainToASCII } from 'node:url';
import { SignalboxError } from '../../core/errors.ts';
import { parseIp } from '../../core/ip.ts';
import { canonicalDomain } from '../../controlplane/compile/wanted-certificates.ts';
import { isLoopbackName } from '../../controlplane/local-authority/root-certificate.ts';

export interface Pair {
  /** Lower case. */
  readonly name: string;
  readonly url: string;
}

/** As addresses that a browser asks for. */
const LISTENED = ['127.0.0.1', '::1'];
const EXAMPLE = 'signalbox proxy app.localhost 3000';

/** One target alone is served as `localhost`. Throws a SignalboxError that says what to write. */
export function parsePairs(words: readonly string[]): readonly Pair[] {
  if (words.length === 1) {
    if (isTargetLike(words[0]!)) return [{ name: 'localhost', url: parseTarget(words[0]!) }];
    throw usage(`"${words[0]!}" has no target; write where its server listens, as in ${EXAMPLE}`);
  }
  const pairs: Pair[] = [];
  for (let index = 0; index < words.length; index += 2) {
    const name = words[index]!;
    const target = words[index + 1];
    if (target === undefined) {
      throw usage(`"${name}" has no target; names and targets come in pairs, as in ${EXAMPLE} api.localhost 4000`);
    }
    if (/^:?\d+$/.test(name) || name.includes('://')) {
      throw usage(`"${name}" stands where a name is expected; the name comes first, as in ${EXAMPLE}`);
    }
    const parsed = parseName(name);
    if (pairs.some((pair) => pair.name === parsed)) throw usage(`the name "${name}" is given twice; it has one target`);
    pairs.push({ name: parsed, url: parseTarget(target) });
  }
  return pairs;
}

function parseName(text: string): string {
  const port = /^(.+):(\d+)$/.exec(text);
  if (port !== null && !text.includes('::')) {
    throw usage(`"${text}": the port is not part of the name; write "${port[1]!}" and --port ${port[2]!}`);
  }
  // As browsers write names with letters that are not of ASCII.
  const name = canonicalDomain(/^[\p{L}\p{N}.-]+$/u.test(text) ? domainToASCII(text) : text);
  if (name === null || name.startsWith('*.')) {
    throw usage(`"${text}" is no name that a browser can ask for; write one as app.localhost`);
  }
  if (parseIp(name) !== null && !LISTENED.includes(name)) {
    throw usage(`"${text}" is no address that leads here: what listens is on ${LISTENED.join(' and ')} alone`);
  }
  if (!name.includes('.') && !name.includes(':') && !isLoopbackName(name)) {
    throw usage(`"${text}" leads nowhere; write "${name}.localhost", which browsers look for on this machine`);
  }
  return name;
}

function isTargetLike(text: string): boolean {
  return /^:?\d+$/.test(text) || text.includes('://') || /:\d+$/.test(text);
}

/** `3000`, `:3000`, `host:3000`, `http://host:3000`. */
function parseTarget(text: string): string {
  const whole = /^:?\d+$/.test(text) ? `http://localhost:${text.replace(':', '')}` : text;
  const url = whole.includes('://') ? whole : `http://${whole}`;
  const expected = 'write a port (3000), a host with its port (127.0.0.1:3000) or a URL (https://127.0.0.1:3000)';
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || parsed.hostname === '') {
    const number = Number(/:(\d+)\/?$/.exec(url)?.[1] ?? 0);
    const why = number > 65_535 ? `: ports end at 65535` : '';
    throw usage(`the target "${text}" is no address${why}; ${expected}`);
  }
  if (!['http:', 'https:', 'h2c:'].includes(parsed.protocol)) {
    throw usage(
      `the target "${text}" speaks ${parsed.protocol.slice(0, -1)}, and only http, https and h2c can be proxied`,
    );
  }
  if (parsed.port === '0') throw usage(`the target "${text}" has the port 0, on which nobody listens; ${expected}`);
  if (!whole.includes('://') && parsed.port === '' && !whole.endsWith(':80')) {
    throw usage(`the target "${text}" has no port; write "${text}:3000" with the port its server listens on`);
  }
  if (parsed.pathname.replace('/', '') !== '' || parsed.search !== '' || parsed.hash !== '' || parsed.username !== '') {
    throw usage(
      `the target "${text}" has more than an address: requests keep the path they come with; write "${parsed.protocol}//${parsed.host}"`,
    );
  }
  return `${parsed.protocol}//${parsed.host}`;
}

function usage(message: string): SignalboxError {
  return new SignalboxError('ERR_CLI_USAGE', `proxy: ${message}`);
}
