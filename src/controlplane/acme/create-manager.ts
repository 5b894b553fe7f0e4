// Puts the certificate manager together from the install configuration. Loaded only when there are resolvers: what
// makes requests for certificates costs start time and memory.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { AcmeResolverConfig } from '../config/install/certificates-resolver-options.ts';
import { SingleFileStore } from '../store/single-file-store.ts';
import { AcmeAuthority } from './acme-authority.ts';
import { AcmeManager, type CertificateEvent } from './acme-manager.ts';
import type { ChallengePresenter } from './challenge/challenge.ts';
import { DnsChallengePresenter } from './dns/dns-challenge.ts';
import { ProviderEnvironment } from './dns/environment.ts';
import { Lookups } from './dns/lookups.ts';
import { DNS_PROVIDER_TABLE, dnsProviderProblem } from './dns/registry.ts';
import { HttpChallengeBoard, HttpChallengePresenter, type PublishHttpChallenges } from './challenge/http-challenge.ts';
import { ResolverStorage } from './resolver-storage.ts';
import type { SetTimer } from './resolver-runner.ts';
import {
  AlpnCertificateBoard,
  TlsAlpnChallengePresenter,
  type PublishAlpnCertificates,
} from './challenge/tls-alpn-challenge.ts';
import { readTraefikFile } from './traefik-file.ts';

export interface CreateManagerOptions {
  readonly resolvers: readonly AcmeResolverConfig[];
  /** Where DNS providers find their credentials. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this program. */
  readonly version: string;
  readonly publishHttpChallenges: PublishHttpChallenges;
  readonly publishAlpnCertificates: PublishAlpnCertificates;
  event(event: CertificateEvent): void;
  /** For tests: where name servers of zones listen. */
  readonly authoritativePort?: number;
}

const TRAEFIK_ENDING = '.traefik';

export function createAcmeManager(options: CreateManagerOptions): AcmeManager {
  const { resolvers, clock, log, version } = options;
  const httpBoard = new HttpChallengeBoard(options.publishHttpChallenges);
  const alpnBoard = new AlpnCertificateBoard(options.publishAlpnCertificates);
  const stores = new Map<string, Promise<SingleFileStore>>();
  for (const { name, dns } of resolvers) if (dns !== null) checkProvider(name, dns.provider, options);
  return new AcmeManager({
    resolvers,
    async openStorage({ name, storage: path }) {
      let store = stores.get(path);
      if (store === undefined) {
        store = openStore(path, log);
        stores.set(path, store);
        // One that could not be opened is tried anew.
        store.catch(() => stores.delete(path));
      }
      return new ResolverStorage(await store, name);
    },
    createAuthority: (config, storage) =>
      new AcmeAuthority({
        config,
        storage,
        presenters: presentersOf(config, httpBoard, alpnBoard, options),
        log,
        userAgent: `signalbox/${version}`,
        now: () => clock.wall(),
      }),
    clock,
    random: Math.random,
    setTimer,
    log,
    event: (event) => options.event(event),
  });
}

async function openStore(path: string, log: Log): Promise<SingleFileStore> {
  const store = new SingleFileStore({
    path,
    option: 'certificatesResolvers.<name>.acme.storage',
    adopt: {
      ending: TRAEFIK_ENDING,
      read: readTraefikFile,
      adopted: (backup) =>
        log.info("took over accounts and certificates of Traefik's; to go back to Traefik, give it the backup", {
          path,
          backup,
        }),
    },
    onRecovered: () => log.warn('a write of this file was broken off; its last whole content is used', { path }),
  });
  await store.start();
  return store;
}

/** In the order in which they are preferred where an authority offers several: the quickest first. */
function presentersOf(
  config: AcmeResolverConfig,
  httpBoard: HttpChallengeBoard,
  alpnBoard: AlpnCertificateBoard,
  options: CreateManagerOptions,
): readonly ChallengePresenter[] {
  const presenters: ChallengePresenter[] = [];
  const { environment, log, clock, authoritativePort } = options;
  const { tls, http, dns } = config;
  if (tls !== null) presenters.push(new TlsAlpnChallengePresenter(alpnBoard, tls.delayMs));
  if (http !== null) presenters.push(new HttpChallengePresenter(httpBoard, http.delayMs));
  if (dns !== null) {
    presenters.push(
      new DnsChallengePresenter({
        resolver: config.name,
        config: dns,
        provider: () => DNS_PROVIDER_TABLE[dns.provider](new ProviderEnvironment(environment)),
        lookups: new Lookups({
          resolvers: dns.resolvers,
          ...(authoritativePort === undefined ? {} : { authoritativePort }),
        }),
        followsCnames: !/^(?:1|t|true)$/i.test(environment['LEGO_DISABLE_CNAME_SUPPORT'] ?? ''),
        log,
        now: () => clock.wall(),
      }),
    );
  }
  return presenters;
}

/** Said at start rather than with the first order. */
function checkProvider(
  resolver: string,
  provider: keyof typeof DNS_PROVIDER_TABLE,
  { environment, log }: CreateManagerOptions,
): void {
  const error = dnsProviderProblem(provider, environment);
  if (error !== null) log.error('a DNS provider cannot be used', { resolver, provider, error });
}

const MAX_TIMER_MS = 2 ** 31 - 1;

const setTimer: SetTimer = (ms, run) => {
  const timer = setTimeout(run, Math.min(ms, MAX_TIMER_MS));
  timer.unref();
  return () => clearTimeout(timer);
};
