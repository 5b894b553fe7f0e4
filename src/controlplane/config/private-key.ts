// What a private key has in common with its certificate, read without OpenSSL, whose decoders take the better part of a
// millisecond for each key: a router with ten thousand certificates would be ten seconds late. OpenSSL compares the
// same parts. Whatever is not plainly an RSA or EC key is left to it.

export interface PublicPart {
  /** As in `KeyObject.asymmetricKeyType`. */
  readonly type: 'rsa' | 'ec';
  /** RSA's modulus, or the point on the curve, as they stand in the certificate. */
  readonly bytes: Buffer;
}

const PEM = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----/;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;
const PUBLIC_KEY = 0xa1;
const RSA_ENCRYPTION = Buffer.from('2a864886f70d010101', 'hex');
const EC_PUBLIC_KEY = Buffer.from('2a8648ce3d0201', 'hex');

/** Null when OpenSSL should look at it: another kind of key, an encrypted one, or none at all. */
export function publicPartOf(pem: string): PublicPart | null {
  const found = PEM.exec(pem);
  if (found === null) return null;
  const der = Buffer.from(found[2]!, 'base64');
  switch (found[1]) {
    case 'RSA PRIVATE KEY':
      return rsaPart(der);
    case 'EC PRIVATE KEY':
      return ecPart(der);
    default:
      return wrappedPart(der);
  }
}

/** PrivateKeyInfo (RFC 5208 §5): version, algorithm, key. */
function wrappedPart(der: Buffer): PublicPart | null {
  const [, algorithm, key] = childrenOf(der) ?? [];
  if (algorithm?.tag !== SEQUENCE || key?.tag !== OCTET_STRING) return null;
  const [id] = partsOf(algorithm.body) ?? [];
  if (id?.tag !== OBJECT_IDENTIFIER) return null;
  if (id.body.equals(RSA_ENCRYPTION)) return rsaPart(key.body);
  return id.body.equals(EC_PUBLIC_KEY) ? ecPart(key.body) : null;
}

/** RSAPrivateKey (RFC 8017 §A.1.2): version, modulus and six more. */
function rsaPart(der: Buffer): PublicPart | null {
  const parts = childrenOf(der);
  const modulus = parts?.[1];
  if (parts === null || parts.length < 9 || modulus?.tag !== INTEGER || modulus.body.length < 64) return null;
  return { type: 'rsa', bytes: modulus.body };
}

/** ECPrivateKey (RFC 5915 §3): version, key, and mostly curve and public point. */
function ecPart(der: Buffer): PublicPart | null {
  const parts = childrenOf(der);
  const tagged = parts?.find(({ tag }) => tag === PUBLIC_KEY);
  if (tagged === undefined || parts?.[1]?.tag !== OCTET_STRING) return null;
  const [point] = partsOf(tagged.body) ?? [];
  // The first byte counts bits that are not used.
  if (point?.tag !== BIT_STRING || point.body.length < 33 || point.body[0] !== 0) return null;
  return { type: 'ec', bytes: point.body.subarray(1) };
}

interface Part {
  readonly tag: number;
  readonly body: Buffer;
}

/** Of a SEQUENCE that is all there is. */
function childrenOf(der: Buffer): readonly Part[] | null {
  const parts = partsOf(der);
  return parts?.length === 1 && parts[0]!.tag === SEQUENCE ? partsOf(parts[0]!.body) : null;
}

/** Elements one after the other (X.690 §8.1); null when they do not fill the bytes exactly. */
function partsOf(der: Buffer): readonly Part[] | null {
  const parts: Part[] = [];
  for (let at = 0; at < der.length;) {
    if (at + 2 > der.length) return null;
    const tag = der[at]!;
    let length = der[at + 1]!;
    let start = at + 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count < 1 || count > 3 || start + count > der.length) return null;
      length = der.readUIntBE(start, count);
      start += count;
    }
    if (start + length > der.length) return null;
    parts.push({ tag, body: der.subarray(start, start + length) });
    at = start + length;
  }
  return parts;
}
