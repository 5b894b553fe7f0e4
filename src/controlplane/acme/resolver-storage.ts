// What a resolver keeps between runs: an account per authority, and its certificates with their keys. Documents that
// say nothing usable are reported and left out, never a reason not to start; those of a newer program are: nobody is to
// order anew over them.

import { isMap } from '../../schema/input.ts';
import type { StateStore } from '../store/define.ts';
import { inFormat, readDocument, type DocumentFormat } from '../store/documents.ts';
import { certificateKey } from '../compile/wanted-certificates.ts';
import { certificateId, checkPair, readCertificate } from './certificate.ts';
import type { CertificateFacts } from './schedule.ts';
import { messageOf } from '../../core/errors.ts';

export interface StoredAccount {
  /** PKCS #8 in PEM. */
  readonly keyPem: string;
  /** Null until the authority has said it. */
  readonly url: string | null;
  readonly email: string;
}

export interface StoredCertificate {
  readonly facts: CertificateFacts;
  readonly certPem: string;
  readonly keyPem: string;
}

/** Authorities a resolver has been used with. */
const MAX_ACCOUNTS = 10;
const ACCOUNTS: DocumentFormat = { format: 1 };
const CERTIFICATE: DocumentFormat = { format: 1 };

export class ResolverStorage {
  readonly #store: StateStore;
  readonly #prefix: string;

  constructor(store: StateStore, resolver: string) {
    this.#store = store;
    this.#prefix = `acme/${resolver}`;
  }

  async account(caServer: string): Promise<StoredAccount | null> {
    const accounts = await this.#accounts();
    // Traefik's file says where the account is, but not by which directory.
    return accounts.get(caServer) ?? accounts.get(hostKey(caServer)) ?? null;
  }

  async putAccount(caServer: string, account: StoredAccount): Promise<void> {
    const accounts = await this.#accounts();
    accounts.delete(caServer);
    const kept = [...accounts].slice(-(MAX_ACCOUNTS - 1));
    await this.#store.put(
      `${this.#prefix}/account`,
      inFormat(ACCOUNTS, { accounts: Object.fromEntries([...kept, [caServer, account]]) }),
    );
  }

  /** All that can be read; `unusable` is called with what is wrong with each of the others. */
  async certificates(unusable: (reason: string) => void): Promise<readonly StoredCertificate[]> {
    const found: StoredCertificate[] = [];
    for (const key of await this.#store.list(`${this.#prefix}/certificates/`)) {
      const { certPem, keyPem } = (await readDocument(this.#store, key, CERTIFICATE)) ?? {};
      try {
        if (typeof certPem !== 'string' || typeof keyPem !== 'string') throw new Error('it has no certificate and key');
        checkPair(certPem, keyPem);
        found.push({ facts: readCertificate(certPem), certPem, keyPem });
      } catch (error) {
        unusable(`${key}: ${messageOf(error)}`);
      }
    }
    return found;
  }

  async putCertificate({ facts, certPem, keyPem }: StoredCertificate): Promise<void> {
    await this.#store.put(
      this.#keyOf(facts.domains),
      inFormat(CERTIFICATE, { domains: facts.domains, certPem, keyPem }),
    );
  }

  async deleteCertificate(domains: readonly string[]): Promise<void> {
    await this.#store.delete(this.#keyOf(domains));
  }

  #keyOf(domains: readonly string[]): string {
    return `${this.#prefix}/certificates/${certificateId(certificateKey(domains))}`;
  }

  async #accounts(): Promise<Map<string, StoredAccount>> {
    const document = await readDocument(this.#store, `${this.#prefix}/account`, ACCOUNTS);
    const accounts = new Map<string, StoredAccount>();
    if (!isMap(document?.['accounts'])) return accounts;
    for (const [caServer, account] of Object.entries(document['accounts'])) {
      if (!isMap(account) || typeof account['keyPem'] !== 'string') continue;
      const { url, email } = account;
      accounts.set(caServer, {
        keyPem: account['keyPem'],
        url: typeof url === 'string' ? url : null,
        email: typeof email === 'string' ? email : '',
      });
    }
    return accounts;
  }
}

/** Under which an account is kept whose directory is not known. */
export function hostKey(url: string): string {
  return `host:${new URL(url).host}`;
}
