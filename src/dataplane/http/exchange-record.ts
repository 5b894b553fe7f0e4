// What an access log says of an exchange that it does not have as a field. A class below the exchange, and without
// fields, so that an exchange stays one object.

import type { AccessRecord } from '../../model/access-record.ts';
import type { Attempt } from './attempt.ts';
import type { ClientIdentity, ClientInfo } from './client-info.ts';
import type { Failure } from './failure.ts';

export abstract class ExchangeRecord {
  abstract readonly client: ClientInfo;
  abstract identity: ClientIdentity | null;
  abstract readonly attempt: Attempt;
  abstract majorVersion: number;
  abstract minorVersion: number;
  abstract startMs: number;
  abstract endMs: number;
  abstract originStartMs: number;
  abstract originEndMs: number;
  abstract failure: Failure | null;

  get clientIp(): string {
    return this.client.ip;
  }
  get clientPort(): number {
    return this.client.port;
  }
  get scheme(): 'http' | 'https' {
    return this.client.scheme;
  }
  get tlsVersion(): string {
    return this.client.tls === null ? '' : this.client.tls.version;
  }
  get tlsCipher(): string {
    return this.client.tls === null ? '' : this.client.tls.cipher;
  }
  get tlsClientSubject(): string {
    return this.client.tls === null ? '' : this.client.tls.clientSubject;
  }
  get protocol(): string {
    if (this.majorVersion === 2) return 'HTTP/2.0';
    return this.minorVersion === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  }
  get durationMs(): number {
    return this.endMs - this.startMs;
  }
  get originDurationMs(): number {
    return this.originStartMs === 0 ? 0 : (this.originEndMs || this.endMs) - this.originStartMs;
  }
  get responseFlag(): string {
    return this.failure === null ? '' : this.failure.flag;
  }
  get retryAttempts(): number {
    return Math.max(0, this.attempt.number - 1);
  }

  /** Of those who have shown a password; a certificate's subject stands apart. */
  get clientUser(): AccessRecord['clientUser'] {
    return this.identity?.proof === 'password' ? this.identity.name : '';
  }

  /** For plugins that authenticate and know of a name alone. */
  set clientUser(name: string) {
    this.identity = name === '' ? null : { name, proof: 'password', claims: {} };
  }
}
