// What basicAuth and digestAuth have in common: their options, the tables of users, and what a request looks like once its
// user is known.

import type { DecodeContext } from '../../schema/decode-context.ts';
import { linesOfFile } from '../../schema/file-option.ts';
import { boolean, list, optional, secret, string, withDefault } from '../../schema/schema.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { respond, respondFailure } from '../http/respond.ts';
import { fieldName } from './option-types.ts';

/** `entry` shows how a user is written. */
export function authFields(entry: string) {
  return {
    users: withDefault(list(secret()), [], `Users as ${entry}.`),
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

/** Reports what `entryError` finds wrong with each entry. Messages never show an entry: it is a secret. */
export function checkUsers(
  given: UserEntries,
  context: DecodeContext,
  entryError: (entry: string) => string | null,
): void {
  if (allEntries(given).length === 0) {
    context.invalid('there are no users: nobody could get in', 'at least one user in users or usersFile', 'none');
  }
  for (const place of ['users', 'usersFile'] as const) {
    given[place]?.forEach((entry, index) => {
      const wrong = entryError(entry);
      if (wrong === null) return;
      const which = place === 'usersFile' ? `user ${index + 1} of the file: ` : '';
      const report = (): void => context.report('error', 'invalid-value', which + wrong);
      context.at(place, () => (place === 'users' ? context.at(index, report) : report()));
    });
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
  readonly user: string;
  /** Finished line; '' for none. */
  readonly fieldLine: string;
}

export function admission(user: string, headerField: string | undefined): Admission {
  // Fields are sent as latin1: the bytes of the name have to survive it.
  const bytes = Buffer.from(user, 'utf8').toString('latin1');
  return { user, fieldLine: headerField === undefined ? '' : `${headerField}: ${bytes}\r\n` };
}

/**
 * The request's credentials, or null when it has none. A request with several is answered 400 here and yields false: two
 * readers could take it for two users.
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
  exchange.clientUser = granted.user;
  if (removesHeader) exchange.requestHeaders.delete('authorization');
  if (granted.fieldLine !== '') exchange.requestHeaders.setLine(lowerField, granted.fieldLine);
}
