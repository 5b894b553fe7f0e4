// The extension unit of dns-01: something that puts a TXT record into a zone and takes it out again. Adding one is a
// file, a line in registry.ts, its name in controlplane/config/install/dns-provider-names.ts, and a test.

import type { ProviderEnvironment } from './environment.ts';

export interface DnsRecord {
  /** Where the record goes, after CNAMEs: lower case, without a trailing dot. */
  readonly name: string;
  readonly value: string;
  /** The name that is proved, and what the value is made of; for providers that hand it to somebody else. */
  readonly domain: string;
  readonly token: string;
  readonly keyAuthorization: string;
}

export interface DnsProvider {
  /** Adds the record; others of the same name stay. */
  present(record: DnsRecord, signal: AbortSignal): Promise<void>;
  /** Takes this record away and no other; one that is not there is no error. */
  cleanUp(record: DnsRecord, signal: AbortSignal): Promise<void>;
  /** How long the record may take until name servers show it, and how often to look. */
  readonly propagationTimeoutMs: number;
  readonly pollingIntervalMs: number;
}

/** Throws an AcmeFailure that names the variables that are missing. */
export type CreateDnsProvider = (environment: ProviderEnvironment) => DnsProvider;
