// The predicates of the HTTP rule language: what each takes, when its arguments are wrong, and what it asks of a request.

import { parseNetwork, IpSet } from '../../core/ip.ts';
import { compilePattern, patternError } from './pattern.ts';
import { queryOf, type QueryParams } from './query.ts';

/** What rules look at. The data plane's Exchange has this shape. */
export interface MatchRequest {
  /** Canonical: lower case, no port, no trailing dot. */
  readonly host: string;
  /** Routing path; begins with `/`, or is `*`. */
  readonly path: string;
  readonly method: string;
  /** Raw, without `?`. */
  readonly query: string;
  /** Address of the TCP peer. */
  readonly clientIp: string;
  readonly requestHeaders: { valuesOf(lowerName: string): readonly string[] | null };
  /** Filled at the first look at the query. */
  parsedQuery: QueryParams | null;
}

export type Predicate = (request: MatchRequest) => boolean;

export interface MatcherDefinition {
  readonly name: string;
  readonly minArgs: number;
  readonly maxArgs: number;
  /** Example for messages and docs. */
  readonly usage: string;
  readonly summary: string;
  /** What is wrong with the arguments, with what to write instead; null when nothing is. */
  check(args: readonly string[]): string | null;
  compile(args: readonly string[]): Predicate;
}

function checkHost(args: readonly string[]): string | null {
  const host = args[0]!;
  for (let index = 0; index < host.length; index++) {
    if (host.charCodeAt(index) > 127) {
      const ascii = new URL(`http://${host.replace(/^\*\./, '')}/`).hostname;
      return `host names are ASCII here; write the punycode form "${host.startsWith('*.') ? '*.' : ''}${ascii}"`;
    }
  }
  if (host.includes('{')) return 'placeholders are the old v2 syntax; use HostRegexp(`^…$`) instead';
  if (/[/\s@]/.test(host)) return `"${host}" is no host name; leave out scheme, path and spaces`;
  if (/^[^[\]:]+:\d+$/.test(host)) return `rules see the host without its port; write "${host.replace(/:\d+$/, '')}"`;
  if (host !== '*' && host.includes('*') && !/^\*\.[^*]+$/.test(host)) {
    return 'a wildcard stands for exactly the first label, as in *.example.com; use HostRegexp for anything else';
  }
  return null;
}

function checkPath(args: readonly string[]): string | null {
  const path = args[0]!;
  if (path.includes('{')) return 'placeholders are the old v2 syntax; use PathRegexp(`^…`) instead';
  return path.startsWith('/') ? null : `paths begin with a slash; write "/${path}"`;
}

/** Host of a rule in the form requests have it. */
export function canonicalRuleHost(host: string): string {
  const lower = host.toLowerCase();
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function compileHost(args: readonly string[]): Predicate {
  const host = canonicalRuleHost(args[0]!);
  if (host === '*') return () => true;
  if (!host.startsWith('*.')) return (request) => request.host === host;
  const suffix = host.slice(1);
  return (request) => {
    const dot = request.host.indexOf('.');
    return dot > 0 && request.host.length - dot === suffix.length && request.host.endsWith(suffix);
  };
}

export const MATCHERS: readonly MatcherDefinition[] = [
  {
    name: 'Host',
    minArgs: 1,
    maxArgs: 1,
    usage: 'Host(`example.com`)',
    summary: 'The host of the request, without port; `*.example.com` stands for exactly one label, `*` for any host.',
    check: checkHost,
    compile: compileHost,
  },
  {
    name: 'HostRegexp',
    minArgs: 1,
    maxArgs: 1,
    usage: 'HostRegexp(`^[a-z]+\\.example\\.com$`)',
    summary: 'RE2 pattern found anywhere in the lower-case host.',
    check: (args) => patternError(args[0]!),
    compile: (args) => {
      const test = compilePattern(args[0]!);
      return (request) => test(request.host);
    },
  },
  {
    name: 'Path',
    minArgs: 1,
    maxArgs: 1,
    usage: 'Path(`/login`)',
    summary: 'The whole path, exactly.',
    check: checkPath,
    compile:
      ([path]) =>
      (request) =>
        request.path === path,
  },
  {
    name: 'PathPrefix',
    minArgs: 1,
    maxArgs: 1,
    usage: 'PathPrefix(`/api`)',
    summary: 'The path begins with this text, whether or not a segment ends there.',
    check: checkPath,
    compile:
      ([prefix]) =>
      (request) =>
        request.path.startsWith(prefix!),
  },
  {
    name: 'PathRegexp',
    minArgs: 1,
    maxArgs: 1,
    usage: 'PathRegexp(`^/v[0-9]+/`)',
    summary: 'RE2 pattern found anywhere in the path.',
    check: (args) => patternError(args[0]!),
    compile: (args) => {
      const test = compilePattern(args[0]!);
      return (request) => test(request.path);
    },
  },
  {
    name: 'Method',
    minArgs: 1,
    maxArgs: 1,
    usage: 'Method(`GET`)',
    summary: 'The method; `GET` does not stand for `HEAD`.',
    check: () => null,
    compile: (args) => {
      const method = args[0]!.toUpperCase();
      return (request) => request.method === method;
    },
  },
  {
    name: 'Header',
    minArgs: 2,
    maxArgs: 2,
    usage: 'Header(`X-Tenant`, `blue`)',
    summary: 'Any value of the header equals the text.',
    check: () => null,
    compile: (args) => {
      const name = args[0]!.toLowerCase();
      return (request) => request.requestHeaders.valuesOf(name)?.includes(args[1]!) === true;
    },
  },
  {
    name: 'HeaderRegexp',
    minArgs: 2,
    maxArgs: 2,
    usage: 'HeaderRegexp(`User-Agent`, `(?i)mobile`)',
    summary: 'RE2 pattern found in any value of the header.',
    check: (args) => patternError(args[1]!),
    compile: (args) => {
      const name = args[0]!.toLowerCase();
      const test = compilePattern(args[1]!);
      return (request) => request.requestHeaders.valuesOf(name)?.some(test) === true;
    },
  },
  {
    name: 'Query',
    minArgs: 1,
    maxArgs: 2,
    usage: 'Query(`debug`, `1`)',
    summary: 'Any value of the query parameter equals the text; with one argument, the parameter has an empty value.',
    check: () => null,
    compile:
      ([name, value = '']) =>
      (request) =>
        queryOf(request).get(name!)?.includes(value) === true,
  },
  {
    name: 'QueryRegexp',
    minArgs: 1,
    maxArgs: 2,
    usage: 'QueryRegexp(`page`, `^[0-9]+$`)',
    summary: 'RE2 pattern found in any value of the query parameter; with one argument, it has an empty value.',
    check: (args) => (args.length < 2 ? null : patternError(args[1]!)),
    compile: (args) => {
      const name = args[0]!;
      if (args.length < 2) return (request) => queryOf(request).get(name)?.includes('') === true;
      const test = compilePattern(args[1]!);
      return (request) => queryOf(request).get(name)?.some(test) === true;
    },
  },
  {
    name: 'ClientIP',
    minArgs: 1,
    maxArgs: 1,
    usage: 'ClientIP(`10.0.0.0/8`)',
    summary: 'Address or range of the TCP peer; X-Forwarded-For is never asked.',
    check: (args) =>
      parseNetwork(args[0]!) === null ? `"${args[0]!}" is neither an IP address nor a CIDR range` : null,
    compile: (args) => {
      const set = new IpSet(args);
      return (request) => set.has(request.clientIp);
    },
  },
];

const BY_SPELLING = new Map<string, MatcherDefinition>();
for (const matcher of MATCHERS) {
  const { name } = matcher;
  for (const spelling of [name, name.toLowerCase(), name.toUpperCase(), name[0]! + name.slice(1).toLowerCase()]) {
    BY_SPELLING.set(spelling, matcher);
  }
}

/** Names are accepted as written, all lower, all upper and with one capital. */
export function findMatcher(spelling: string): MatcherDefinition | null {
  return BY_SPELLING.get(spelling) ?? null;
}
