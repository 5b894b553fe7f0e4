// The one normalisation of paths, done before anything looks at a path and forwarded as matched: what a rule saw is
// what the origin gets. Percent-escapes of unreserved characters are decoded, others get upper-case digits, dot
// segments and double slashes are resolved (RFC 3986 §6.2.2), characters no URI may hold are encoded. What an origin
// could read as another path - a backslash, an encoded dot segment behind an encoded slash, `..;` - is refused. A query
// goes on as it came (RFC 9110 §7.7): what signs or compares it sees bytes.

import type { PathPolicy } from '../../model/entry-point.ts';
import type { Exchange } from './exchange.ts';
import { FAILURES, type Failure } from './failure.ts';

/** Result of `normalisePath`, reused by the caller: read it before the next call. */
export interface NormalPath {
  /** Percent-decoded except reserved characters: what rules match. */
  routing: string;
  /** Percent-encoded: what is sent upstream. */
  forward: string;
}

/** Paths without any of these are their own normal form. */
const PATH_NEEDS_WORK = /[^\w\-.~!$&'()*+,;=:@/]|\/\.|\/\/|;/;

/** Octets that no request target may hold: white space, control characters, the fragment mark. */
const BAD_OCTET = /[^\x21-\x7e\x80-\xff]|#/;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
/** Octets that no part of a URI may hold raw (RFC 3986 §2) and that the proxy encodes rather than refuses. */
const ENCODE_IN_PATH = /["<>^`{|}[\]\x80-\xff]/g;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** Reserved characters and `%`: these stay encoded in the routing path, as their decoded form means something else. */
const STAYS_ENCODED = new Set(Buffer.from("/?#[]@!$&'()*+,;=%:", 'latin1'));
/** A segment that is or begins like a dot segment for an origin that decodes slashes or strips parameters. */
const HIDDEN_DOT_SEGMENT = /(?:^|\/|%2F|%5C)\.\.?(?:$|\/|%2F|%5C|;|%3B)/;

function encodeChar(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** Sets `out` to the normal form of a path that begins with `/`; a failure when the path is refused. */
export function normalisePath(raw: string, policy: PathPolicy, out: NormalPath): Failure | null {
  if (!PATH_NEEDS_WORK.test(raw)) {
    out.routing = raw;
    out.forward = raw;
    return null;
  }
  if (BAD_OCTET.test(raw)) return FAILURES.badTarget;
  if (raw.includes('\\')) return FAILURES.badPath;
  if (BAD_ESCAPE.test(raw)) return FAILURES.badTarget;
  let path = raw.includes('%') ? normaliseEscapes(raw) : raw;
  if (path.includes('%')) {
    const refused = refuseEncoded(path, policy);
    if (refused !== null) return refused;
  }
  path = path.replace(ENCODE_IN_PATH, encodeChar);
  if (policy.sanitize) {
    path = removeDotSegments(path);
    if (HIDDEN_DOT_SEGMENT.test(path)) return FAILURES.badPath;
  }
  out.forward = path;
  out.routing = path.includes('%') ? decodeForRouting(path) : path;
  return null;
}

/** The query without `?` as it is forwarded; null when it holds an octet that no target may hold. */
export function normaliseQuery(raw: string, policy: PathPolicy): string | null {
  if (BAD_OCTET.test(raw)) return null;
  return policy.encodeQuerySemicolons && raw.includes(';') ? raw.replaceAll(';', '%3B') : raw;
}

/**
 * Sets the exchange's paths and query from a target that begins with `/`; a failure when it is refused. `normal` is the
 * caller's to reuse.
 */
export function setOriginForm(
  target: string,
  policy: PathPolicy,
  normal: NormalPath,
  exchange: Exchange,
): Failure | null {
  const mark = target.indexOf('?');
  const failure = normalisePath(mark < 0 ? target : target.slice(0, mark), policy, normal);
  if (failure !== null) return failure;
  exchange.path = normal.routing;
  exchange.forwardPath = normal.forward;
  if (mark >= 0) {
    const query = normaliseQuery(target.slice(mark + 1), policy);
    if (query === null) return FAILURES.badTarget;
    exchange.query = query;
    exchange.hasQuery = true;
  }
  return null;
}

/** The path with the exchange's query, an empty one, too, behind it. */
export function withQuery(path: string, exchange: Exchange): string {
  return exchange.hasQuery ? `${path}?${exchange.query}` : path;
}

function normaliseEscapes(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => {
    const char = String.fromCharCode(Number.parseInt(digits, 16));
    return UNRESERVED.test(char) ? char : `%${digits.toUpperCase()}`;
  });
}

function refuseEncoded(path: string, policy: PathPolicy): Failure | null {
  const allow = policy.allowEncoded;
  // No origin has a use for NUL in a path; C-based ones end the path there.
  if (path.includes('%00')) return FAILURES.badPath;
  if (
    (!allow.slash && path.includes('%2F')) ||
    (!allow.backSlash && path.includes('%5C')) ||
    (!allow.semicolon && path.includes('%3B')) ||
    (!allow.percent && path.includes('%25')) ||
    (!allow.questionMark && path.includes('%3F')) ||
    (!allow.hash && path.includes('%23'))
  ) {
    return FAILURES.badPath;
  }
  return null;
}

/** RFC 3986 §5.2.4, with empty segments removed as well; a trailing slash stays. */
function removeDotSegments(path: string): string {
  if (!path.includes('/.') && !path.includes('//')) return path;
  const kept: string[] = [];
  const segments = path.split('/');
  for (let index = 1; index < segments.length; index++) {
    const segment = segments[index]!;
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  const last = segments[segments.length - 1]!;
  const isDirectory = last === '' || last === '.' || last === '..';
  return `/${kept.join('/')}${isDirectory && kept.length > 0 ? '/' : ''}`;
}

/** Invalid UTF-8 becomes U+FFFD, which no sensible rule holds. */
function decodeForRouting(path: string): string {
  if (!/%(?!2[1346789ABCF]|3[ABDF]|40|5[BD]|25|28|29)/.test(path)) return path;
  const bytes: number[] = [];
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code !== 37) {
      bytes.push(code);
      continue;
    }
    const value = Number.parseInt(path.slice(at + 1, at + 3), 16);
    if (STAYS_ENCODED.has(value)) bytes.push(37);
    else {
      bytes.push(value);
      at += 2;
    }
  }
  return Buffer.from(bytes).toString('utf8');
}
