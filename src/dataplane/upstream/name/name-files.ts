// The files of the system that say how names become addresses: hosts(5), resolv.conf(5), nsswitch.conf(5). Read again
// when they change: containers and VPN clients rewrite them while programs run.

import { readFileSync, statSync } from 'node:fs';

export interface NameRules {
  /** By name in lower case. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  /** Suffixes to try, without dots around them. */
  readonly search: readonly string[];
  /** A name with that many dots is tried as it is first. */
  readonly ndots: number;
  /** The system knows names from elsewhere, too (mdns, LDAP, WINS …), which only its own look-up reaches. */
  readonly hasOtherSources: boolean;
}

export interface NameFileTexts {
  readonly hosts: string;
  readonly resolv: string;
  readonly nsswitch: string;
}

/** Sources that need no other look-up: `myhostname` is in the hosts file wherever it matters. */
const PLAIN_SOURCES = new Set(['files', 'dns', 'myhostname']);
/** resolv.conf(5): "silently capped to 15". */
const MAX_NDOTS = 15;

export function parseNameFiles({ hosts, resolv, nsswitch }: NameFileTexts): NameRules {
  return { hosts: parseHosts(hosts), ...parseResolv(resolv), hasOtherSources: parseNsswitch(nsswitch) };
}

function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = wordsOf(line, '#');
    if (address === undefined) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const known = found.get(key);
      if (known === undefined) found.set(key, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return found;
}

function parseResolv(text: string): Pick<NameRules, 'search' | 'ndots'> {
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...words] = wordsOf(line, '#;');
    // The last of `search` and `domain` wins.
    if (keyword === 'search') search = words;
    else if (keyword === 'domain') search = words.slice(0, 1);
    else if (keyword === 'options') {
      const option = words.find((word) => /^ndots:\d+$/.test(word));
      if (option !== undefined) ndots = Math.min(MAX_NDOTS, Number(option.slice('ndots:'.length)));
    }
  }
  return { search: search.map((suffix) => suffix.replace(/^\.+|\.+$/g, '')).filter((suffix) => suffix !== ''), ndots };
}

function parseNsswitch(text: string): boolean {
  const line = text.split('\n').find((candidate) => /^\s*hosts\s*:/.test(candidate));
  if (line === undefined) return false;
  const sources = wordsOf(line.replace(/\[[^\]]*\]/g, ' '), '#').slice(1);
  return sources.some((source) => !PLAIN_SOURCES.has(source));
}

function wordsOf(line: string, comments: '#' | '#;'): string[] {
  const text = comments === '#' ? line.replace(/#.*/, '') : line.replace(/[#;].*/, '');
  return text.split(/\s+/).filter((word) => word !== '');
}

const PATHS = { hosts: '/etc/hosts', resolv: '/etc/resolv.conf', nsswitch: '/etc/nsswitch.conf' } as const;

/** Reads the files when one of them has changed. */
export class SystemNameFiles {
  #stamp = '';
  #rules: NameRules | null = null;

  /** The same object as long as nothing has changed. */
  read(): NameRules {
    const stamp = Object.values(PATHS).map(stampOf).join(' ');
    if (this.#rules === null || stamp !== this.#stamp) {
      this.#rules = parseNameFiles({
        hosts: textOf(PATHS.hosts),
        resolv: textOf(PATHS.resolv),
        nsswitch: textOf(PATHS.nsswitch),
      });
      this.#stamp = stamp;
    }
    return this.#rules;
  }
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs}/${size}/${ino}`;
  } catch {
    return '-';
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Without the file there is nothing in it.
    return '';
  }
}
