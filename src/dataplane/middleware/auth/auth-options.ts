// What basicAuth and digestAuth have in common: their options, the tables of users, and what a request looks like once
// its user is known.

import type { DecodeContext } from '../../../schema/decode-context.ts';
import { linesOfFile } from '../../../schema/file-option.ts';
import { forgivingList, indexInSource } from '../../../schema/forgiving.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { optional, withDefault } from '../../../schema/field.ts';
import { boolean, secret, string } from '../../../schema/scalar.ts';
import type { Schema } from '../../../schema/schema.ts';
import type { ClientIdentity } from '../../http/client-info.ts';
import type { Exchange } from '../../http/exchange.ts';
import { FAILURES } from '../../http/failure.ts';
import { respond, respondFailure } from '../../http/respond.ts';
import { fieldName } from '../option-types.ts';

/** `entry` shows how a user is written. */
export function authFields(entry: string) {
  return {
    users: withDefault(forgivingList(secret()), [], `Users as ${entry}.`),
    usersFile: optional(
      linesOfFile(),
      'File with more users, one a line; `#` begins a comment line. It is read with the configuration and watched; where a user is in both places, the file counts.',
    ),
    realm: withDefault(
      string({ pattern: /^[\x20-\x7e]+$/, expected: 'printable ASCII text' }),
      'traefik',
      'What browsers show to the user.',
    ),
    removeHeader: withDefault(boolean(), false, 'Takes the Authorization field off before the request goes upstream.'),
    headerField: optional(fieldName, 'Field that tells the service the user’s name.'),
  };
}

export interface UserEntries {
  readonly users: readonly string[];
  readonly usersFile: readonly string[] | undefined;
}

/** All entries; of two for one user the last counts. */
export function allEntries({ users, usersFile }: UserEntries): readonly string[] {
  return [...users, ...(usersFile ?? [])];
}

/**
 * The options without entries that `entryError` finds something wrong with: such a user cannot log in, whatever another
 * entry says of the name. With nobody left the middleware is in error. Messages never show an entry: it is a secret.
 */
export function withUsableUsers<T extends UserEntries>(
  schema: Schema<T>,
  entryError: (entry: string) => string | null,
): Schema<T> {
  return {
    ...schema,
    decode(input, context) {
      const given = schema.decode(input, context);
      if (given === INVALID) return INVALID;
      if (allEntries(given).length === 0) {
        return context.invalid(
          'there are no users: nobody could get in',
          'at least one user in users or usersFile',
          'none',
        );
      }
      const last = new Map(allEntries(given).map((entry) => [nameOf(entry), entry]));
      const isUsable = (entry: string): boolean =>
        entryError(entry) === null && entryError(last.get(nameOf(entry))!) === null;
      const users = given.users.filter(isUsable);
      const usersFile = given.usersFile?.filter(isUsable);
      const isAnyLeft = users.length + (usersFile?.length ?? 0) > 0;
      reportUsers(given, context, entryError, isAnyLeft);
      return isAnyLeft ? { ...given, users, usersFile } : INVALID;
    },
  };
}

function nameOf(entry: string): string {
  return entry.split(':', 1)[0]!;
}

function reportUsers(
  given: UserEntries,
  context: DecodeContext,
  entryError: (entry: string) => string | null,
  isAnyLeft: boolean,
): void {
  for (const place of ['users', 'usersFile'] as const) {
    const entries = given[place] ?? [];
    for (const [index, entry] of entries.entries()) {
      const wrong = entryError(entry);
      if (wrong === null) continue;
      const which = place === 'usersFile' ? `user ${index + 1} of the file: ` : '';
      const meaning = isAnyLeft ? '; this user cannot log in' : '';
      const report = (): void =>
        context.report(isAnyLeft ? 'warning' : 'error', 'invalid-value', which + wrong + meaning);
      context.at(place, () => (place === 'users' ? context.at(indexInSource(entries, index), report) : report()));
    }
  }
}

export function userNameError(name: string): string | null {
  if (name === '') return 'the user has no name';
  // It goes into a header field and into logs.
  return /[\0-\x1f\x7f]/.test(name) ? 'the name of the user holds control characters' : null;
}

/** For a quoted-string (RFC 9110 §5.6.4). */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** What follows when a user is known. */
export interface Admission {
  readonly identity: ClientIdentity;
  /** Finished line; '' for none. */
  readonly fieldLine: string;
}

export function admission(user: string, headerField: string | undefined): Admission {
  // Fields are sent as latin1: the bytes of the name have to survive it.
  const bytes = Buffer.from(user, 'utf8').toString('latin1');
  const identity: ClientIdentity = { name: user, proof: 'password', claims: {} };
  return { identity, fieldLine: headerField === undefined ? '' : `${headerField}: ${bytes}\r\n` };
}

/**
 * The request's credentials, or null when it has none. A request with several is answered 400 here and yields false:
 * two readers could take it for two users.
 */
export function credentialsOf(exchange: Exchange): string | null | false {
  const { names } = exchange.requestHeaders;
  const first = names.indexOf('authorization');
  if (first < 0) return null;
  if (names.indexOf('authorization', first + 1) >= 0) {
    respondFailure(exchange, FAILURES.badAuthorization);
    return false;
  }
  return exchange.requestHeaders.valueAt(first);
}

export function challenge(exchange: Exchange, line: string): void {
  exchange.responseHeaders.appendLine('www-authenticate', line);
  respond(exchange, 401, '401 Unauthorized\n');
}

/** Marks the request as the user's. `lowerField` is the field of `headerField`, '' for none. */
export function admit(exchange: Exchange, granted: Admission, lowerField: string, removesHeader: boolean): void {
  exchange.identity = granted.identity;
  if (removesHeader) exchange.requestHeaders.delete('authorization');
  if (granted.fieldLine !== '') exchange.requestHeaders.setLine(lowerField, granted.fieldLine);
}
