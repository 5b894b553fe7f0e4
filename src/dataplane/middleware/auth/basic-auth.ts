// basicAuth: lets users with a name and a password in (RFC 7617).

import { object } from '../../../schema/object.ts';
import type { Exchange, Handler } from '../../http/exchange.ts';
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
import { hashError, impossibleHash } from './password-hash.ts';
import type { Verdict } from './password-verifier.ts';

interface User extends Admission {
  readonly hash: string;
}

interface Credentials {
  readonly name: string;
  readonly password: Buffer;
}

function entryError(entry: string): string | null {
  const parts = entry.split(':');
  if (parts.length !== 2) return 'a user is written name:hash';
  return userNameError(parts[0]!) ?? hashError(parts[1]!);
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const COLON = 58;

/** Null when the value holds no Basic credentials. */
function parseBasic(value: string): Credentials | null {
  if (value.length < 7 || value.slice(0, 6).toLowerCase() !== 'basic ') return null;
  const encoded = value.slice(6).trim();
  if (!BASE64.test(encoded)) return null;
  const bytes = Buffer.from(encoded, 'base64');
  const colon = bytes.indexOf(COLON);
  if (colon < 0) return null;
  return { name: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) };
}

export const basicAuth = defineMiddleware({
  kind: 'basicAuth',
  summary: 'Asks for name and password.',
  description:
    'Hashes are those of `htpasswd` and `openssl passwd`: bcrypt (`$2y$`; `htpasswd -B`), SHA crypt (`$5$`, `$6$`; `openssl passwd -6`), MD5 crypt (`$apr1$`, `$1$`) and `{SHA}`. They are verified in a thread of their own and remembered; when too many wait, further ones are answered 503. Names nobody has take as long as others. Guesses are not slowed down: put a rate limit in front.',
  options: withUsableUsers(object(authFields('`name:hash`')), entryError),
  create: (given, { passwords }) => {
    const users = new Map<string, User>();
    for (const entry of allEntries(given)) {
      const [name = '', hash = ''] = entry.split(':');
      users.set(name, { ...admission(name, given.headerField), hash });
    }
    const [first] = users.values();
    const nobody = impossibleHash(first!.hash);
    const lowerField = given.headerField?.toLowerCase() ?? '';
    const { removeHeader } = given;
    const challengeLine = `WWW-Authenticate: Basic realm=${quoted(given.realm)}\r\n`;

    return (next) => {
      function decide(exchange: Exchange, user: User | undefined, verdict: Verdict): ReturnType<Handler> {
        // The client may have left while its password was looked at.
        if (exchange.isFinished) return;
        if (verdict === 'busy') respondFailure(exchange, FAILURES.authBusy);
        else if (verdict === 'wrong' || user === undefined) challenge(exchange, challengeLine);
        else {
          admit(exchange, user, lowerField, removeHeader);
          return next(exchange);
        }
      }
      return function basicAuthStage(exchange) {
        const value = credentialsOf(exchange);
        if (value === false) return;
        const credentials = value === null ? null : parseBasic(value);
        if (credentials === null) {
          challenge(exchange, challengeLine);
          return;
        }
        const user = users.get(credentials.name);
        const verdict = passwords.check(user?.hash ?? nobody, credentials.password);
        if (typeof verdict === 'string') return decide(exchange, user, verdict);
        return verdict.then((settled) => decide(exchange, user, settled));
      };
    };
  },
});
