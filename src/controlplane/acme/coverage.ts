// Which names a certificate stands for, and which certificates make which others needless. Pure.

import { certificateKey } from '../compile/wanted-certificates.ts';

/** A wildcard stands for exactly one label (RFC 6125 §6.4.3). */
export function coversDomain(certificate: readonly string[], domain: string): boolean {
  if (certificate.includes(domain)) return true;
  // A wildcard is covered by itself alone.
  if (domain.startsWith('*.')) return false;
  const dot = domain.indexOf('.');
  return dot > 0 && certificate.includes(`*${domain.slice(dot)}`);
}

export function covers(certificate: readonly string[], domains: readonly string[]): boolean {
  return domains.every((domain) => coversDomain(certificate, domain));
}

/**
 * Of these sets of names those that are needed: a set is left out when another one stands for all of its names. The
 * result does not depend on their order.
 */
export function neededSets(sets: readonly (readonly string[])[]): readonly (readonly string[])[] {
  // Whatever stands for a set has at least its wildcards, and if no more, then at least its names that no wildcard of
  // its own stands for: in this order it comes first.
  const ranked = sets.map((set) => {
    const wildcards = set.filter((name) => name.startsWith('*.'));
    const essential = set.filter((name) => wildcards.includes(name) || !coversDomain(wildcards, name));
    return { set, wildcards: wildcards.length, essential: essential.length, key: certificateKey(set) };
  });
  const ordered = ranked
    .toSorted(
      (a, b) =>
        b.wildcards - a.wildcards ||
        b.essential - a.essential ||
        a.set.length - b.set.length ||
        (a.key < b.key ? -1 : 1),
    )
    .map(({ set }) => set);
  const kept: (readonly string[])[] = [];
  // Names to the sets that hold them: ten thousand sets are not compared each with each.
  const byName = new Map<string, (readonly string[])[]>();
  for (const set of ordered) {
    const first = set[0]!;
    const dot = first.indexOf('.');
    const candidates = [...(byName.get(first) ?? []), ...(dot > 0 ? (byName.get(`*${first.slice(dot)}`) ?? []) : [])];
    if (candidates.some((candidate) => covers(candidate, set))) continue;
    kept.push(set);
    for (const name of set) byName.set(name, [...(byName.get(name) ?? []), set]);
  }
  return kept;
}
