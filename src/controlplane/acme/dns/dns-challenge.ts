// dns-01: a TXT record under `_acme-challenge.` (RFC 8555 §8.4), made by a provider and looked for before the authority
// is told, since it remembers for a while that there was none.

import type { Log } from '../../../core/log.ts';
import { sleep } from '../../../core/sleep.ts';
import type { DnsChallengeConfig } from '../../config/install/certificates-resolver-options.ts';
import { dnsValue, type Challenge, type ChallengePresenter } from '../challenge/challenge.ts';
import { AcmeFailure, asFailure } from '../failure.ts';
import type { Lookups } from './lookups.ts';
import type { DnsProvider, DnsRecord } from './provider.ts';

export interface DnsChallengeOptions {
  readonly resolver: string;
  readonly config: DnsChallengeConfig;
  /** Called for every order: what credentials are may change. */
  readonly provider: () => DnsProvider;
  readonly lookups: Lookups;
  readonly followsCnames: boolean;
  readonly log: Log;
  readonly now: () => number;
}

interface Presented {
  readonly record: DnsRecord;
  readonly provider: DnsProvider;
}

const CLEAN_UP_TIMEOUT_MS = 60_000;

export class DnsChallengePresenter implements ChallengePresenter {
  readonly type = 'dns-01';
  readonly #options: DnsChallengeOptions;
  /** By token. */
  readonly #presented = new Map<string, Presented>();

  constructor(options: DnsChallengeOptions) {
    this.#options = options;
  }

  async present(challenge: Challenge, signal: AbortSignal): Promise<void> {
    const { lookups, followsCnames, provider: create } = this.#options;
    const { domain, token, keyAuthorization } = challenge;
    const provider = create();
    const own = `_acme-challenge.${domain}`;
    const name = followsCnames ? await lookups.followCnames(own) : own;
    const record = { name, value: dnsValue(keyAuthorization), domain, token, keyAuthorization };
    // Before it is there: what failed half way is cleaned up, too.
    this.#presented.set(token, { record, provider });
    await provider.present(record, signal);
  }

  async settle(challenges: readonly Challenge[], signal: AbortSignal): Promise<void> {
    const { config } = this.#options;
    if (config.delayMs > 0) await sleep(config.delayMs, signal);
    if (!config.isChecked) return;
    for (const { token } of challenges) {
      const presented = this.#presented.get(token);
      if (presented !== undefined) await this.#waitFor(presented, signal);
    }
  }

  async cleanUp({ token }: Challenge): Promise<void> {
    const presented = this.#presented.get(token);
    if (presented === undefined) return;
    this.#presented.delete(token);
    await presented.provider.cleanUp(presented.record, AbortSignal.timeout(CLEAN_UP_TIMEOUT_MS));
  }

  async #waitFor({ record, provider }: Presented, signal: AbortSignal): Promise<void> {
    const { now, log, resolver } = this.#options;
    const end = now() + provider.propagationTimeoutMs;
    for (;;) {
      const missing = await this.#missing(record);
      if (missing === null) return;
      log.debug('a TXT record is not everywhere yet', { resolver, name: record.name, missing });
      if (now() + provider.pollingIntervalMs > end) {
        const seconds = Math.round(provider.propagationTimeoutMs / 1000);
        throw new AcmeFailure(`the TXT record ${record.name} was not seen within ${seconds} s: ${missing}`, {
          scope: 'certificate',
        });
      }
      await sleep(provider.pollingIntervalMs, signal);
    }
  }

  /** Who does not have the record yet; null when all have it. */
  async #missing({ name, value }: DnsRecord): Promise<string | null> {
    const { config, lookups } = this.#options;
    try {
      if (config.checksAllResolvers) {
        for (const server of await lookups.recursive()) {
          if (!(await lookups.serverHas(server, name, value))) return `${server.host}:${server.port} does not have it`;
        }
      }
      if (!config.checksAuthoritative) return null;
      const zone = await lookups.findZone(name);
      if (zone === null) return 'no zone of this name is known';
      const servers = await lookups.serversOf(zone);
      if (servers.length === 0) return `the zone ${zone} has no name servers`;
      for (const server of servers) {
        if (!(await lookups.zoneServerHas(server, name, value))) return `${server.name} does not have it`;
      }
      return null;
    } catch (error) {
      return asFailure(error).message;
    }
  }
}
