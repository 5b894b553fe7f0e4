// IP addresses, networks and sets of them, parsed strictly. Everything that compares addresses - ClientIP rules,
// trusted proxies, allow lists - goes through here, so that no two parts of the product read an address differently. An
// IPv4-mapped IPv6 address (::ffff:10.0.0.1) is the IPv4 address: a dual-stack socket reports clients that way.

import { BoundedCache } from './bounded-cache.ts';

/** An address as unsigned 32-bit words, most significant first; an IPv4 address has one word. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly words: readonly number[];
}

/** `bits` counts in the address's own family. Bits after the prefix are zero. */
export interface IpNetwork {
  readonly address: IpAddress;
  readonly bits: number;
}

const DIGIT_0 = 48;

/** Null for anything that is not exactly one address: zone ids, leading zeros, short forms, ports, white space. */
export function parseIp(text: string): IpAddress | null {
  if (text.length > 45) return null;
  if (!text.includes(':')) {
    const word = parseIpv4(text, 0);
    return word < 0 ? null : { family: 4, words: [word] };
  }
  const words = parseIpv6(text);
  if (words === null) return null;
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) return { family: 4, words: [words[3] ?? 0] };
  return { family: 6, words };
}

/** An address or `address/bits`; null when it is neither. Bits set after the prefix are cleared, as everybody does. */
export function parseNetwork(text: string): IpNetwork | null {
  const slash = text.indexOf('/');
  if (slash < 0) {
    const address = parseIp(text);
    return address === null ? null : { address, bits: address.words.length * 32 };
  }
  const address = parseIp(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === null || !/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return null;
  // A prefix length of an IPv4-mapped address counts from the start of the IPv6 form.
  const bits = Number(digits) - (address.family === 4 && text.includes(':') ? 96 : 0);
  if (bits < 0 || bits > address.words.length * 32) return null;
  return { address: { family: address.family, words: maskWords(address.words, bits) }, bits };
}

/** The network's first address; an address with fewer bits than `bits` is returned whole. */
export function maskIp(address: IpAddress, bits: number): IpAddress {
  return { family: address.family, words: maskWords(address.words, bits) };
}

/** The shortest lower-case form (RFC 5952), without brackets. */
export function formatIp(address: IpAddress): string {
  if (address.family === 4) {
    const word = address.words[0] ?? 0;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  const groups = address.words.flatMap((word) => [word >>> 16, word & 0xffff]);
  let start = -1;
  let length = 1;
  for (let index = 0; index < 8; index++) {
    let end = index;
    while (end < 8 && groups[end] === 0) end++;
    if (end - index > length) {
      start = index;
      length = end - index;
    }
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** Sets up to this size are scanned: shorter than a look-up. */
const SMALL_SET = 8;
const CACHED_ANSWERS = 1024;

/** Addresses and networks; immutable once built. */
export class IpSet {
  /** Texts that are neither an address nor a network, in the order given. */
  readonly invalid: readonly string[];
  readonly #isEmpty: boolean;
  readonly #small: readonly IpNetwork[] | null;
  /** Masked addresses by family and prefix length: one look-up per distinct length. */
  readonly #large: readonly { family: 4 | 6; bits: number; keys: ReadonlySet<string> }[];
  readonly #answers: BoundedCache<string, boolean> | null;

  constructor(texts: readonly string[]) {
    const invalid: string[] = [];
    const networks: IpNetwork[] = [];
    for (const text of texts) {
      const network = parseNetwork(text);
      if (network === null) invalid.push(text);
      else networks.push(network);
    }
    this.invalid = invalid;
    this.#isEmpty = networks.length === 0;
    const isSmall = networks.length <= SMALL_SET;
    this.#small = isSmall ? networks : null;
    this.#large = isSmall ? [] : groupByLength(networks);
    this.#answers = isSmall ? null : new BoundedCache(CACHED_ANSWERS);
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** False for a text that is no address. */
  has(text: string): boolean {
    if (this.#isEmpty) return false;
    const cached = this.#answers?.get(text);
    if (cached !== undefined) return cached;
    const address = parseIp(text);
    if (address === null) return false;
    const answer =
      this.#small !== null
        ? this.#small.some((network) => contains(network, address))
        : this.#large.some(
            (group) => group.family === address.family && group.keys.has(maskWords(address.words, group.bits).join()),
          );
    this.#answers?.set(text, answer);
    return answer;
  }
}

function groupByLength(networks: readonly IpNetwork[]): { family: 4 | 6; bits: number; keys: Set<string> }[] {
  const groups = new Map<string, { family: 4 | 6; bits: number; keys: Set<string> }>();
  for (const { address, bits } of networks) {
    const id = `${address.family}/${bits}`;
    let group = groups.get(id);
    if (group === undefined) groups.set(id, (group = { family: address.family, bits, keys: new Set() }));
    group.keys.add(address.words.join());
  }
  return [...groups.values()];
}

function contains(network: IpNetwork, address: IpAddress): boolean {
  if (network.address.family !== address.family) return false;
  let bits = network.bits;
  for (let index = 0; bits > 0; index++, bits -= 32) {
    const difference = (network.address.words[index] ?? 0) ^ (address.words[index] ?? 0);
    if (bits >= 32 ? difference !== 0 : difference >>> (32 - bits) !== 0) return false;
  }
  return true;
}

function maskWords(words: readonly number[], bits: number): number[] {
  return words.map((word, index) => {
    const kept = bits - index * 32;
    if (kept >= 32) return word;
    // A shift by 32 is a shift by 0 in JavaScript.
    return kept <= 0 ? 0 : (word & (-1 << (32 - kept))) >>> 0;
  });
}

/** The address as one word, or -1. Four decimal octets without leading zeros (RFC 6943 §3.1.1: octal traps). */
function parseIpv4(text: string, start: number): number {
  let word = 0;
  let octet = -1;
  let dots = 0;
  for (let index = start; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 46) {
      if (octet < 0 || ++dots > 3) return -1;
      word = word * 256 + octet;
      octet = -1;
      continue;
    }
    if (code < DIGIT_0 || code > DIGIT_0 + 9 || octet === 0) return -1;
    octet = (octet < 0 ? 0 : octet * 10) + code - DIGIT_0;
    if (octet > 255) return -1;
  }
  return dots === 3 && octet >= 0 ? word * 256 + octet : -1;
}

/** Four words, or null (RFC 4291 §2.2). */
function parseIpv6(text: string): number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  const words: number[] = [];
  for (let index = 0; index < 8; index += 2) words.push((groups[index] ?? 0) * 65_536 + (groups[index + 1] ?? 0));
  return words;
}

function parseGroups(text: string, mayEndWithIpv4: boolean): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (mayEndWithIpv4 && index === parts.length - 1 && part.includes('.')) {
      const word = parseIpv4(part, 0);
      if (word < 0) return null;
      groups.push(word >>> 16, word & 0xffff);
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return null;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** As a dual-stack socket reports an IPv4 client, without the IPv6 around it (RFC 4291 §2.5.5.2). */
export function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
