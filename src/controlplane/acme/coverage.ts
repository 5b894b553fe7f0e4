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
 * Of these sets of names those that are needed: a set is left out when another one stands for all of its names. Sets with
 * wildcards are looked at first, then larger ones, so that the result does not depend on their order.
 */
export function neededSets(sets: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const wildcards = (set: readonly string[]): number => set.filter((name) => name.startsWith('*.')).length;
  const ordered = sets.toSorted(
    (a, b) =>
      wildcards(b) - wildcards(a) || b.length - a.length || (certificateKey(a) < certificateKey(b) ? -1 : 1),
  );
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
