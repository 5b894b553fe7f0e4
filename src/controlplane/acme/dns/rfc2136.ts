// Records by dynamic update (RFC 2136), signed with a shared key (RFC 8945): BIND, Knot, PowerDNS, Windows and others.
// By UDP first; by TCP when the answer does not fit or does not come.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { parseNameServer, type NameServer } from '../../config/install/certificates-resolver-options.ts';
import { AcmeFailure } from '../failure.ts';
import type { ProviderEnvironment } from './environment.ts';
import { Lookups } from './lookups.ts';
import { encodeUpdate, readAnswer, signMessage, TSIG_ALGORITHMS, type TsigKey, type UpdateAnswer } from './message.ts';
import type { CreateDnsProvider, DnsRecord } from './provider.ts';

const UDP_TRIES = 2;
const MAX_TCP_ANSWER = 65_535;

/** RFC 1035 §4.1.1, RFC 2136 §2.2. */
const CODES: Readonly<Record<number, string>> = {
  1: 'FORMERR: it did not understand the update',
  2: 'SERVFAIL: it could not make the change',
  3: 'NXDOMAIN',
  4: 'NOTIMP: it takes no updates',
  5: 'REFUSED: this key or address may not change the zone',
  6: 'YXDOMAIN',
  7: 'YXRRSET',
  8: 'NXRRSET',
  9: 'NOTAUTH: it is not responsible for the zone, or does not know the key',
  10: 'NOTZONE: the name is not in the zone',
};

export const createRfc2136: CreateDnsProvider = (environment) => {
  const server = parseNameServer(environment.required('RFC2136_NAMESERVER'));
  if (server === null) {
    throw new AcmeFailure('RFC2136_NAMESERVER is no name server; write host or host:port', { scope: 'authority' });
  }
  const key = keyOf(environment);
  const ttlSeconds = environment.number(['RFC2136_TTL'], 120);
  const timeoutMs = environment.milliseconds(['RFC2136_DNS_TIMEOUT'], 10);
  const update = async (action: 'add' | 'delete', record: DnsRecord, signal: AbortSignal): Promise<void> => {
    const lookups = new Lookups({ resolvers: [server] });
    const zone = await lookups.findZone(record.name).catch((error: unknown) => {
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      throw failure(server, `it cannot be asked for the zone of ${record.name}: ${reason}`);
    });
    if (zone === null) throw failure(server, `it has no zone for ${record.name}`);
    const id = randomInt(0, 65_536);
    const plain = encodeUpdate({ id, zone, action, name: record.name, value: record.value, ttlSeconds });
    const answer = await exchange(server, plain, key, timeoutMs, signal);
    if (answer.code !== 0) throw failure(server, CODES[answer.code] ?? `code ${answer.code}`);
  };
  return {
    present: (record, signal) => update('add', record, signal),
    cleanUp: (record, signal) => update('delete', record, signal),
    propagationTimeoutMs: environment.milliseconds(['RFC2136_PROPAGATION_TIMEOUT'], 60),
    pollingIntervalMs: environment.milliseconds(['RFC2136_POLLING_INTERVAL'], 2),
  };
};

function failure(server: NameServer, reason: string): AcmeFailure {
  return new AcmeFailure(`the name server ${server.host}:${server.port} refused the update: ${reason}`, {
    scope: 'certificate',
  });
}

/** Null without signatures. */
function keyOf(environment: ProviderEnvironment): TsigKey | null {
  const wrong = (message: string): AcmeFailure => new AcmeFailure(message, { scope: 'authority' });
  // The file of RFC2136_TSIG_FILE, as every variable may come from a file.
  const content = environment.get('RFC2136_TSIG');
  const parsed = content === null ? null : parseKeyFile(content);
  if (content !== null && parsed === null) throw wrong('RFC2136_TSIG_FILE holds no key as tsig-keygen writes it');
  const name = parsed?.name ?? environment.get('RFC2136_TSIG_KEY');
  const secret = parsed?.secret ?? environment.get('RFC2136_TSIG_SECRET');
  if (name === null && secret === null) return null;
  if (name === null || secret === null) throw wrong('RFC2136_TSIG_KEY and RFC2136_TSIG_SECRET belong together');
  const given = (parsed?.algorithm ?? environment.get('RFC2136_TSIG_ALGORITHM') ?? 'hmac-sha1')
    .toLowerCase()
    .replace(/\.$/, '');
  const algorithm = given === 'hmac-md5' ? 'hmac-md5.sig-alg.reg.int' : given;
  if (!(algorithm in TSIG_ALGORITHMS)) {
    throw wrong(`RFC2136_TSIG_ALGORITHM is one of ${Object.keys(TSIG_ALGORITHMS).join(', ')}`);
  }
  const bytes = Buffer.from(secret, 'base64');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(secret) || bytes.length === 0) throw wrong('RFC2136_TSIG_SECRET is in base64');
  return { name: name.toLowerCase().replace(/\.$/, ''), algorithm, secret: bytes };
}

/** What `tsig-keygen` writes: `key "name" { algorithm …; secret "…"; };`. */
function parseKeyFile(text: string): { name: string; algorithm: string; secret: string } | null {
  const name = /\bkey\s+"?([^\s"{;]+)"?\s*\{/.exec(text)?.[1];
  const algorithm = /\balgorithm\s+"?([^\s";]+)"?\s*;/.exec(text)?.[1];
  const secret = /\bsecret\s+"?([^\s";]+)"?\s*;/.exec(text)?.[1];
  return name === undefined || algorithm === undefined || secret === undefined ? null : { name, algorithm, secret };
}

async function exchange(
  server: NameServer,
  plain: Buffer,
  key: TsigKey | null,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<UpdateAnswer> {
  const address = isIP(server.host) > 0 ? server.host : (await lookup(server.host)).address;
  const id = plain.readUInt16BE(0);
  const share = Math.max(1_000, timeoutMs / (UDP_TRIES + 1));
  // Signed anew for every try: a server may take the same signature only once (RFC 8945 §5.2.3).
  const now = (): number => Math.floor(Date.now() / 1000);
  const prepare = (): { bytes: Buffer; read: (answer: Buffer) => UpdateAnswer } => {
    const signed = key === null ? { message: plain, mac: Buffer.alloc(0) } : signMessage(plain, key, now());
    return {
      bytes: signed.message,
      read(answer) {
        const value = readAnswer(answer, key, signed.mac, now());
        if (value.id !== id) throw new Error('the answer is to another question');
        return value;
      },
    };
  };
  for (let tries = 0; tries < UDP_TRIES; tries++) {
    const { bytes, read } = prepare();
    const answer = await askUdp(address, server.port, bytes, read, share, signal);
    if (answer instanceof Error) throw failure(server, answer.message);
    if (answer !== null && !answer.isTruncated) return answer;
    if (answer !== null) break;
  }
  const { bytes, read } = prepare();
  try {
    return read(await askTcp(address, server.port, bytes, share, signal));
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String((error as Error).message);
    throw failure(server, reason);
  }
}

/** Null when nothing came in time; an error when what came is not to be believed. */
function askUdp(
  address: string,
  port: number,
  bytes: Buffer,
  read: (answer: Buffer) => UpdateAnswer,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<UpdateAnswer | Error | null> {
  return new Promise((resolve) => {
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
    const settle = (result: UpdateAnswer | Error | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      socket.removeAllListeners();
      // An error after this is nobody's.
      socket.on('error', () => {});
      socket.close();
      resolve(result);
    };
    const aborted = (): void => settle(new Error('it was given up'));
    const timer = setTimeout(() => settle(null), timeoutMs);
    signal.addEventListener('abort', aborted, { once: true });
    // A port that nobody listens on; there may be one for TCP.
    socket.once('error', () => settle(null));
    socket.on('message', (answer) => {
      try {
        settle(read(answer));
      } catch (error) {
        settle(error instanceof Error ? error : new Error(String(error)));
      }
    });
    // Connected, so that datagrams of others do not arrive.
    socket.connect(port, address, () => socket.send(bytes));
  });
}

function askTcp(address: string, port: number, bytes: Buffer, timeoutMs: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, signal });
    let received: Buffer = Buffer.alloc(0);
    const settle = (error: Error | null, answer?: Buffer): void => {
      socket.destroy();
      if (error === null && answer !== undefined) resolve(answer);
      else reject(error ?? new Error('the connection ended before the answer'));
    };
    socket.setTimeout(timeoutMs, () => settle(new Error(`no answer within ${timeoutMs} ms`)));
    socket.once('error', (error) => settle(error));
    socket.once('close', () => settle(null));
    socket.once('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      socket.write(Buffer.concat([length, bytes]));
    });
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > MAX_TCP_ANSWER + 2) settle(new Error('the answer is too long'));
      else if (received.length >= 2 && received.length >= received.readUInt16BE(0) + 2) {
        settle(null, received.subarray(2, received.readUInt16BE(0) + 2));
      }
    });
  });
}
