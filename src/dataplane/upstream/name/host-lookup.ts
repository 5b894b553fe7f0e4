// Addresses of a name, as the system's files and name servers have them. The system's own look-up, getaddrinfo, waits
// in one of four threads that the whole process shares: a few names that no server answers for would hold up all
// others, and every file that is read. Here questions go out side by side and cost no thread.

import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import type { Address } from './address.ts';
import { SystemNameFiles, type NameRules } from './name-files.ts';

/** What is asked of name servers; `dns.promises.Resolver` is one. */
export interface NameServers {
  resolve4(name: string): Promise<string[]>;
  resolve6(name: string): Promise<string[]>;
}

export interface HostLookupOptions {
  readonly rules: () => NameRules;
  /** Asked again when the files have changed. */
  readonly nameServers: () => NameServers;
  /** getaddrinfo, for names from sources that name servers do not have. */
  readonly systemLookup: (name: string) => Promise<readonly Address[]>;
}

/** A name that has not been answered for by then counts as not answered. */
const LOOKUP_TIMEOUT_MS = 5_000;
/** Of one question to one server. */
const QUERY_TIMEOUT_MS = 1_500;
const QUERY_TRIES = 2;
/** How long addresses of one family wait for those of the other (RFC 8305 §3, with more patience: nobody waits). */
const OTHER_FAMILY_MS = 500;

/** Codes that say for sure that a name, or an address of it, does not exist. */
const ABSENT = new Set(['ENOTFOUND', 'ENODATA', 'EAI_NODATA', 'EBADNAME']);

/** The name has no address, as a server that should know says. Other errors say nothing about the name. */
export class NoSuchName extends Error {
  constructor(host: string) {
    super(`there is no address of "${host}"`);
  }
}

export function createHostLookup(): (host: string) => Promise<readonly Address[]> {
  const files = new SystemNameFiles();
  let asked: NameRules | null = null;
  let servers: NameServers | null = null;
  return hostLookup({
    rules: () => files.read(),
    nameServers: () => {
      const rules = files.read();
      // A fresh one has read resolv.conf anew.
      if (servers === null || rules !== asked) {
        servers = new dns.Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
      }
      asked = rules;
      return servers;
    },
    systemLookup: oneAtATime(async (name) => {
      const found = await dns.lookup(name, { all: true, verbatim: true });
      return found.flatMap(({ address }) => addressOf(address));
    }),
  });
}

export function hostLookup(options: HostLookupOptions): (host: string) => Promise<readonly Address[]> {
  return async function lookUp(host) {
    const rules = options.rules();
    const name = host.replace(/\.$/, '').toLowerCase();
    const listed = rules.hosts.get(name);
    if (listed !== undefined) return listed.flatMap(addressOf);
    // RFC 6761 §6.3: never a question for a name server.
    if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1', '::1'].flatMap(addressOf);
    const asking = askAll(candidates(host, rules), host, options, rules);
    return withDeadline(asking, LOOKUP_TIMEOUT_MS, `no name server has answered for "${host}"`);
  };
}

/** The names to ask for, in order, as resolv.conf(5) has it. */
function candidates(host: string, { search, ndots }: NameRules): readonly string[] {
  if (host.endsWith('.')) return [host.slice(0, -1)];
  const longer = search.map((suffix) => `${host}.${suffix}`);
  return host.split('.').length - 1 >= ndots ? [host, ...longer] : [...longer, host];
}

async function askAll(
  names: readonly string[],
  host: string,
  options: HostLookupOptions,
  rules: NameRules,
): Promise<readonly Address[]> {
  const servers = options.nameServers();
  let trouble: Error | null = null;
  for (const name of names) {
    const found = await ask(servers, name).catch((error: Error) => error);
    if (!(found instanceof Error)) {
      if (found.length > 0) return found;
    } else trouble ??= found;
  }
  if (rules.hasOtherSources) return options.systemLookup(host);
  throw trouble ?? new NoSuchName(host);
}

/** Both families. None is an answer; rejects when the servers gave none. */
async function ask(servers: NameServers, name: string): Promise<readonly Address[]> {
  const v4 = quietly(servers.resolve4(name));
  const v6 = quietly(servers.resolve6(name));
  const first = await Promise.race([v4, v6]);
  const isEnough = !(first instanceof Error) && first.length > 0;
  const both = Promise.all([v4, v6]);
  const answers = isEnough ? await Promise.race([both, after(OTHER_FAMILY_MS, [first])]) : await both;
  const addresses = answers.flatMap((answer) => (answer instanceof Error ? [] : answer.flatMap(addressOf)));
  const trouble = answers.find((answer): answer is Error => answer instanceof Error);
  if (addresses.length === 0 && trouble !== undefined) throw trouble;
  return addresses;
}

/** That there is nothing is an answer; everything else that went wrong comes as a value. */
async function quietly(query: Promise<string[]>): Promise<string[] | Error> {
  try {
    return await query;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (ABSENT.has(code)) return [];
    return error instanceof Error ? error : new Error(String(error));
  }
}

function addressOf(text: string): Address[] {
  const family = isIP(text);
  return family === 0 ? [] : [{ host: text, family: family === 6 ? 6 : 4 }];
}

function after<Value>(ms: number, value: Value): Promise<Value> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms).unref());
}

async function withDeadline<Value>(work: Promise<Value>, ms: number, message: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms).unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Of the process's four threads this takes one at the most, in each worker. */
function oneAtATime(
  lookUp: (name: string) => Promise<readonly Address[]>,
): (name: string) => Promise<readonly Address[]> {
  let last: Promise<unknown> = Promise.resolve();
  return (name) => {
    const result = last.then(() => lookUp(name));
    last = result.catch(() => {});
    return result;
  };
}
