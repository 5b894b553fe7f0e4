// All certificates resolvers together: hands each what routers want of it, and shows what there is and how it is doing.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { CertificateStatus, IssuedCertificate, WantedCertificate } from '../../model/certificate.ts';
import type { AcmeResolverConfig } from '../config/install/certificates-resolver-options.ts';
import type { CertificateAuthority } from './acme-authority.ts';
import type { ResolverStorage } from './resolver-storage.ts';
import { ResolverRunner, type SetTimer } from './resolver-runner.ts';

export interface CertificateEvent {
  readonly resolver: string;
  readonly domains: readonly string[];
  readonly outcome: 'issued' | 'failed';
  readonly error: string | null;
}

export interface AcmeManagerOptions {
  readonly resolvers: readonly AcmeResolverConfig[];
  readonly openStorage: (config: AcmeResolverConfig) => Promise<ResolverStorage>;
  readonly createAuthority: (config: AcmeResolverConfig, storage: ResolverStorage) => CertificateAuthority;
  readonly clock: Clock;
  readonly random: () => number;
  readonly setTimer: SetTimer;
  readonly log: Log;
  event(event: CertificateEvent): void;
}

export interface ResolverCounts {
  readonly resolver: string;
  readonly issued: number;
  readonly failed: number;
}

export class AcmeManager {
  readonly #runners = new Map<string, ResolverRunner>();
  readonly #listeners = new Set<() => void>();
  #wanted = '';

  constructor(options: AcmeManagerOptions) {
    const { resolvers, openStorage, createAuthority, clock, random, setTimer, log } = options;
    for (const config of resolvers) {
      this.#runners.set(
        config.name,
        new ResolverRunner({
          config,
          openStorage: () => openStorage(config),
          createAuthority: (storage) => createAuthority(config, storage),
          clock,
          random,
          setTimer,
          log,
          changed: () => {
            for (const listener of this.#listeners) listener();
          },
          event: (event) => options.event({ resolver: config.name, ...event }),
        }),
      );
    }
  }

  /** Settles when what earlier runs have left can be served; never rejects. */
  async start(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.start()));
  }

  /** `elsewhere` are the names of certificates that others provide. Resolvers that do not exist are left out. */
  setWanted(wanted: readonly WantedCertificate[], elsewhere: readonly (readonly string[])[] = []): void {
    const text = JSON.stringify([wanted.map(({ resolver, domains }) => [resolver, domains]), elsewhere]);
    if (text === this.#wanted) return;
    this.#wanted = text;
    for (const [name, runner] of this.#runners) {
      const own = wanted.filter(({ resolver }) => resolver === name).map(({ domains }) => domains);
      runner.setWanted(own, elsewhere);
    }
  }

  /** Those that can be served now, of all resolvers in order. */
  get certificates(): readonly IssuedCertificate[] {
    return [...this.#runners.values()].flatMap((runner) => runner.certificates());
  }

  /** Called whenever `certificates` has changed. Returns the way to stop listening. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  status(): readonly CertificateStatus[] {
    return [...this.#runners.values()].flatMap((runner) => runner.status());
  }

  counts(): readonly ResolverCounts[] {
    return [...this.#runners].map(([resolver, { issuedTotal, failedTotal }]) => ({
      resolver,
      issued: issuedTotal,
      failed: failedTotal,
    }));
  }

  /** After a stop. */
  async resume(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.resume()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
  }
}
