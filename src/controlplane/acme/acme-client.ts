// The messages of ACME (RFC 8555): each request signed with the account's key and a nonce of its own, each answer
// checked for what the authority says. What is decided between them is in acme-authority.ts, and how they travel in
// authority-transport.ts.

import { isMap } from '../../schema/input.ts';
import { failureOf, problemOf, type AuthorityResponse, type AuthorityTransport } from './authority-transport.ts';
import { issuersOf } from './certificate.ts';
import type { Directory, OrderPayload } from './directory.ts';
import { AcmeFailure } from './failure.ts';
import { AccountKey, externalBinding } from './jws.ts';

/** RFC 8555 §7.1.3. */
export interface Order {
  readonly url: string;
  readonly status: string;
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate: string | null;
  readonly error: unknown;
}

/** RFC 8555 §7.1.4. */
export interface Authorization {
  readonly url: string;
  readonly status: string;
  readonly identifier: { readonly type: string; readonly value: string };
  readonly wildcard: boolean;
  readonly challenges: readonly OfferedChallenge[];
}

/** RFC 8555 §8. */
export interface OfferedChallenge {
  readonly type: string;
  readonly url: string;
  readonly token: string;
  readonly error: unknown;
}

/** With the time that the authority wants to be left alone for. */
export interface Polled<T> {
  readonly value: T;
  readonly retryAfterMs: number | null;
}

export interface AcmeAccount {
  readonly keyPem: string;
  /** Null for one that is not registered yet. */
  readonly url: string | null;
}

export interface ExternalAccount {
  readonly kid: string;
  readonly hmacKey: string;
}

/** A nonce may be used up or too old; the answer that says so has a fresh one (RFC 8555 §6.5). */
const MAX_NONCES = 4;
/** Of chains offered in place of the first. */
const MAX_ALTERNATES = 8;

export class AcmeClient {
  readonly #transport: AuthorityTransport;
  readonly #directory: Directory;
  readonly #key: AccountKey;
  #accountUrl: string | null;
  #nonce: string | null = null;

  /** Throws when the key is none that authorities take. */
  constructor(transport: AuthorityTransport, directory: Directory, account: AcmeAccount) {
    this.#transport = transport;
    this.#directory = directory;
    this.#key = new AccountKey(account.keyPem);
    this.#accountUrl = account.url;
  }

  /** Registers the key, or finds the account that it has already (RFC 8555 §7.3). Settles with the account's URL. */
  async register(
    contact: readonly string[],
    externalAccount: ExternalAccount | null,
    signal: AbortSignal,
  ): Promise<string> {
    const { newAccount } = this.#directory;
    const binding =
      externalAccount === null
        ? {}
        : {
            externalAccountBinding: externalBinding(
              externalAccount.kid,
              externalAccount.hmacKey,
              newAccount,
              this.#key.jwk,
            ),
          };
    const payload = { termsOfServiceAgreed: true, ...(contact.length === 0 ? {} : { contact }), ...binding };
    const { headers } = await this.#post(newAccount, payload, signal);
    const url = headers['location'] ?? '';
    if (!URL.canParse(url)) throw malformed('an account without its address');
    this.#accountUrl = url;
    return url;
  }

  /** RFC 8555 §7.3.2. */
  async updateContact(contact: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#post(this.#accountUrl!, { contact }, signal);
  }

  async newOrder(payload: OrderPayload, signal: AbortSignal): Promise<Order> {
    const response = await this.#post(this.#directory.newOrder, payload, signal);
    return orderOf(response, response.headers['location'] ?? '');
  }

  async readOrder({ url }: Order, signal: AbortSignal): Promise<Polled<Order>> {
    const response = await this.#post(url, null, signal);
    return { value: orderOf(response, url), retryAfterMs: response.retryAfterMs };
  }

  async readAuthorization(url: string, signal: AbortSignal): Promise<Polled<Authorization>> {
    const response = await this.#post(url, null, signal);
    return { value: authorizationOf(response, url), retryAfterMs: response.retryAfterMs };
  }

  /** The authority may look at it now: an empty object says so (RFC 8555 §7.5.1). */
  async answer(challengeUrl: string, signal: AbortSignal): Promise<void> {
    await this.#post(challengeUrl, {}, signal);
  }

  /** RFC 8555 §7.5.2. */
  async deactivate({ url }: Authorization, signal: AbortSignal): Promise<void> {
    await this.#post(url, { status: 'deactivated' }, signal);
  }

  /** `csrPem` goes in DER (RFC 8555 §7.4). */
  async finalize(order: Order, csrPem: string, signal: AbortSignal): Promise<void> {
    const csr = Buffer.from(csrPem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64').toString('base64url');
    await this.#post(order.finalize, { csr }, signal);
  }

  /** The chain in PEM: of those offered the first one with the issuer, or the first of all (RFC 8555 §7.4.2). */
  async readChain({ certificate }: Order, preferredIssuer: string, signal: AbortSignal): Promise<string> {
    if (certificate === null) throw malformed('a valid order without a certificate');
    const first = await this.#post(certificate, null, signal);
    if (preferredIssuer === '' || issuersOf(first.body).includes(preferredIssuer)) return first.body;
    for (const url of alternatesOf(first.headers['link'] ?? '', certificate).slice(0, MAX_ALTERNATES)) {
      const { body } = await this.#post(url, null, signal);
      if (issuersOf(body).includes(preferredIssuer)) return body;
    }
    return first.body;
  }

  /** What the answer to a challenge is made of (RFC 8555 §8.1). */
  keyAuthorization(token: string): string {
    return `${token}.${this.#key.thumbprint}`;
  }

  /** Rejects with an AcmeFailure for anything but a good answer. A null payload asks without changing anything. */
  async #post(url: string, payload: unknown, signal: AbortSignal): Promise<AuthorityResponse> {
    for (let attempt = 1; ; attempt++) {
      const nonce = this.#nonce ?? (await this.#freshNonce(signal));
      this.#nonce = null;
      const who = this.#accountUrl === null ? { jwk: this.#key.jwk } : { kid: this.#accountUrl };
      const response = await this.#transport.send(
        {
          method: 'POST',
          url,
          headers: {
            'content-type': 'application/jose+json',
            accept: 'application/json, application/pem-certificate-chain',
          },
          body: this.#key.sign({ nonce, url, ...who }, payload),
        },
        signal,
      );
      this.#nonce = response.headers['replay-nonce'] ?? null;
      if (response.status < 400) return response;
      const isStale = problemOf(response.body)?.type === 'badNonce';
      if (!isStale || attempt === MAX_NONCES) throw failureOf(response);
    }
  }

  async #freshNonce(signal: AbortSignal): Promise<string> {
    const { newNonce } = this.#directory;
    const response = await this.#transport.send({ method: 'HEAD', url: newNonce, headers: {}, body: null }, signal);
    const nonce = response.headers['replay-nonce'];
    if (response.status >= 400 || nonce === undefined) throw failureOf(response, 'the authority gives no nonce');
    return nonce;
  }
}

function malformed(what: string): AcmeFailure {
  return new AcmeFailure(`the certificate authority has sent ${what}`, { scope: 'authority' });
}

function objectOf({ body }: AuthorityResponse, what: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    value = null;
  }
  if (!isMap(value)) throw malformed(`something in place of ${what}`);
  return value;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function orderOf(response: AuthorityResponse, url: string): Order {
  const { status, authorizations, finalize, certificate, error } = objectOf(response, 'an order');
  if (!URL.canParse(url) || !Array.isArray(authorizations)) throw malformed('an order without its parts');
  return {
    url,
    status: textOf(status),
    authorizations: authorizations.filter((one): one is string => typeof one === 'string'),
    finalize: textOf(finalize),
    certificate: typeof certificate === 'string' ? certificate : null,
    error,
  };
}

function authorizationOf(response: AuthorityResponse, url: string): Authorization {
  const { status, identifier, wildcard, challenges } = objectOf(response, 'an authorization');
  if (!isMap(identifier) || !Array.isArray(challenges)) throw malformed('an authorization without its parts');
  return {
    url,
    status: textOf(status),
    identifier: { type: textOf(identifier['type']), value: textOf(identifier['value']) },
    wildcard: wildcard === true,
    challenges: challenges.filter(isMap).map((one) => ({
      type: textOf(one['type']),
      url: textOf(one['url']),
      token: textOf(one['token']),
      error: one['error'],
    })),
  };
}

/** Addresses of other chains (RFC 8288), relative to that of the first. */
function alternatesOf(link: string, base: string): readonly string[] {
  const found: string[] = [];
  for (const [, target = '', parameters = ''] of link.matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*"?alternate"?/i.test(parameters) && URL.canParse(target, base))
      found.push(new URL(target, base).href);
  }
  return found;
}
