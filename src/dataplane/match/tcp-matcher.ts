// The predicates of the TCP rule language: what is known of a connection before a byte of it is served.

import { IpSet, parseNetwork } from '../../core/ip.ts';
import { bySpelling, checkHost, checkPattern, type MatcherSyntax } from './matcher.ts';
import { compilePattern } from './pattern.ts';
import type { RuleLanguage } from './rule/rule.ts';
import type { RuleNode } from './rule/rule-tree.ts';

/** What TCP rules look at. */
export interface TcpConnectionInfo {
  /** Of the ClientHello, in lower case; '' without one, or without a name in it. */
  readonly serverName: string;
  /** Protocols the client offers by ALPN. */
  readonly protocols: readonly string[];
  /** Address of the peer. */
  readonly clientIp: string;
}

export type TcpPredicate = (connection: TcpConnectionInfo) => boolean;

export interface TcpMatcherDefinition extends MatcherSyntax {
  compile(args: readonly string[]): TcpPredicate;
}

/** RFC 8737: it belongs to certificate authorities. */
const ACME_PROTOCOL = 'acme-tls/1';
/** RFC 7301 §3.1. */
const MAX_PROTOCOL_BYTES = 255;

function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function checkServerName(args: readonly string[]): string | null {
  const [name = ''] = args;
  const problem = checkHost(args);
  if (problem !== null) return problem.replaceAll('HostRegexp', 'HostSNIRegexp');
  return name.includes(':') ? 'clients send names in TLS, never addresses; use HostSNI(`*`)' : null;
}

function compileServerName([name = '']: readonly string[]): TcpPredicate {
  if (name === '*') return () => true;
  if (!name.startsWith('*.')) return (connection) => connection.serverName === name;
  const suffix = name.slice(1);
  return ({ serverName }) => {
    const dot = serverName.indexOf('.');
    return dot > 0 && serverName.length - dot === suffix.length && serverName.endsWith(suffix);
  };
}

function checkProtocol([protocol = '']: readonly string[]): string | null {
  if (protocol === ACME_PROTOCOL) return `"${ACME_PROTOCOL}" is answered by the router itself, for certificates`;
  return Buffer.byteLength(protocol) > MAX_PROTOCOL_BYTES ? 'a protocol has at most 255 bytes' : null;
}

export const TCP_MATCHERS: readonly TcpMatcherDefinition[] = [
  {
    name: 'HostSNI',
    minArgs: 1,
    maxArgs: 1,
    usage: 'HostSNI(`db.example.com`)',
    summary:
      'The server name the client sends with TLS; `*.example.com` stands for exactly one label, `*` for every connection, also without TLS.',
    check: checkServerName,
    checked: 0,
    canonical: ([name = '', ...rest]) => [canonicalName(name), ...rest],
    compile: compileServerName,
  },
  {
    name: 'HostSNIRegexp',
    minArgs: 1,
    maxArgs: 1,
    usage: 'HostSNIRegexp(`^db-[0-9]+\\.example\\.com$`)',
    summary: 'RE2 pattern found anywhere in the lower-case server name.',
    check: checkPattern(0),
    checked: 0,
    canonical: (args) => args,
    compile: (args) => {
      const test = compilePattern(args[0]!);
      return ({ serverName }) => test(serverName);
    },
  },
  {
    name: 'ClientIP',
    minArgs: 1,
    maxArgs: 1,
    usage: 'ClientIP(`10.0.0.0/8`)',
    summary: 'Address or range of the client.',
    check: (args) =>
      parseNetwork(args[0]!) === null ? `"${args[0]!}" is neither an IP address nor a CIDR range` : null,
    checked: 0,
    canonical: (args) => args,
    compile: (args) => {
      const set = new IpSet(args);
      return ({ clientIp }) => set.has(clientIp);
    },
  },
  {
    name: 'ALPN',
    minArgs: 1,
    maxArgs: 1,
    usage: 'ALPN(`mqtt`)',
    summary: 'The client offers this protocol with TLS.',
    check: checkProtocol,
    checked: 0,
    canonical: (args) => args,
    compile: (args) => {
      const protocol = args[0]!;
      return ({ protocols }) => protocols.includes(protocol);
    },
  },
];

const BY_SPELLING = bySpelling(TCP_MATCHERS);

/** HTTP matchers people write in TCP rules, with what to say. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['host', 'a matcher of HTTP routers; write HostSNI'],
  ['hostregexp', 'a matcher of HTTP routers; write HostSNIRegexp'],
  ...['Path', 'PathPrefix', 'PathRegexp', 'Method', 'Header', 'HeaderRegexp', 'Query', 'QueryRegexp'].map(
    (name): [string, string] => [
      name.toLowerCase(),
      'a matcher of HTTP routers; a TCP router does not look into what it carries',
    ],
  ),
]);

export const TCP_RULES: RuleLanguage = {
  matchers: TCP_MATCHERS,
  find: (spelling) => BY_SPELLING.get(spelling) ?? null,
  foreign: FOREIGN,
  example: 'HostSNI(`*`)',
};

/** The rule must have parsed without errors. */
export function compileTcpRule(rule: RuleNode): TcpPredicate {
  if (rule.kind === 'matcher') {
    const predicate = BY_SPELLING.get(rule.name)!.compile(rule.args);
    return rule.negated ? (connection) => !predicate(connection) : predicate;
  }
  const parts = rule.nodes.map(compileTcpRule);
  return rule.kind === 'and'
    ? (connection) => parts.every((part) => part(connection))
    : (connection) => parts.some((part) => part(connection));
}

/** The rule is nothing but HostSNI(`*`): it stands back behind every other one. */
export function isTcpCatchAll(rule: RuleNode): boolean {
  return rule.kind === 'matcher' && rule.name === 'HostSNI' && rule.args[0] === '*' && !rule.negated;
}
