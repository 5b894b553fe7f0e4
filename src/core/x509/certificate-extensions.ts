// Extensions of certificates (RFC 5280 §4.2), each as the DER of one `Extension`.

import { createHash } from 'node:crypto';
import { BIT_STRING, der, extension, INTEGER, OCTET_STRING, oid, SEQUENCE } from './der.ts';
import { parseIp, type IpAddress } from '../ip.ts';

const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALT_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const NAME_CONSTRAINTS = '2.5.29.30';
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** Tags of a `GeneralName` (§4.2.1.6). */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

const TRUE = Buffer.from([0x01, 0x01, 0xff]);

/** No certificate authority. */
export const END_ENTITY = extension(BASIC_CONSTRAINTS, true, der(SEQUENCE));

/** An authority that certifies no other authorities. */
export const LAST_AUTHORITY = extension(BASIC_CONSTRAINTS, true, der(SEQUENCE, TRUE, der(INTEGER, Buffer.from([0]))));

/** Bits are counted from the left: digitalSignature is the first, keyCertSign the sixth. */
export const SIGNS_HANDSHAKES = extension(KEY_USAGE, true, der(BIT_STRING, Buffer.from([7, 0x80])));
export const SIGNS_CERTIFICATES = extension(KEY_USAGE, true, der(BIT_STRING, Buffer.from([2, 0x04])));

export const FOR_SERVERS = extension(EXTENDED_KEY_USAGE, false, der(SEQUENCE, oid(SERVER_AUTH)));

/** DNS names and IP addresses. */
export function alternativeNames(hosts: readonly string[]): Buffer {
  const names = hosts.map((host) => {
    const address = parseIp(host);
    return address === null ? der(DNS_NAME, Buffer.from(host, 'latin1')) : der(IP_ADDRESS, bytesOf(address));
  });
  return extension(SUBJECT_ALT_NAME, false, der(SEQUENCE, ...names));
}

/** A DNS name with all names below it, or a network. */
export type PermittedName = string | { readonly address: IpAddress; readonly bits: number };

/** Nothing but these may be certified (§4.2.1.10). */
export function permittedNames(names: readonly PermittedName[]): Buffer {
  const subtrees = names.map((name) =>
    der(
      SEQUENCE,
      typeof name === 'string'
        ? der(DNS_NAME, Buffer.from(name, 'latin1'))
        : der(IP_ADDRESS, bytesOf(name.address), maskOf(name)),
    ),
  );
  return extension(NAME_CONSTRAINTS, true, der(SEQUENCE, der(0xa0, ...subtrees)));
}

/** Of a public key, which is an `spki` in DER. */
export function subjectKey(spki: Buffer): Buffer {
  return extension(SUBJECT_KEY_IDENTIFIER, false, der(OCTET_STRING, keyIdentifier(spki)));
}

/** Of the public key of who signs. */
export function authorityKey(spki: Buffer): Buffer {
  return extension(AUTHORITY_KEY_IDENTIFIER, false, der(SEQUENCE, der(0x80, keyIdentifier(spki))));
}

/** As RFC 7093 §2 makes one. */
function keyIdentifier(spki: Buffer): Buffer {
  return createHash('sha256').update(spki).digest().subarray(0, 20);
}

function bytesOf({ words }: IpAddress): Buffer {
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, index) => bytes.writeUInt32BE(word, index * 4));
  return bytes;
}

function maskOf({ address, bits }: Exclude<PermittedName, string>): Buffer {
  const mask = Buffer.alloc(address.words.length * 4);
  for (let bit = 0; bit < bits; bit++) mask[bit >> 3]! |= 0x80 >> (bit & 7);
  return mask;
}
