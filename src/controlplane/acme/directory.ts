// What an authority says about itself: which extensions it has. Pure.

import { isIP } from 'node:net';
import { isMap } from '../../schema/input.ts';
import { AcmeFailure } from './failure.ts';

export interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  /** Where its renewal windows are (RFC 9773); null when it has none. */
  readonly renewalInfo: string | null;
  /** By name, with its own description of each. */
  readonly profiles: readonly string[];
}

export function readDirectory(text: string): Directory {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  const addresses = isMap(value) ? [value['newNonce'], value['newAccount'], value['newOrder']] : [];
  const [newNonce, newAccount, newOrder] = addresses.filter((one): one is string => typeof one === 'string');
  if (!isMap(value) || newNonce === undefined || newAccount === undefined || newOrder === undefined) {
    throw new AcmeFailure('the answer is no directory of a certificate authority', { scope: 'authority' });
  }
  const meta = isMap(value['meta']) ? value['meta'] : {};
  const { renewalInfo } = value;
  return {
    newNonce,
    newAccount,
    newOrder,
    renewalInfo: typeof renewalInfo === 'string' && renewalInfo.startsWith('https://') ? renewalInfo : null,
    profiles: isMap(meta['profiles']) ? Object.keys(meta['profiles']) : [],
  };
}

export interface OrderPayload {
  readonly identifiers: { readonly type: 'dns' | 'ip'; readonly value: string }[];
  readonly profile?: string;
  readonly replaces?: string;
}

/** What is asked for in a new order. Throws when the authority does not have the profile. */
export function orderPayload(
  domains: readonly string[],
  profile: string,
  replaces: string | null,
  directory: Directory,
): OrderPayload {
  if (profile !== '' && !directory.profiles.includes(profile)) {
    const known = directory.profiles.length === 0 ? 'it has none' : `it has ${directory.profiles.join(', ')}`;
    throw new AcmeFailure(`the certificate authority has no profile "${profile}"; ${known}`, { scope: 'authority' });
  }
  return {
    identifiers: domains.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
    ...(profile === '' ? {} : { profile }),
    ...(replaces === null || directory.renewalInfo === null ? {} : { replaces }),
  };
}
