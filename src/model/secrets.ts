// What a snapshot names and does not hold: what certificates are made of, and objects that have something in them which
// may not be shown. A snapshot has such an object as it may be shown, with the name under which the whole of it stands
// here. It goes by a way of its own, before the snapshot that names it; the two are put together where the object is
// made live.

import type { MiddlewareSpec } from './route.ts';
import type { ServiceSpec } from './service.ts';
import type { SnapshotSections } from './snapshot.ts';
import type { TcpServiceSpec } from './tcp.ts';
import type { CertificateSecret } from './tls.ts';
import type { UdpServiceSpec } from './udp.ts';

/** Sections whose objects may hold what may not be shown. */
export const HIDING_SECTIONS = ['middlewares', 'services', 'tcpServices', 'udpServices'] as const;
export type HidingSection = (typeof HIDING_SECTIONS)[number];

/** The whole of an object. Never shown, logged or stored with the history. */
export interface ObjectSecret {
  readonly object: MiddlewareSpec | ServiceSpec | TcpServiceSpec | UdpServiceSpec;
}

export type Secret = CertificateSecret | ObjectSecret;

/** By the name that the snapshot has for it. */
export type Secrets = Readonly<Record<string, Secret>>;

export interface SecretsChange {
  readonly changed: Secrets;
  readonly removed: readonly string[];
}

/** As it stands in a snapshot. */
interface Hiding {
  readonly name: string;
  /** Name of the whole among the secrets; left out where there is nothing to hide. */
  readonly secret?: string;
}

export function isOfCertificate(secret: Secret): secret is CertificateSecret {
  return 'key' in secret;
}

/** Null when nothing has. Under the name of an object there is never another one: it has its content in it. */
export function changedSecrets(before: Secrets, after: Secrets): SecretsChange | null {
  const changed = Object.entries(after).filter(([name, secret]) => {
    const old = before[name];
    if (old === undefined) return true;
    if (!isOfCertificate(secret) || !isOfCertificate(old)) return false;
    return old.certificate !== secret.certificate || old.key !== secret.key;
  });
  const removed = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  if (changed.length === 0 && removed.length === 0) return null;
  return { changed: Object.fromEntries(changed), removed };
}

/** Of all that these sections name. */
export function secretNames(sections: Partial<SnapshotSections>): readonly string[] {
  const names = Object.keys(sections.certificates ?? {});
  for (const section of HIDING_SECTIONS) {
    for (const { secret } of Object.values<Hiding>(sections[section] ?? {}))
      if (secret !== undefined) names.push(secret);
  }
  return names;
}

/** The sections with whole objects; the same ones where nothing is hidden. Throws when a secret is not there. */
export function withSecrets<S extends Partial<SnapshotSections>>(
  sections: S,
  secretOf: (name: string) => Secret | undefined,
): S {
  let whole = sections;
  for (const section of HIDING_SECTIONS) {
    const objects: Readonly<Record<string, Hiding>> = sections[section] ?? {};
    for (const [name, { secret }] of Object.entries(objects)) {
      if (secret === undefined) continue;
      const found = secretOf(secret);
      if (found === undefined || isOfCertificate(found)) {
        throw new Error(`what ${name} hides is not here: the secret ${secret} was not sent before its snapshot`);
      }
      if (whole[section] === sections[section]) whole = { ...whole, [section]: { ...objects } };
      // A copy, made above.
      (whole[section] as Record<string, object>)[name] = found.object;
    }
  }
  return whole;
}
