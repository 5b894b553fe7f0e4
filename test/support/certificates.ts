// Certificates for tests, made on the spot, and what OpenSSL says about them.

import { execFileSync } from 'node:child_process';
import { selfSigned } from '../../src/core/x509/self-signed.ts';

export interface TestPair {
  readonly certPem: string;
  readonly keyPem: string;
}

/** Self-signed, for `days` from `nowMs`. */
export function makePair(hosts: readonly string[], nowMs = Date.now(), days = 90): TestPair {
  const { certificate, key } = selfSigned({ commonName: hosts[0]!, hosts: [...hosts], nowMs, days });
  return { certPem: certificate, keyPem: key };
}

/** Text of `openssl x509` or `openssl req`. */
export function openssl(kind: 'x509' | 'req', pem: string, ...args: readonly string[]): string {
  return execFileSync('openssl', [kind, '-noout', '-text', ...args], { input: pem }).toString();
}
