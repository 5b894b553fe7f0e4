// digestAuth: lets users in who prove that they know a password without sending it (RFC 7616, MD5 with qop=auth).

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { checked, object } from '../../../schema/object.ts';
import type { Exchange } from '../../http/exchange.ts';
import { FAILURES } from '../../http/failure.ts';
import { respondFailure } from '../../http/respond.ts';
import {
  admission,
  admit,
  allEntries,
  authFields,
  challenge,
  credentialsOf,
  quoted,
  userNameError,
  withUsableUsers,
  type Admission,
} from './auth-options.ts';
import { defineMiddleware } from '../define.ts';
import { DigestNonces } from './digest-nonce.ts';

interface User extends Admission {
  /** MD5 of `name:realm:password`, hexadecimal. */
  readonly ha1: string;
}

const HA1 = /^[0-9A-Fa-f]{32}$/;
const PARAMETER = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[\t ]*=[\t ]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))[\t ]*(?:,[\t ]*|$)/y;

function entryError(entry: string): string | null {
  const parts = entry.split(':');
  if (parts.length !== 3) return 'a user is written name:realm:hash';
  if (!HA1.test(parts[2]!)) return 'the hash is not the 32 hexadecimal digits of MD5(name:realm:password)';
  return userNameError(parts[0]!);
}

/** The parameters of Digest credentials by lower-case name; null when they are none, or say one thing twice. */
export function parseDigest(value: string): ReadonlyMap<string, string> | null {
  if (value.slice(0, 7).toLowerCase() !== 'digest ') return null;
  const text = value.slice(7).trim();
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  while (PARAMETER.lastIndex < text.length) {
    const match = PARAMETER.exec(text);
    if (match === null) return null;
    const name = match[1]!.toLowerCase();
    if (parameters.has(name)) return null;
    parameters.set(name, match[2] === undefined ? match[3]! : match[2].replace(/\\(.)/g, '$1'));
  }
  return parameters;
}

/** Header text is bytes as latin1; so is what was hashed. */
function md5(text: string): string {
  return createHash('md5').update(text, 'latin1').digest('hex');
}

function isEqual(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one, 'latin1'), Buffer.from(other, 'latin1'));
}

export const digestAuth = defineMiddleware({
  kind: 'digestAuth',
  summary: 'Asks for name and password, which is proven and not sent.',
  description:
    'A user is `name:realm:hash` with the MD5 of `name:realm:password`, as `htdigest` makes it; users of another realm than this one cannot log in. Nonces are good for five minutes and for each use count once in every worker. The `uri` of the credentials has to be the target of the request.',
  options: checked(withUsableUsers(object(authFields('`name:realm:hash`')), entryError), (given, context) => {
    if (!allEntries(given).some((entry) => entry.split(':')[1] === given.realm)) {
      context.at('realm', () =>
        context.report(
          'warning',
          'option-without-effect',
          `no user is of the realm "${given.realm}": nobody can log in`,
        ),
      );
    }
  }),
  create: (given, { name: middlewareName, secret }) => {
    const users = new Map<string, User>();
    for (const entry of allEntries(given)) {
      const [name = '', realm = '', hash = ''] = entry.split(':');
      if (realm === given.realm) users.set(name, { ...admission(name, given.headerField), ha1: hash.toLowerCase() });
    }
    // A key of its own: what one middleware has signed, another one must not take for its own.
    const nonces = new DigestNonces(createHmac('sha256', secret).update(middlewareName).digest());
    const opaque = createHmac('sha256', secret).update(`opaque ${middlewareName}`).digest('hex').slice(0, 32);
    // Unknown users take as long as known ones.
    const nobody = randomBytes(16).toString('hex');
    const lowerField = given.headerField?.toLowerCase() ?? '';
    const { removeHeader } = given;
    const start = `WWW-Authenticate: Digest realm=${quoted(given.realm)}, nonce="`;
    const end = `", opaque="${opaque}", algorithm=MD5, qop="auth"`;

    const ask = (exchange: Exchange, isStale: boolean): void =>
      challenge(exchange, `${start}${nonces.create(exchange.startWallMs)}${end}${isStale ? ', stale=true' : ''}\r\n`);

    return (next) =>
      function digestAuthStage(exchange) {
        const value = credentialsOf(exchange);
        if (value === false) return;
        const given = value === null ? null : parseDigest(value);
        if (given === null) {
          ask(exchange, false);
          return;
        }
        const parameter = (name: string): string => given.get(name) ?? '';
        const count = parameter('nc');
        const uri = parameter('uri');
        const nonce = parameter('nonce');
        const cnonce = parameter('cnonce');
        if (
          parameter('qop') !== 'auth' ||
          !/^(?:md5)?$/i.test(parameter('algorithm')) ||
          parameter('opaque') !== opaque ||
          !/^[0-9A-Fa-f]{8}$/.test(count) ||
          cnonce === ''
        ) {
          ask(exchange, false);
          return;
        }
        // RFC 7616 §3.4.6: credentials for another resource are an attack, not a mistake.
        if (uri !== exchange.target) {
          respondFailure(exchange, FAILURES.badAuthorization);
          return;
        }
        const state = nonces.inspect(nonce, exchange.startWallMs);
        const user = users.get(Buffer.from(parameter('username'), 'latin1').toString('utf8'));
        const expected = md5(
          `${user?.ha1 ?? nobody}:${nonce}:${count}:${cnonce}:auth:${md5(`${exchange.method}:${uri}`)}`,
        );
        if (!isEqual(expected, parameter('response').toLowerCase()) || user === undefined || state === 'forged') {
          ask(exchange, false);
          return;
        }
        if (state === 'stale' || !nonces.use(nonce, Number.parseInt(count, 16))) {
          ask(exchange, true);
          return;
        }
        admit(exchange, user, lowerField, removeHeader);
        return next(exchange);
      };
  },
});
