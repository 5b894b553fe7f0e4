// Questions to name servers: which zone a name is in, who serves that zone, where a CNAME leads, and which TXT records
// a given server has. Every question goes to servers that are named, with a time limit.

import { promises as dns, getServers } from 'node:dns';
import { parseIp } from '../../../core/ip.ts';
import { parseNameServer, type NameServer } from '../../config/install/certificates-resolver-options.ts';
import { AcmeFailure } from '../failure.ts';

export interface LookupsOptions {
  /** Recursive servers; those of the system when empty. */
  readonly resolvers: readonly NameServer[];
  /** Where name servers of zones listen. */
  readonly authoritativePort?: number;
}

export interface ZoneServer {
  readonly name: string;
  readonly addresses: readonly string[];
}

const TIMEOUT_MS = 5_000;
const TRIES = 2;
const MAX_CNAMES = 10;
const AUTHORITATIVE_PORT = 53;
/** Answers that say: there is no such record. */
const NOTHING = new Set(['ENODATA', 'ENOTFOUND']);

export class Lookups {
  readonly #options: LookupsOptions;

  constructor(options: LookupsOptions) {
    this.#options = options;
  }

  /** The recursive servers, as `host:port`. */
  async recursive(): Promise<readonly NameServer[]> {
    const { resolvers } = this.#options;
    if (resolvers.length > 0) return resolvers;
    return getServers().flatMap((text) => parseNameServer(text) ?? []);
  }

  /** Where a record of this name would have to be: the end of its CNAMEs, or itself. */
  async followCnames(name: string): Promise<string> {
    const resolver = await this.#resolver(await this.recursive());
    let at = name;
    for (let hop = 0; hop < MAX_CNAMES; hop++) {
      const [target] = await orNothing(resolver.resolveCname(at), []);
      if (target === undefined) return at;
      at = target.toLowerCase().replace(/\.$/, '');
    }
    throw new AcmeFailure(`${name} leads through more than ${MAX_CNAMES} CNAMEs`, { scope: 'certificate' });
  }

  /** The apex above a name, asked of these servers or the recursive ones; null when none of them knows one. */
  async findZone(name: string, servers?: readonly NameServer[]): Promise<string | null> {
    const resolver = await this.#resolver(servers ?? (await this.recursive()));
    const labels = name.split('.');
    for (let index = 0; index < labels.length; index++) {
      const candidate = labels.slice(index).join('.');
      const soa = await orNothing(resolver.resolveSoa(candidate), null);
      if (soa !== null) return candidate;
    }
    return null;
  }

  /** Who serves a zone, each with all of its addresses. */
  async serversOf(zone: string): Promise<readonly ZoneServer[]> {
    const resolver = await this.#resolver(await this.recursive());
    const names = await orNothing(resolver.resolveNs(zone), []);
    const servers: ZoneServer[] = [];
    for (const name of names) {
      const [four, six] = await Promise.all([
        orNothing(resolver.resolve4(name), []),
        orNothing(resolver.resolve6(name), []),
      ]);
      servers.push({ name, addresses: [...four, ...six] });
    }
    return servers;
  }

  /** Whether a name server of a zone has the record, by whichever of its addresses answers. */
  async zoneServerHas({ addresses }: ZoneServer, name: string, value: string): Promise<boolean> {
    const port = this.#options.authoritativePort ?? AUTHORITATIVE_PORT;
    const answers = await Promise.all(addresses.map((host) => this.serverHas({ host, port }, name, value)));
    return answers.includes(true);
  }

  /** Whether a server has the record; one that does not answer has not. */
  async serverHas(server: NameServer, name: string, value: string): Promise<boolean> {
    try {
      const resolver = await this.#resolver([server]);
      const records = await resolver.resolveTxt(name);
      return records.some((chunks) => chunks.join('') === value);
    } catch {
      return false;
    }
  }

  /** One for every question: an answer must not be remembered for the next. */
  async #resolver(servers: readonly NameServer[]): Promise<dns.Resolver> {
    const addresses: string[] = [];
    for (const { host, port } of servers) {
      const found =
        parseIp(host) === null ? (await dns.lookup(host, { all: true })).map(({ address }) => address) : [host];
      for (const address of found)
        addresses.push(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
    }
    if (addresses.length === 0) throw new AcmeFailure('there is no name server to ask', { scope: 'authority' });
    const resolver = new dns.Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
    resolver.setServers(addresses);
    return resolver;
  }
}

async function orNothing<T>(asked: Promise<T>, nothing: T): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && 'code' in error && NOTHING.has(String(error.code))) return nothing;
    throw error;
  }
}
