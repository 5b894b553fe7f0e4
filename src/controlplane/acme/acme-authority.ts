// One certificate authority as a resolver uses it: a certificate from the order to the chain, and its renewal windows.
// The protocol's messages are acme-client.ts's; what is decided between them is here.
//
//   newOrder ─▶ authorizations ─▶ present ─▶ settle ─▶ tell ─▶ wait ─▶ clean up ─▶ finalize ─▶ wait ─▶ chain

import type { Log } from '../../core/log.ts';
import { readNamedFile, unreadableReason } from '../../core/named-file.ts';
import { sleep } from '../../core/sleep.ts';
import type { AcmeResolverConfig } from '../config/install/certificates-resolver-options.ts';
import { forgetAccountUrl, openAccount } from './account.ts';
import type { AcmeClient, Authorization, Order } from './acme-client.ts';
import { AuthorityTransport, problemOf } from './authority-transport.ts';
import { certificateKey } from '../compile/wanted-certificates.ts';
import { checkPair, issuersOf, readCertificate } from './certificate.ts';
import { createKey, createRequest } from './certificate-request.ts';
import type { Challenge, ChallengePresenter, ChallengeType } from './challenge/challenge.ts';
import { orderPayload, readDirectory, type Directory } from './directory.ts';
import { AcmeFailure, asFailure } from './failure.ts';
import { parseWindow, type RenewalWindow } from './renewal.ts';
import type { ResolverStorage, StoredCertificate } from './resolver-storage.ts';

/** Bundles of a whole system's roots have some 250 KiB. */
const MAX_ROOTS_BYTES = 4 * 1024 * 1024;

export interface CertificateAuthority {
  /** Rejects with an AcmeFailure. */
  order(domains: readonly string[], replaces: string | null, signal: AbortSignal): Promise<StoredCertificate>;
  /** Null when the authority has no windows. Rejects with an AcmeFailure when it cannot be asked. */
  askRenewal(
    ariId: string,
    signal: AbortSignal,
  ): Promise<{ readonly window: RenewalWindow | null; readonly retryAfterMs: number | null } | null>;
  close(): void;
}

export interface AcmeAuthorityOptions {
  readonly config: AcmeResolverConfig;
  readonly storage: ResolverStorage;
  /** For the challenges of the configuration, the preferred one first. */
  readonly presenters: readonly ChallengePresenter[];
  readonly log: Log;
  readonly userAgent: string;
  readonly now: () => number;
}

const DIRECTORY_MAX_AGE = 3_600_000;
/** Longest time an authority may take to look at a challenge. */
const VALIDATION_TIMEOUT = 5 * 60_000;
const FIRST_POLL = 250;
const MAX_POLL = 5_000;
/** Longest pause between two looks that an authority may ask for. */
const MAX_POLL_RETRY_AFTER = 60_000;
const CLEAN_UP_TIMEOUT = 60_000;
/** Of a whole order, so that whatever hangs holds up the others for so long at most. */
const ORDER_TIMEOUT = 60 * 60_000;

export class AcmeAuthority implements CertificateAuthority {
  readonly #options: AcmeAuthorityOptions;
  #transport: AuthorityTransport | null = null;
  #directory: { readonly value: Directory; readonly at: number } | null = null;

  constructor(options: AcmeAuthorityOptions) {
    this.#options = options;
  }

  async order(domains: readonly string[], replaces: string | null, signal: AbortSignal): Promise<StoredCertificate> {
    const limit = deadline(signal, ORDER_TIMEOUT, 'the order took too long');
    try {
      return await this.#order(domains, replaces, limit.signal);
    } catch (error) {
      throw asFailure(error);
    } finally {
      limit.clear();
    }
  }

  async askRenewal(
    ariId: string,
    signal: AbortSignal,
  ): Promise<{ window: RenewalWindow | null; retryAfterMs: number | null } | null> {
    const transport = await this.#open();
    const { renewalInfo } = await this.#readDirectory(transport, signal);
    if (renewalInfo === null) return null;
    const { status, body, retryAfterMs } = await transport.get(`${renewalInfo}/${ariId}`, signal);
    if (status !== 200) return { window: null, retryAfterMs };
    let value: unknown = null;
    try {
      value = JSON.parse(body);
    } catch {
      // As if there were no window.
    }
    return { window: parseWindow(value), retryAfterMs };
  }

  close(): void {
    this.#transport?.close();
    this.#transport = null;
  }

  /** Roots are read for the first order, so that a file that cannot be read is this resolver's problem alone. */
  async #open(): Promise<AuthorityTransport> {
    if (this.#transport !== null) return this.#transport;
    const { config, userAgent, now } = this.#options;
    const roots: string[] = [];
    for (const path of config.caCertificates) {
      try {
        const { text: pem } = await readNamedFile(path, MAX_ROOTS_BYTES);
        if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no PEM certificate');
        roots.push(pem);
      } catch (error) {
        throw new AcmeFailure(`caCertificates: ${path} cannot be used: ${unreadableReason(error)}`, {
          scope: 'authority',
        });
      }
    }
    this.#transport = new AuthorityTransport({
      roots: roots.length === 0 ? null : roots,
      withPublicRoots: config.usesPublicRoots,
      serverName: config.caServerName,
      timeoutMs: config.clientTimeoutMs,
      headerTimeoutMs: config.responseHeaderTimeoutMs,
      userAgent,
      now,
    });
    return this.#transport;
  }

  async #readDirectory(transport: AuthorityTransport, signal: AbortSignal): Promise<Directory> {
    const { config, now } = this.#options;
    if (this.#directory !== null && now() - this.#directory.at < DIRECTORY_MAX_AGE) return this.#directory.value;
    const { status, body, retryAfterMs } = await transport.get(config.caServer, signal);
    if (status !== 200) {
      const detail = problemOf(body)?.detail ?? '';
      const reason = detail === '' ? `status ${status}` : detail;
      throw new AcmeFailure(`the directory of the certificate authority cannot be read: ${reason}`, {
        scope: 'authority',
        retryAfterMs,
      });
    }
    this.#directory = { value: readDirectory(body), at: now() };
    return this.#directory.value;
  }

  async #order(domains: readonly string[], replaces: string | null, signal: AbortSignal): Promise<StoredCertificate> {
    const { config, storage } = this.#options;
    const transport = await this.#open();
    const directory = await this.#readDirectory(transport, signal);
    const client = await openAccount(config, storage, transport, directory, signal);
    const session = new Session(client, this.#options, signal);
    try {
      const order = await session.newOrder(domains, replaces, directory);
      await session.authorize(order);
      return await session.finalize(order, domains);
    } catch (error) {
      const failure = asFailure(error);
      if (failure.type !== 'accountDoesNotExist') throw failure;
      await forgetAccountUrl(config, storage);
      throw failure.asAuthority();
    }
  }
}

/** One order. */
class Session {
  readonly #client: AcmeClient;
  readonly #options: AcmeAuthorityOptions;
  readonly #signal: AbortSignal;

  constructor(client: AcmeClient, options: AcmeAuthorityOptions, signal: AbortSignal) {
    this.#client = client;
    this.#options = options;
    this.#signal = signal;
  }

  async newOrder(domains: readonly string[], replaces: string | null, directory: Directory): Promise<Order> {
    const { config } = this.#options;
    const create = async (predecessor: string | null): Promise<Order> => {
      const payload = orderPayload(domains, config.profile, predecessor, directory);
      return this.#client.newOrder(payload, this.#signal);
    };
    if (replaces === null) return create(null);
    try {
      return await create(replaces);
    } catch (error) {
      const failure = asFailure(error);
      // What it replaces may have been replaced already, or be of another account: no reason to have none (RFC 9773
      // §5).
      if (failure.scope !== 'certificate' || failure.type === 'rejectedIdentifier') throw failure;
      this.#options.log.debug('the certificate authority did not take the predecessor of a certificate', {
        resolver: config.name,
        domains,
        reason: failure.message,
      });
      return create(null);
    }
  }

  /** Settles when the authority believes that every name of the order is ours. */
  async authorize(order: Order): Promise<void> {
    const open: { authorization: Authorization; challenge: Challenge; presenter: ChallengePresenter; url: string }[] =
      [];
    // One after the other: an order may have a hundred.
    for (const url of order.authorizations) {
      const { value: authorization } = await this.#client.readAuthorization(url, this.#signal);
      if (authorization.status === 'valid') continue;
      if (authorization.status !== 'pending') throw refused(authorization);
      open.push({ authorization, ...this.#choose(authorization) });
    }
    const presented: typeof open = [];
    try {
      for (const one of open) {
        presented.push(one);
        await one.presenter.present(one.challenge, this.#signal);
      }
      for (const presenter of new Set(open.map((one) => one.presenter))) {
        const own = open.filter((one) => one.presenter === presenter).map(({ challenge }) => challenge);
        await presenter.settle(own, this.#signal);
      }
      for (const { url } of open) await this.#client.answer(url, this.#signal);
      for (const { authorization } of open) await this.#validated(authorization.url);
    } catch (error) {
      await this.#giveUp(open.map(({ authorization }) => authorization));
      throw error;
    } finally {
      for (const { presenter, challenge } of presented) await this.#cleanUp(presenter, challenge);
    }
  }

  async finalize(order: Order, domains: readonly string[]): Promise<StoredCertificate> {
    const { config, log } = this.#options;
    const keyPem = await createKey(config.keyType);
    const csr = await createRequest({
      domains,
      emailAddresses: config.emailAddresses,
      hasCommonName: config.hasCommonName,
      keyType: config.keyType,
      keyPem,
    });
    const ready = await this.#orderIs(order, ['ready', 'valid'], VALIDATION_TIMEOUT);
    if (ready.status === 'ready') await this.#client.finalize(ready, csr, this.#signal);
    const valid = await this.#orderIs(order, ['valid'], config.certificateTimeoutMs);
    const preferred = config.preferredChain;
    const certPem = await this.#client.readChain(valid, preferred, this.#signal);
    checkPair(certPem, keyPem);
    if (preferred !== '' && !issuersOf(certPem).includes(preferred)) {
      log.warn('the certificate authority offers no chain with the preferred issuer', {
        resolver: config.name,
        preferredChain: preferred,
        issuers: issuersOf(certPem),
      });
    }
    const facts = readCertificate(certPem);
    if (facts.notAfter <= this.#options.now()) {
      throw new AcmeFailure('the certificate has expired already; is the clock right?', { scope: 'certificate' });
    }
    if (certificateKey(facts.domains) !== certificateKey(domains)) {
      throw new AcmeFailure(`the certificate is for ${facts.domains.join(', ')}`, { scope: 'certificate' });
    }
    return { facts, certPem, keyPem };
  }

  #choose(authorization: Authorization): { challenge: Challenge; presenter: ChallengePresenter; url: string } {
    const { presenters } = this.#options;
    const { identifier, challenges } = authorization;
    for (const presenter of presenters) {
      const offered = challenges.find(({ type }) => type === presenter.type);
      if (offered === undefined) continue;
      const keyAuthorization = this.#client.keyAuthorization(offered.token);
      const { type } = presenter;
      return {
        presenter,
        url: offered.url,
        challenge: { type, domain: identifier.value, token: offered.token, keyAuthorization },
      };
    }
    const kinds = (types: readonly string[]): string => types.join(' or ') || 'none';
    const name = authorization.wildcard ? `*.${identifier.value}` : identifier.value;
    const own: readonly ChallengeType[] = presenters.map(({ type }) => type);
    throw new AcmeFailure(
      `${name} can be proved by ${kinds(challenges.map(({ type }) => type))}, and the resolver answers ${kinds(own)}`,
      { scope: 'certificate' },
    );
  }

  async #validated(url: string): Promise<void> {
    await this.#poll(
      VALIDATION_TIMEOUT,
      'the certificate authority has not looked at the challenge in time',
      () => this.#client.readAuthorization(url, this.#signal),
      (authorization) => {
        if (authorization.status === 'pending') return false;
        if (authorization.status !== 'valid') throw refused(authorization);
        return true;
      },
    );
  }

  async #orderIs(order: Order, states: readonly string[], timeoutMs: number): Promise<Order> {
    return this.#poll(
      timeoutMs,
      `the order did not become ${states[0]} in time`,
      () => this.#client.readOrder(order, this.#signal),
      (now) => {
        if (states.includes(now.status)) return true;
        if (now.status !== 'invalid') return false;
        const problem = problemOf(now.error);
        const type = problem?.type ?? '';
        throw new AcmeFailure(`the order was refused: ${problem?.detail ?? 'without a reason'}`, {
          scope: type === 'rateLimited' ? 'rate' : type === 'serverInternal' ? 'authority' : 'certificate',
          type,
        });
      },
    );
  }

  /** Looks again and again, as often as the authority says (RFC 8555 §7.5.1), until the condition holds. */
  async #poll<T>(
    timeoutMs: number,
    late: string,
    look: () => Promise<{ value: T; retryAfterMs: number | null }>,
    isDone: (value: T) => boolean,
  ): Promise<T> {
    const { now } = this.#options;
    const end = now() + timeoutMs;
    for (let pause = FIRST_POLL; ; pause = Math.min(MAX_POLL, pause * 1.5)) {
      const { value, retryAfterMs } = await look();
      if (isDone(value)) return value;
      const wait = Math.max(pause, Math.min(MAX_POLL_RETRY_AFTER, retryAfterMs ?? 0));
      if (now() + wait > end) throw new AcmeFailure(late, { scope: 'certificate' });
      await sleep(wait, this.#signal);
    }
  }

  /** Authorizations that stay open count against limits of the account. */
  async #giveUp(authorizations: readonly Authorization[]): Promise<void> {
    const limit = deadline(null, CLEAN_UP_TIMEOUT, 'cleaning up took too long');
    try {
      for (const authorization of authorizations) {
        await this.#client.deactivate(authorization, limit.signal);
      }
    } catch {
      // It was refused already, or the authority is gone: it expires.
    } finally {
      limit.clear();
    }
  }

  async #cleanUp(presenter: ChallengePresenter, challenge: Challenge): Promise<void> {
    try {
      await presenter.cleanUp(challenge);
    } catch (error) {
      this.#options.log.warn('the answer to a challenge could not be taken away', {
        resolver: this.#options.config.name,
        domain: challenge.domain,
        challenge: challenge.type,
        error: asFailure(error).message,
      });
    }
  }
}

/** What the authority found wrong is in the challenge it looked at. */
function refused({ identifier, status, challenges }: Authorization): AcmeFailure {
  const problems = challenges.map(({ error }) => problemOf(error)).filter((problem) => problem !== null);
  const reason = problems.map(({ detail }) => detail).find((detail) => detail !== '') ?? `it is ${status}`;
  return new AcmeFailure(`the certificate authority refused ${identifier.value}: ${reason}`, {
    scope: 'certificate',
    type: problems[0]?.type ?? '',
  });
}

/** A signal that follows another one and gives up by itself. */
function deadline(
  parent: AbortSignal | null,
  timeoutMs: number,
  message: string,
): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const follow = (): void => controller.abort(parent?.reason);
  if (parent?.aborted === true) follow();
  parent?.addEventListener('abort', follow, { once: true });
  const timer = setTimeout(() => controller.abort(new Error(message)), timeoutMs);
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer);
      parent?.removeEventListener('abort', follow);
    },
  };
}
