// Password hashes as htpasswd and crypt(3) write them: bcrypt ($2y$, by a library), `{SHA}`, MD5 crypt ($1$ and
// Apache's $apr1$), SHA crypt ($5$, $6$; https://www.akkadia.org/drepper/SHA-crypt.txt). All but the first cost
// milliseconds on purpose: never verify those on an event loop.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { onDemand } from '../../../core/on-demand.ts';

const bcrypt = onDemand<typeof import('bcryptjs')>('bcryptjs');

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const DEFAULT_ROUNDS = 5_000;
const MIN_ROUNDS = 1_000;
/** About a second of one core; the format allows a thousand times more, which is a trap rather than a protection. */
const MAX_ROUNDS = 1_000_000;

const BCRYPT = /^\$2[aby]\$([0-9]{2})\$[./0-9A-Za-z]{53}$/;
const MIN_BCRYPT_COST = 4;
/** Some seconds of one core. */
const MAX_BCRYPT_COST = 15;

/** What bcrypt looks at; it ignores the rest. */
const MAX_BCRYPT_BYTES = 72;

const SHA = /^\{SHA\}([A-Za-z0-9+/]{27}=)$/;
const MD5_CRYPT = /^(\$1\$|\$apr1\$)([^$:]{0,8})\$([./0-9A-Za-z]{22})$/;
const SHA_CRYPT = /^\$([56])\$(?:rounds=([0-9]{1,9})\$)?([^$:]{0,16})\$([./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})$/;

/** Digest bytes in the order in which crypt writes them, three by three. */
const MD5_ORDER = [0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5];
const SHA256_ORDER = rotated(30, 10, (a, b, c) => [c, a, b]);
const SHA512_ORDER = rotated(63, 21, (a, b, c) => [b, c, a]);

/** What is wrong with a hash, or null. */
export function hashError(hash: string): string | null {
  const bcrypt = BCRYPT.exec(hash);
  if (bcrypt !== null) {
    const cost = Number(bcrypt[1]);
    if (cost >= MIN_BCRYPT_COST && cost <= MAX_BCRYPT_COST) return null;
    return `the cost of the bcrypt hash is ${cost}; it is from ${MIN_BCRYPT_COST} to ${MAX_BCRYPT_COST} here`;
  }
  if (SHA.test(hash) || MD5_CRYPT.test(hash)) return null;
  const match = SHA_CRYPT.exec(hash);
  if (match === null || match[4]!.length !== (match[1] === '5' ? 43 : 86)) {
    if (hash.startsWith('$$') && hashError(hash.replaceAll('$$', '$')) === null) {
      return 'the dollars of the password hash are doubled, as compose files need it; write each once here';
    }
    return 'the password hash is none of bcrypt ($2y$), {SHA}, $apr1$, $1$, $5$ and $6$';
  }
  return Number(match[2] ?? 0) > MAX_ROUNDS ? `the password hash has more than ${MAX_ROUNDS} rounds` : null;
}

/** What is wrong with a password for bcrypt, or with its cost; null when it can be hashed. */
export function bcryptProblem(password: string, cost: number): string | null {
  if (password === '') return 'the password is empty';
  const bytes = Buffer.byteLength(password);
  if (bytes > MAX_BCRYPT_BYTES) {
    return `the password has ${bytes} bytes; bcrypt looks at the first ${MAX_BCRYPT_BYTES} only, so give a shorter one`;
  }
  if (Number.isInteger(cost) && cost >= MIN_BCRYPT_COST && cost <= MAX_BCRYPT_COST) return null;
  return `the cost is a whole number from ${MIN_BCRYPT_COST} to ${MAX_BCRYPT_COST}; each step doubles the time`;
}

/** As `htpasswd -B` writes it; `bcryptProblem` has nothing to say. */
export async function hashPassword(password: string, cost: number): Promise<string> {
  return (await bcrypt().hash(password, cost)).replace(/^\$2[ab]\$/, '$2y$');
}

/** It can be verified on the spot. */
export function isCheapHash(hash: string): boolean {
  return hash.startsWith('{');
}

/**
 * A hash of the same kind and cost that no password has: what unknown users are compared with, so that time tells
 * nothing.
 */
export function impossibleHash(like: string): string {
  const salt = randomBytes(4).toString('hex');
  if (isCheapHash(like)) return `{SHA}${randomBytes(20).toString('base64')}`;
  if (BCRYPT.test(like)) return `${like.slice(0, 7)}${(salt + salt + salt).slice(0, 21)}.${'.'.repeat(31)}`;
  const md5 = MD5_CRYPT.exec(like);
  if (md5 !== null) return `${md5[1]}${salt}$${'.'.repeat(22)}`;
  const sha = SHA_CRYPT.exec(like);
  if (sha === null) throw new Error('the hash was not checked');
  const rounds = sha[2] === undefined ? '' : `rounds=${sha[2]}$`;
  return `$${sha[1]}$${rounds}${salt}$${'.'.repeat(sha[4]!.length)}`;
}

/** The hash has passed `hashError`. */
export function verifyPassword(hash: string, password: Buffer): boolean {
  if (isCheapHash(hash)) {
    return isEqual(`{SHA}${createHash('sha1').update(password).digest('base64')}`, hash);
  }
  if (BCRYPT.test(hash)) return bcrypt().compareSync(password.toString('utf8'), hash);
  const md5 = MD5_CRYPT.exec(hash);
  if (md5 !== null) return isEqual(md5Crypt(password, md5[1]!, md5[2]!), md5[3]!);
  const sha = SHA_CRYPT.exec(hash);
  if (sha === null) return false;
  const rounds = sha[2] === undefined ? DEFAULT_ROUNDS : Math.max(MIN_ROUNDS, Number(sha[2]));
  return isEqual(shaCrypt(password, sha[1] === '5' ? 'sha256' : 'sha512', sha[3]!, rounds), sha[4]!);
}

function isEqual(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one, 'latin1'), Buffer.from(other, 'latin1'));
}

function digest(algorithm: string, parts: readonly Buffer[]): Buffer {
  return createHash(algorithm).update(Buffer.concat(parts)).digest();
}

/** `source` over and over, up to a length. */
function repeated(source: Buffer, length: number): Buffer {
  return Buffer.alloc(length, source);
}

function md5Crypt(password: Buffer, magic: string, saltText: string): string {
  const salt = Buffer.from(saltText, 'utf8');
  const parts = [password, Buffer.from(magic, 'latin1'), salt];
  const inner = digest('md5', [password, salt, password]);
  if (password.length > 0) parts.push(repeated(inner, password.length));
  for (let bits = password.length; bits > 0; bits >>= 1) {
    parts.push((bits & 1) === 1 ? Buffer.alloc(1) : password.subarray(0, 1));
  }
  let result = digest('md5', parts);
  for (let round = 0; round < 1000; round++) result = mix('md5', round, result, password, salt);
  return encode(result, MD5_ORDER) + encodeWord(result[11]!, 2);
}

function shaCrypt(password: Buffer, algorithm: 'sha256' | 'sha512', saltText: string, rounds: number): string {
  const salt = Buffer.from(saltText, 'utf8');
  const inner = digest(algorithm, [password, salt, password]);
  const parts = [password, salt];
  if (password.length > 0) parts.push(repeated(inner, password.length));
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? inner : password);
  let result = digest(algorithm, parts);
  const passwords = Array.from({ length: password.length }, () => password);
  const passwordBytes = password.length === 0 ? password : repeated(digest(algorithm, passwords), password.length);
  const salts = Array.from({ length: 16 + result[0]! }, () => salt);
  const saltBytes = salt.length === 0 ? salt : repeated(digest(algorithm, salts), salt.length);
  for (let round = 0; round < rounds; round++) result = mix(algorithm, round, result, passwordBytes, saltBytes);
  if (algorithm === 'sha256') return encode(result, SHA256_ORDER) + encodeWord((result[31]! << 8) | result[30]!, 3);
  return encode(result, SHA512_ORDER) + encodeWord(result[63]!, 2);
}

/** The step that both repeat: what goes in, and in which order, depends on the number of the round. */
function mix(algorithm: string, round: number, result: Buffer, password: Buffer, salt: Buffer): Buffer {
  const isOdd = round % 2 === 1;
  const parts = [isOdd ? password : result];
  if (round % 3 !== 0) parts.push(salt);
  if (round % 7 !== 0) parts.push(password);
  parts.push(isOdd ? result : password);
  return digest(algorithm, parts);
}

/** `length` digits of six bits, the lowest first. */
function encodeWord(word: number, length: number): string {
  let text = '';
  for (let index = 0; index < length; index++) text += ALPHABET[(word >>> (6 * index)) & 63];
  return text;
}

function encode(bytes: Buffer, order: readonly number[]): string {
  let text = '';
  for (let at = 0; at < order.length; at += 3) {
    text += encodeWord((bytes[order[at]!]! << 16) | (bytes[order[at + 1]!]! << 8) | bytes[order[at + 2]!]!, 4);
  }
  return text;
}

/** Triples 0, third, 2 · third; each next one counts one up and turns. */
function rotated(
  length: number,
  third: number,
  turn: (a: number, b: number, c: number) => readonly [number, number, number],
): number[] {
  const order: number[] = [];
  let triple: readonly [number, number, number] = [0, third, 2 * third];
  for (let at = 0; at < length; at += 3) {
    order.push(...triple);
    const [a, b, c] = triple;
    triple = turn(a + 1, b + 1, c + 1);
  }
  return order;
}
