// Everything of TLS that the entry points of one worker share: certificates, options and the contexts made of them.

import type tls from 'node:tls';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { Staple } from '../../model/message/staple.ts';
import type {
  CertificateSecret,
  CertificateSpec,
  KeyedCertificate,
  TlsOptionsSpec,
  TlsSharedState,
} from '../../model/tls.ts';
import { isOfCertificate, type SecretsChange } from '../../model/secrets.ts';
import type { LivePart } from '../live/live-part.ts';
import { CertificateIndex } from './certificate-index.ts';
import { SecureContexts } from './secure-contexts.ts';
import { TlsHosts } from './tls-hosts.ts';

/** What to answer a ClientHello with; null refuses the handshake. */
export interface TlsChoice {
  readonly options: TlsOptionsSpec;
  readonly context: tls.SecureContext;
  /** What the certificate's authority says of it; null when there is nothing to hand out. */
  readonly staple: Uint8Array | null;
}

export class TlsStore implements LivePart<unknown> {
  readonly #certificates = new CertificateIndex();
  /** What the snapshot names, and what it is made of; a certificate is in the index when both are there. */
  readonly #specs = new Map<string, CertificateSpec>();
  readonly #secrets = new Map<string, CertificateSecret>();
  /** Names in the index by those of the snapshot. */
  readonly #indexed = new Map<string, string>();
  readonly #options = new Map<string, TlsOptionsSpec>();
  readonly #hosts = new Map<string, TlsHosts>();
  /** By name of the certificate. */
  readonly #staples = new Map<string, Uint8Array>();
  readonly #contexts: SecureContexts;
  readonly #fallback: readonly KeyedCertificate[];

  constructor({ ticketKeys, fallback }: TlsSharedState) {
    this.#contexts = new SecureContexts(ticketKeys);
    const { certificate, key } = fallback;
    this.#fallback = [
      { name: 'fallback', certificate, key, hosts: [], keyType: 'ec', notBefore: 0, notAfter: 0, isDefault: true },
    ];
  }

  /** Contexts that are kept at present. */
  get contexts(): number {
    return this.#contexts.size;
  }

  setTicketKeys(ticketKeys: Uint8Array): void {
    this.#contexts.setTicketKeys(ticketKeys);
  }

  /** Those that have changed, or all that there are. Connections that are open keep what they have. */
  setSecrets({ changed, removed }: SecretsChange, isWhole = false): void {
    const gone = isWhole ? [...this.#secrets.keys()].filter((name) => !Object.hasOwn(changed, name)) : removed;
    for (const name of gone) {
      this.#secrets.delete(name);
      this.#index(name);
    }
    for (const [name, secret] of Object.entries(changed)) {
      if (!isOfCertificate(secret)) continue;
      this.#secrets.set(name, secret);
      this.#index(name);
    }
  }

  #index(name: string): void {
    const before = this.#indexed.get(name);
    if (before !== undefined) this.#certificates.remove(before);
    this.#indexed.delete(name);
    const spec = this.#specs.get(name);
    const secret = this.#secrets.get(name);
    if (spec === undefined || secret === undefined) return;
    const { id, ...material } = secret;
    const { hosts, keyType, isDefault } = spec;
    // Contexts and staples are those of a certificate, not of its purpose: they go by what it is made of.
    this.#certificates.add({ name: id, ...material, hosts, keyType, isDefault });
    this.#indexed.set(name, id);
  }

  /** Those that have changed, or all that there are. */
  setStaples(changed: readonly Staple[], isWhole = false): void {
    if (isWhole) this.#staples.clear();
    for (const { certificate, response } of changed) {
      if (response === null) this.#staples.delete(certificate);
      else this.#staples.set(certificate, response);
    }
  }

  /**
   * There is nothing to make before: contexts come with the first handshake that needs them. Connections that are open
   * keep what they have.
   */
  *build({ changed, removed }: SnapshotDelta): Generator<void, () => void> {
    yield;
    return () => {
      for (const name of removed.certificates ?? []) {
        this.#specs.delete(name);
        this.#index(name);
      }
      for (const spec of Object.values(changed.certificates ?? {})) {
        this.#specs.set(spec.name, spec);
        this.#index(spec.name);
      }
      for (const name of removed.tlsOptions ?? []) this.#options.delete(name);
      for (const spec of Object.values(changed.tlsOptions ?? {})) this.#options.set(spec.name, spec);
      for (const name of removed.tlsHosts ?? []) {
        const slash = name.indexOf('/');
        this.hostsOf(name.slice(0, slash)).remove(name.slice(slash + 1));
      }
      for (const spec of Object.values(changed.tlsHosts ?? {})) this.hostsOf(spec.entryPoint).set(spec);
    };
  }

  /** Of a certificate that is shown to servers, or any other; null when there is none of that name. */
  secret(name: string): CertificateSecret | null {
    return this.#secrets.get(name) ?? null;
  }

  /** The same object for the life of the worker. */
  hostsOf(entryPoint: string): TlsHosts {
    let hosts = this.#hosts.get(entryPoint);
    if (hosts === undefined) {
      hosts = new TlsHosts();
      this.#hosts.set(entryPoint, hosts);
    }
    return hosts;
  }

  /**
   * Options by the server name, which may be ''; the certificate by that name, or by the address the client came to.
   * Null when there is nothing under the name. Throws when OpenSSL cannot make a context.
   */
  choose(entryPoint: string, serverName: string, localAddress: string): TlsChoice | null {
    return this.chooseWith(this.hostsOf(entryPoint).optionsOf(serverName), serverName, localAddress);
  }

  /** As `choose`, with the options of this name. */
  chooseWith(name: string, serverName: string, localAddress: string): TlsChoice | null {
    const options = this.#options.get(name);
    if (options === undefined) return null;
    const found = this.#certificates.find(serverName === '' ? localAddress : serverName, Date.now());
    if (found.length > 0) return this.#choice(options, found);
    if (options.sniStrict) return null;
    const defaults = this.#certificates.defaults();
    return this.#choice(options, defaults.length > 0 ? defaults : this.#fallback);
  }

  #choice(options: TlsOptionsSpec, certificates: readonly KeyedCertificate[]): TlsChoice {
    // Of several the handshake chooses, and the answer about another would be worse than none.
    const staple = certificates.length === 1 ? (this.#staples.get(certificates[0]!.name) ?? null) : null;
    return { options, context: this.#contexts.get(options, certificates), staple };
  }
}
