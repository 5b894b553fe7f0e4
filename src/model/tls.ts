// TLS as the data plane runs it. Options and the names of certificates are in the snapshot, keys are not: they go by a
// way of their own. Contexts are made of both where they are used.

/** A certificate as a snapshot names it. What it is made of is under the same name among the secrets. */
export interface CertificateSpec {
  /** What it is for, so that a renewed one keeps it; of those shown to servers, their place in the configuration. */
  readonly name: string;
  /**
   * Names it is for, lower case: DNS names, also `*.example.com`, and IP addresses. None when it is shown to servers
   * alone.
   */
  readonly hosts: readonly string[];
  /** Algorithm of the key: certificates of different ones can stand side by side for one name. */
  readonly keyType: string;
  /** Given to clients whose server name no certificate has. */
  readonly isDefault: boolean;
}

/** What a handshake needs, and nobody else may have. It changes with each renewal. */
export interface CertificateSecret {
  /** Hash of certificate and key. */
  readonly id: string;
  /** Chain in PEM, leaf first. */
  readonly certificate: string;
  /** Private key in PEM. Never shown, logged or stored with the history. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A certificate with its key, checked to belong together. */
export interface KeyedCertificate extends Omit<CertificateSecret, 'id'>, Omit<CertificateSpec, 'name'> {
  /** Hash of certificate and key; of those shown to servers, their place in the configuration. */
  readonly name: string;
}

/**
 * - `none`: no certificate is asked for
 * - `request`, `require`: one is asked for, or has to come; nobody checks who issued it
 * - `verifyIfGiven`, `requireAndVerify`: it must come from one of the authorities
 */
export type ClientAuthMode = 'none' | 'request' | 'require' | 'verifyIfGiven' | 'requireAndVerify';

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

export interface TlsOptionsSpec {
  /** Qualified name; `default` for the default ones. */
  readonly name: string;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL names joined by `:`; '' for the runtime's. */
  readonly ciphers: string;
  /** OpenSSL group names joined by `:`; 'auto' for the default ones, see dataplane/tls/groups.ts. */
  readonly curves: string;
  /** Protocols offered, in order of preference. */
  readonly protocols: readonly string[];
  readonly clientAuth: { readonly mode: ClientAuthMode; readonly authorities: readonly string[] };
  /** Refuse clients whose server name no certificate has. */
  readonly sniStrict: boolean;
  readonly sessionTickets: boolean;
}

/** A host that has other options than the default ones on an entry point. */
export interface TlsHostSpec {
  /** `entryPoint/host`. */
  readonly name: string;
  readonly entryPoint: string;
  /** As in a rule, lower case; may begin with `*.`. */
  readonly host: string;
  /** Qualified name; '' when they cannot be used: handshakes for this host fail. */
  readonly options: string;
}

export const DEFAULT_TLS_OPTIONS = 'default';

/** What workers of a process share about TLS sessions and certificates of last resort. */
export interface TlsSharedState {
  /** 48 random bytes: tickets of one worker are good in another one. */
  readonly ticketKeys: Uint8Array;
  /** Self-signed, made at start: for clients no certificate fits. */
  readonly fallback: { readonly certificate: string; readonly key: string };
}
