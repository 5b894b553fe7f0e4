// A self-signed certificate in some 60 lines of DER. Libraries that do it take a quarter of a second and 20 MB to load,
// which every start would pay.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface SelfSigned {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export interface SelfSignedOptions {
  readonly commonName: string;
  /** DNS names. */
  readonly hosts: readonly string[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  readonly days: number;
  /** Further extensions, each the DER of one `Extension` (RFC 5280 §4.1). */
  readonly extensions?: readonly Buffer[];
}

const DAY_MS = 86_400_000;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;
const DNS_NAME = 0x82;

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const SUBJECT_ALT_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';

/** Version 3, P-256, ECDSA with SHA-256; no authority. RFC 5280 §4.1. */
export function selfSigned({ commonName, hosts, nowMs, days, extensions = [] }: SelfSignedOptions): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(SEQUENCE, oid(ECDSA_WITH_SHA256));
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, oid(COMMON_NAME), der(UTF8_STRING, Buffer.from(commonName)))));
  // §4.1.2.2: positive, at most 20 octets.
  const serial = Buffer.concat([Buffer.from([0x40]), randomBytes(15)]);
  const names = der(SEQUENCE, ...hosts.map((host) => der(DNS_NAME, Buffer.from(host, 'latin1'))));
  const present = [
    // An empty sequence: no certificate authority.
    extension(BASIC_CONSTRAINTS, true, der(SEQUENCE)),
    ...(hosts.length === 0 ? [] : [extension(SUBJECT_ALT_NAME, false, names)]),
    ...extensions,
  ];
  const certificate = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serial),
    algorithm,
    name,
    // A client's clock may be slow.
    der(SEQUENCE, time(nowMs - DAY_MS), time(nowMs + days * DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, ...present)),
  );
  const signature = sign('sha256', certificate, privateKey);
  const whole = der(SEQUENCE, certificate, algorithm, der(BIT_STRING, Buffer.from([0]), signature));
  return {
    certificate: pem('CERTIFICATE', whole),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** One `Extension`; `value` is the DER it holds. */
export function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  const critical = isCritical ? [Buffer.from([0x01, 0x01, 0xff])] : [];
  return der(SEQUENCE, oid(id), ...critical, der(OCTET_STRING, value));
}

/** Tag, length, value (X.690 §8.1). */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length, ...length]), body]);
}

/** X.690 §8.19: the first two arcs in one, base 128. */
function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left % 128) | 0x80);
    bytes.push(...digits);
  }
  return der(OBJECT_IDENTIFIER, Buffer.from(bytes));
}

/** §4.1.2.5: UTCTime through 2049. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return digits < '2050' ? der(UTC_TIME, Buffer.from(digits.slice(2))) : der(GENERALIZED_TIME, Buffer.from(digits));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
