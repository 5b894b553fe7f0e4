// The predicates of the HTTP rule language: what each takes, when its arguments are wrong, and what it asks of a
// request.

import { domainToASCII } from 'node:url';
import { formatIp, IpSet, parseIp, parseNetwork } from '../../core/ip.ts';
import { compilePattern, patternError } from './pattern.ts';
import { queryOf, type QueryParams } from './query.ts';
import { TOKEN } from '../http/message/grammar.ts';

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

/** What the parser of rules knows of a matcher. */
export interface MatcherSyntax {
  readonly name: string;
  readonly minArgs: number;
  readonly maxArgs: number;
  /** Example for messages and docs. */
  readonly usage: string;
  readonly summary: string;
  /** What is wrong with the arguments, with what to write instead; null when nothing is. */
  check(args: readonly string[]): string | null;
  /**
   * What `check` finds wrong only means that the matcher is never true: beside another alternative that is a warning.
   */
  neverTrue?(args: readonly string[]): boolean;
  /** Index of the argument that `check` speaks about. */
  readonly checked: number;
  /** The arguments in the one form that a rule tree holds; also called with arguments that did not pass. */
  canonical(args: readonly string[]): readonly string[];
}

export interface MatcherDefinition extends MatcherSyntax {
  compile(args: readonly string[]): Predicate;
}

/** Old placeholders: `{name:pattern}`. Braces alone are plain text. */
const PLACEHOLDER = /\{[A-Za-z0-9_-]*:[^/]*\}/;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;

/** Traefik runs templates before it reads a rule. */
const TEMPLATE = /\{\{-?\s*(?:env\s+"([A-Za-z_][A-Za-z0-9_]*)"\s*)?/;

function templateProblem(text: string): string | null {
  const match = TEMPLATE.exec(text);
  if (match === null) return null;
  const instead = match[1] === undefined ? 'write the value out' : `write "\${${match[1]}}"`;
  return `Go templates are not run; ${instead}`;
}

export function checkHost([host = '']: readonly string[]): string | null {
  const template = templateProblem(host);
  if (template !== null) return template;
  if (PLACEHOLDER.test(host) || /[{}]/.test(host)) {
    return 'placeholders are the old v2 syntax; use HostRegexp(`^…$`) instead';
  }
  if (/[^\x21-\x7e]|[/@]/.test(host)) {
    const parts = /^(\*\.)?([^/@\s]+)$/.exec(host);
    const ascii = parts === null ? '' : domainToASCII(parts[2] ?? '');
    if (ascii === '') return `"${host}" is no host name; leave out scheme, path and spaces`;
    return `host names are ASCII here; write the punycode form "${parts?.[1] ?? ''}${ascii}"`;
  }
  if (/^[^[\]:]+:\d+$/.test(host)) return `rules see the host without its port; write "${host.replace(/:\d+$/, '')}"`;
  if (host.includes(':') || host.includes('[')) {
    const address = parseIp(/^\[(.*)\]$/.exec(host)?.[1] ?? host);
    return address === null ? `"${host}" is neither a host name nor an IPv6 address` : null;
  }
  if (host.includes('*') && !/^\*(?:\.[^*]+)?$/.test(host)) {
    return 'a wildcard stands for exactly the first label, as in *.example.com; use HostRegexp for anything else';
  }
  const name = canonicalRuleHost(host).replace(/^\*(?:\.|$)/, '');
  const isName = name === '' ? host === '*' : name.length <= 253 && name.split('.').every((label) => LABEL.test(label));
  return isName ? null : `"${host}" is no host name; use HostRegexp for patterns`;
}

function checkPath(matcher: string): (args: readonly string[]) => string | null {
  return ([path = '']) => {
    const template = templateProblem(path);
    if (template !== null) return template;
    if (PLACEHOLDER.test(path)) {
      const pattern = path.replace(/\{[A-Za-z0-9_-]*:([^/]*?)\}/g, '$1');
      const end = matcher === 'Path' ? '$' : '';
      return `placeholders are the old v2 syntax; write PathRegexp(\`^${pattern}${end}\`)`;
    }
    return path.startsWith('/') ? null : `paths begin with a slash; write "/${path}"`;
  };
}

export function checkPattern(index: number): (args: readonly string[]) => string | null {
  return (args) => {
    const pattern = args[index];
    if (pattern === undefined) return null;
    // `a{{2}}` is no pattern that anybody means.
    const template = templateProblem(pattern);
    if (template !== null) return template;
    const placeholder = /\{([A-Za-z_][A-Za-z0-9_-]*):([^{}]*)\}/.exec(pattern);
    if (placeholder !== null) {
      return `placeholders are the old v2 syntax; write the pattern alone, "${placeholder[2]}" for "${placeholder[0]}"`;
    }
    return patternError(pattern);
  };
}

function checkHeaderName([name = '']: readonly string[]): string | null {
  return TOKEN.test(name) ? null : `"${name}" cannot be the name of a header`;
}

/** `Query("a=b")` of the old syntax would wait for a parameter of that whole name. */
function checkQuery(matcher: string, index: number): (args: readonly string[]) => string | null {
  const check = checkPattern(index);
  return (args) => {
    const equals = args[0]?.indexOf('=') ?? -1;
    if (args.length === 1 && equals > 0) {
      return `name and value are two arguments; write ${matcher}(\`${args[0]?.slice(0, equals)}\`, \`${args[0]?.slice(equals + 1)}\`)`;
    }
    return matcher === 'Query' ? null : check(args);
  };
}

/** Host of a rule in the form requests have it: lower case, no trailing dot, IPv6 in brackets and its shortest form. */
function canonicalRuleHost(host: string): string {
  const lower = host.toLowerCase();
  // With a port, or with a scheme, it is the host of no request.
  if (/^[^[\]:]*:[^:]*$/.test(lower)) return lower;
  if (lower.includes(':')) return canonicalHost(lower.startsWith('[') ? lower : `[${lower}]`);
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** A request's host; IPv6 literals have many spellings, which compare equal in the shortest. */
export function canonicalHost(host: string): string {
  if (host.charCodeAt(0) !== BRACKET) return host;
  const address = parseIp(host.slice(1, -1));
  return address === null ? host : `[${formatIp(address)}]`;
}

const BRACKET = 0x5b;

function compileHost(args: readonly string[]): Predicate {
  const host = args[0]!;
  if (host === '*') return () => true;
  if (host.charCodeAt(0) === BRACKET) return (request) => canonicalHost(request.host) === host;
  if (!host.startsWith('*.')) return (request) => request.host === host;
  const suffix = host.slice(1);
  return (request) => {
    const dot = request.host.indexOf('.');
    return (
      dot > 0 &&
      request.host.charCodeAt(0) !== BRACKET &&
      request.host.length - dot === suffix.length &&
      request.host.endsWith(suffix)
    );
  };
}

function asGiven(args: readonly string[]): readonly string[] {
  return args;
}

function lowerFirst([name = '', ...rest]: readonly string[]): readonly string[] {
  return [name.toLowerCase(), ...rest];
}

export const MATCHERS: readonly MatcherDefinition[] = [
  {
    name: 'Host',
    minArgs: 1,
    maxArgs: 1,
    usage: 'Host(`example.com`)',
    summary: 'The host of the request, without port; `*.example.com` stands for exactly one label, `*` for any host.',
    check: checkHost,
    neverTrue: ([host = '']) => !host.includes('{{') && !/[^\x21-\x7e]/.test(host),
    checked: 0,
    canonical: ([host = '', ...rest]) => [canonicalRuleHost(host), ...rest],
    compile: compileHost,
  },
  {
    name: 'HostRegexp',
    minArgs: 1,
    maxArgs: 1,
    usage: 'HostRegexp(`^[a-z]+\\.example\\.com$`)',
    summary: 'RE2 pattern found anywhere in the lower-case host.',
    check: checkPattern(0),
    checked: 0,
    canonical: asGiven,
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
    check: checkPath('Path'),
    checked: 0,
    canonical: asGiven,
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
    check: checkPath('PathPrefix'),
    checked: 0,
    canonical: asGiven,
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
    check: checkPattern(0),
    checked: 0,
    canonical: asGiven,
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
    check: ([method = '']) => (TOKEN.test(method) ? null : `"${method}" cannot be a method`),
    checked: 0,
    canonical: (args) => args.map((method) => method.toUpperCase()),
    compile: (args) => {
      const method = args[0]!;
      return (request) => request.method === method;
    },
  },
  {
    name: 'Header',
    minArgs: 2,
    maxArgs: 2,
    usage: 'Header(`X-Tenant`, `blue`)',
    summary: 'Any value of the header equals the text.',
    check: checkHeaderName,
    checked: 0,
    canonical: lowerFirst,
    compile: (args) => {
      const name = args[0]!;
      return (request) => request.requestHeaders.valuesOf(name)?.includes(args[1]!) === true;
    },
  },
  {
    name: 'HeaderRegexp',
    minArgs: 2,
    maxArgs: 2,
    usage: 'HeaderRegexp(`User-Agent`, `(?i)mobile`)',
    summary: 'RE2 pattern found in any value of the header.',
    check: checkPattern(1),
    checked: 1,
    canonical: lowerFirst,
    compile: (args) => {
      const name = args[0]!;
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
    check: checkQuery('Query', 1),
    checked: 0,
    canonical: asGiven,
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
    check: checkQuery('QueryRegexp', 1),
    checked: 1,
    canonical: asGiven,
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
    checked: 0,
    canonical: asGiven,
    compile: (args) => {
      const set = new IpSet(args);
      return (request) => set.has(request.clientIp);
    },
  },
];

/** Names are accepted as written, all lower, all upper and with one capital. */
export function bySpelling<M extends MatcherSyntax>(matchers: readonly M[]): ReadonlyMap<string, M> {
  const found = new Map<string, M>();
  for (const matcher of matchers) {
    const { name } = matcher;
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase(), name[0]! + name.slice(1).toLowerCase()]) {
      found.set(spelling, matcher);
    }
  }
  return found;
}

const BY_SPELLING = bySpelling(MATCHERS);

export function findMatcher(spelling: string): MatcherDefinition | null {
  return BY_SPELLING.get(spelling) ?? null;
}
