// Names of cipher suites and groups as Traefik's users know them (Go's), in OpenSSL's terms, and whether this runtime
// has them.

import tls from 'node:tls';

/** TLS 1.2 and older; RFC 5246 and those after it. Names of TLS 1.3 are the same in both. */
const CIPHERS: Readonly<Record<string, string>> = {
  TLS_RSA_WITH_RC4_128_SHA: 'RC4-SHA',
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: 'DES-CBC3-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: 'ECDHE-ECDSA-RC4-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_RC4_128_SHA: 'ECDHE-RSA-RC4-SHA',
  TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: 'ECDHE-RSA-DES-CBC3-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
};

/** Suites of TLS 1.3 are all sound and stay on whatever is chosen for older versions, as in Go. */
export const TLS13_CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Forward secrecy and authenticated encryption: what every client since 2014 can do. */
export const DEFAULT_CIPHERS = [
  ...TLS13_CIPHERS,
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const CURVES: Readonly<Record<string, string>> = {
  CurveP256: 'P-256',
  CurveP384: 'P-384',
  CurveP521: 'P-521',
  X25519: 'X25519',
  X25519MLKEM768: 'X25519MLKEM768',
  SecP256r1MLKEM768: 'SecP256r1MLKEM768',
  SecP384r1MLKEM1024: 'SecP384r1MLKEM1024',
};

/** As in RFC 8446 §4.2.7. */
const CURVE_ALIASES: Readonly<Record<string, string>> = {
  secp256r1: 'CurveP256',
  secp384r1: 'CurveP384',
  secp521r1: 'CurveP521',
  // OpenSSL's and NIST's.
  prime256v1: 'CurveP256',
  'P-256': 'CurveP256',
  'P-384': 'CurveP384',
  'P-521': 'CurveP521',
};

export const CIPHER_NAMES = Object.keys(CIPHERS);
export const CURVE_NAMES = [...Object.keys(CURVE_ALIASES), ...Object.keys(CURVES)];

/** RFC 7507: a client says that it has tried a newer version. */
const SIGNAL = 'TLS_FALLBACK_SCSV';

/**
 * In OpenSSL's terms: `missing` when this runtime cannot do it, `signal` when it is no suite, `unknown` when nobody
 * can.
 */
export type NameOutcome = { readonly name: string } | 'unknown' | 'missing' | 'signal';

let offered: ReadonlySet<string> | null = null;

export function cipherByName(name: string): NameOutcome {
  if (name.toUpperCase() === SIGNAL) return 'signal';
  const cipher = CIPHERS[name];
  if (cipher === undefined) return 'unknown';
  offered ??= new Set(tls.getCiphers());
  return offered.has(cipher.toLowerCase()) ? { name: cipher } : 'missing';
}

const tried = new Map<string, boolean>();

export function curveByName(name: string): NameOutcome {
  const curve = CURVES[CURVE_ALIASES[name] ?? name];
  if (curve === undefined) return 'unknown';
  let works = tried.get(curve);
  if (works === undefined) {
    try {
      // The one public way to ask OpenSSL.
      tls.createSecureContext({ ecdhCurve: curve });
      works = true;
    } catch {
      works = false;
    }
    tried.set(curve, works);
  }
  return works ? { name: curve } : 'missing';
}
