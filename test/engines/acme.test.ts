// Certificates from a real authority: Pebble, with its faults on - a fifth of all nonces is refused, authorizations are
// taken up again by chance.

import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SystemClock } from '../../src/core/clock.ts';
import type { AlpnCertificate, HttpChallenges } from '../../src/model/certificate.ts';
import { AcmeAuthority } from '../../src/controlplane/acme/acme-authority.ts';
import type { ChallengePresenter } from '../../src/controlplane/acme/challenge/challenge.ts';
import { checkPair, issuersOf } from '../../src/controlplane/acme/certificate.ts';
import { createAcmeManager } from '../../src/controlplane/acme/create-manager.ts';
import { AcmeFailure } from '../../src/controlplane/acme/failure.ts';
import { HttpChallengeBoard, HttpChallengePresenter } from '../../src/controlplane/acme/challenge/http-challenge.ts';
import { ResolverStorage, type StoredCertificate } from '../../src/controlplane/acme/resolver-storage.ts';
import {
  AlpnCertificateBoard,
  TlsAlpnChallengePresenter,
} from '../../src/controlplane/acme/challenge/tls-alpn-challenge.ts';
import type { AcmeResolverConfig } from '../../src/controlplane/config/install/certificates-resolver-options.ts';
import { decodeInstall } from '../../src/controlplane/config/install/load-install.ts';
import { SingleFileStore } from '../../src/controlplane/store/single-file-store.ts';
import { missingPrograms } from '../support/engine.ts';
import { Pebble, type PebbleOptions } from '../support/pebble.ts';
import { RecordingLog } from '../support/recording-log.ts';

const missing = missingPrograms('pebble', 'pebble-challtestsrv', 'openssl');
const NEVER = new AbortController().signal;

/** Answers on a port of its own what an authority asks for. */
class HttpAnswers implements AsyncDisposable {
  answers: HttpChallenges = {};
  readonly asked: string[] = [];
  port = 0;
  readonly #server = createServer((request, response) => {
    this.asked.push(request.url ?? '');
    const answer = this.answers[(request.url ?? '').replace('/.well-known/acme-challenge/', '')];
    response.writeHead(answer === undefined ? 404 : 200).end(answer);
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as { port: number }).port;
    return this;
  }

  board(): HttpChallengeBoard {
    return new HttpChallengeBoard((challenges) => {
      this.answers = challenges;
      return Promise.resolve();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe.skipIf(missing !== null)(`certificates from Pebble${missing === null ? '' : ` (${missing})`}`, () => {
  let directory: string;
  let disposables: AsyncDisposable[];
  let http: HttpAnswers;
  let log: RecordingLog;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'signalbox-acme-'));
    disposables = [];
    log = new RecordingLog();
    http = await new HttpAnswers().start();
    disposables.push(http);
  });

  afterEach(async () => {
    for (const one of disposables.toReversed()) await one[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  async function start(options: PebbleOptions = {}): Promise<Pebble> {
    const pebble = await Pebble.start({ httpPort: http.port, ...options });
    disposables.push(pebble);
    return pebble;
  }

  function configFor(pebble: Pebble, extra = ''): AcmeResolverConfig {
    const { value, diagnostics } = decodeInstall(
      'signalbox.yml',
      `
entryPoints: { web: { address: ":0" } }
certificatesResolvers:
  test:
    acme:
      caServer: ${pebble.directoryUrl}
      caCertificates: [ ${pebble.rootFile} ]
      email: someone@example.com
      storage: ${directory}/acme.json
      keyType: EC256
      httpChallenge: { entryPoint: web }
${extra}`,
    );
    expect(diagnostics).toEqual([]);
    return value!.certificatesResolvers[0]!;
  }

  async function openStorage(): Promise<ResolverStorage> {
    const store = new SingleFileStore({ path: join(directory, 'acme.json'), option: 'storage' });
    await store.start();
    return new ResolverStorage(store, 'test');
  }

  async function authority(
    config: AcmeResolverConfig,
    presenters: readonly ChallengePresenter[] = [new HttpChallengePresenter(http.board(), 0)],
  ): Promise<AcmeAuthority> {
    const created = new AcmeAuthority({
      config,
      storage: await openStorage(),
      presenters,
      log,
      userAgent: 'signalbox-test',
      now: () => Date.now(),
    });
    disposables.push({
      [Symbol.asyncDispose]() {
        created.close();
        return Promise.resolve();
      },
    });
    return created;
  }

  test('several names over http-01, and the answers are gone afterwards', async () => {
    const pebble = await start();
    const ca = await authority(configFor(pebble));
    const domains = ['a.example.com', 'b.example.com', 'c.example.org'];
    const issued = await ca.order(domains, null, NEVER);
    expect(issued.facts.domains.toSorted()).toEqual(domains);
    checkPair(issued.certPem, issued.keyPem);
    expect(issued.facts.ariId).toMatch(/^[\w-]+\.[\w-]+$/);
    expect(http.asked.length).toBeGreaterThan(0);
    expect(http.answers).toEqual({});
    // Authorizations that are still good are not asked for again.
    const again = await ca.order(domains, null, NEVER);
    expect(again.keyPem).not.toBe(issued.keyPem);
  });

  test('a name over tls-alpn-01, with the challenge certificate served for its protocol alone', async () => {
    let certificates: readonly AlpnCertificate[] = [];
    const server = tls.createServer({
      ALPNProtocols: ['acme-tls/1'],
      SNICallback(name, done) {
        const found = certificates.find(({ serverName }) => serverName === name);
        done(
          null,
          found === undefined ? undefined : tls.createSecureContext({ cert: found.certPem, key: found.keyPem }),
        );
      },
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    disposables.push({
      [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
    });
    const pebble = await start({ tlsPort: (server.address() as { port: number }).port });
    const board = new AlpnCertificateBoard((all) => {
      certificates = all;
      return Promise.resolve();
    });
    const ca = await authority(configFor(pebble), [new TlsAlpnChallengePresenter(board, 0)]);
    const issued = await ca.order(['alpn.example.com'], null, NEVER);
    expect(issued.facts.domains).toEqual(['alpn.example.com']);
    expect(certificates).toEqual([]);
  });

  test.each([
    ['EC256', 'ec', 'prime256v1'],
    ['EC384', 'ec', 'secp384r1'],
    ['RSA2048', 'rsa', 2048],
    ['RSA4096', 'rsa', 4096],
  ])('keys of the type %s', async (keyType, kind, detail) => {
    const pebble = await start();
    const config = { ...configFor(pebble), keyType } as AcmeResolverConfig; // One of the types.
    const issued = await (await authority(config)).order(['key.example.com'], null, NEVER);
    const { publicKey } = new X509Certificate(issued.certPem);
    expect(publicKey.asymmetricKeyType).toBe(kind);
    const { namedCurve, modulusLength } = publicKey.asymmetricKeyDetails!;
    expect(namedCurve ?? modulusLength).toBe(detail);
  });

  test('the account is made once and used again by the next process', async () => {
    const pebble = await start();
    const config = configFor(pebble);
    await (await authority(config)).order(['a.example.com'], null, NEVER);
    const first = await (await openStorage()).account(config.caServer);
    expect(first!.url).toContain(`127.0.0.1:${pebble.ports[0]}`);
    await (await authority(config)).order(['b.example.com'], null, NEVER);
    expect(await (await openStorage()).account(config.caServer)).toEqual(first);
    expect(pebble.said().match(/There are now \d+ accounts in memory/g)).toHaveLength(1);
    // Another address to write to is told to the authority.
    await (await authority({ ...config, email: 'other@example.com' })).order(['b.example.com'], null, NEVER);
    expect(await (await openStorage()).account(config.caServer)).toEqual({ ...first, email: 'other@example.com' });
  });

  test('an account that the authority has forgotten is registered anew with the same key', async () => {
    const first = await Pebble.start({ httpPort: http.port });
    const config = configFor(first);
    await (await authority(config)).order(['a.example.com'], null, NEVER);
    const before = await (await openStorage()).account(config.caServer);
    await first[Symbol.asyncDispose]();
    const second = await start({ ports: first.ports });
    const ca = await authority({ ...config, caCertificates: [second.rootFile] });
    const failure: unknown = await ca.order(['a.example.com'], null, NEVER).catch((error: unknown) => error);
    expect(failure).toMatchObject({ scope: 'authority', type: 'accountDoesNotExist' });
    await ca.order(['a.example.com'], null, NEVER);
    const after = await (await openStorage()).account(config.caServer);
    expect(after!.keyPem).toBe(before!.keyPem);
    expect(after!.url).not.toBeNull();
  });

  test('an account is bound to one that the authority knows, or there is none', async () => {
    const key = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';
    const pebble = await start({
      config: { externalAccountBindingRequired: true, externalAccountMACKeys: { 'kid-1': key } },
    });
    const bound = configFor(pebble, `      eab: { kid: kid-1, hmacEncoded: ${key} }\n`);
    const without = await authority({ ...bound, externalAccount: null });
    expect(await without.order(['a.example.com'], null, NEVER).catch((error: unknown) => error)).toMatchObject({
      scope: 'authority',
      type: 'externalAccountRequired',
    });
    const issued = await (await authority(bound)).order(['a.example.com'], null, NEVER);
    expect(issued.facts.domains).toEqual(['a.example.com']);
  });

  test('the chain with the preferred issuer is taken, and a word said where there is none', async () => {
    const pebble = await start({ environment: { PEBBLE_ALTERNATE_ROOTS: '2', PEBBLE_CHAIN_LENGTH: '2' } });
    const config = configFor(pebble);
    const roots = [...pebble.said().matchAll(/Generated new root issuer CN=(Pebble Root CA \w+)/g)].map(
      ([, name]) => name!,
    );
    expect(roots).toHaveLength(3);
    for (const preferredChain of roots) {
      const ca = await authority({ ...config, preferredChain });
      const issued = await ca.order(['chain.example.com'], null, NEVER);
      expect(issuersOf(issued.certPem).at(-1)).toBe(preferredChain);
    }
    expect(log.records.filter(({ level }) => level === 'warn')).toEqual([]);
    const ca = await authority({ ...config, preferredChain: 'Somebody else' });
    await ca.order(['chain.example.com'], null, NEVER);
    expect(log.records.filter(({ level }) => level === 'warn')).toMatchObject([
      { message: 'the certificate authority offers no chain with the preferred issuer' },
    ]);
  });

  test('says what the authority found wrong, and takes the answer away', async () => {
    const pebble = await start();
    const config = configFor(pebble);
    const board = new HttpChallengeBoard(() => Promise.resolve());
    const ca = await authority(config, [new HttpChallengePresenter(board, 0)]);
    const failure: unknown = await ca.order(['refused.example.com'], null, NEVER).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AcmeFailure);
    expect(failure).toMatchObject({ scope: 'certificate', type: 'unauthorized' });
    expect((failure as Error).message).toMatch(/refused refused\.example\.com: .*404/);
    // A name the authority does not take.
    const blocked = await start({ config: { domainBlocklist: ['blocked.example.com'] } });
    const other = await authority({ ...config, caServer: blocked.directoryUrl, caCertificates: [blocked.rootFile] });
    expect(await other.order(['blocked.example.com'], null, NEVER).catch((error: unknown) => error)).toMatchObject({
      scope: 'certificate',
      type: 'rejectedIdentifier',
    });
  });

  test('an authority is believed by its own root and its own name alone', async () => {
    const pebble = await start();
    const config = configFor(pebble);
    const order = async (changes: Partial<AcmeResolverConfig>): Promise<unknown> =>
      (await authority({ ...config, ...changes })).order(['a.example.com'], null, NEVER).then(
        () => 'issued',
        (error: unknown) => error,
      );
    expect(await order({ caServerName: 'ca.test' })).toBe('issued');
    expect(await order({ caServerName: 'other.test' })).toMatchObject({ scope: 'authority' });
    const stranger = await order({ caCertificates: [], usesPublicRoots: true });
    expect(stranger).toMatchObject({ scope: 'authority' });
    expect((stranger as Error).message).toMatch(/cannot be reached: .*(?:unable to|self-signed|UNABLE)/);
    expect(await order({ caCertificates: [join(directory, 'none.pem')] })).toMatchObject({
      scope: 'authority',
      message: expect.stringContaining('ENOENT') as string,
    });
    expect(await order({ profile: 'shortlived' })).toMatchObject({
      scope: 'authority',
      message: expect.stringContaining('no profile "shortlived"') as string,
    });
  });

  test('asks for the renewal window, says what a certificate replaces, and asks for a profile', async (context) => {
    const profiles = {
      default: { description: 'ordinary', validityPeriod: 7_776_000 },
      shortlived: { description: 'six days', validityPeriod: 518_400 },
    };
    const pebble = await start({ config: { profiles } });
    const config = configFor(pebble);
    const ca = await authority({ ...config, profile: 'shortlived' });
    const first = await ca.order(['ari.example.com'], null, NEVER).catch((error: unknown) => error);
    if (first instanceof AcmeFailure && first.message.includes('has no profile')) {
      context.skip('this Pebble is older than profiles and renewal windows (2.7)');
      return;
    }
    const { facts } = first as StoredCertificate;
    expect((facts.notAfter - facts.notBefore) / 86_400_000).toBeCloseTo(6, 1);
    const answer = await ca.askRenewal(facts.ariId!, NEVER);
    expect(answer!.window!.start).toBeGreaterThan(facts.notBefore);
    expect(answer!.window!.end).toBeLessThan(facts.notAfter + 86_400_000);
    expect(answer!.retryAfterMs).toBeGreaterThan(0);
    const second = await ca.order(['ari.example.com'], facts.ariId, NEVER);
    expect(second.facts.ariId).not.toBe(facts.ariId);
    // It has been replaced already: no reason to have none.
    const third = await ca.order(['ari.example.com'], facts.ariId, NEVER);
    expect(third.facts.domains).toEqual(['ari.example.com']);
    expect(log.records).toMatchObject([{ message: expect.stringContaining('predecessor') as string }]);
    expect(await ca.order(['ari.example.com'], 'bm90LmE.c2VyaWFs', NEVER)).toBeDefined();
  });

  test('the manager orders, stores, renews before the end, and serves from the store after a restart', async () => {
    // The first is the word of older ones.
    const profiles = { default: { description: 'short', validityPeriod: 6 } };
    const pebble = await start({ config: { certificateValidityPeriod: 6, profiles } });
    const config = configFor(pebble);
    const create = (): ReturnType<typeof createAcmeManager> =>
      createAcmeManager({
        resolvers: [config],
        environment: {},
        clock: new SystemClock(),
        log,
        version: 'test',
        publishHttpChallenges(challenges) {
          http.answers = challenges;
          return Promise.resolve();
        },
        publishAlpnCertificates: () => Promise.resolve(),
        event: () => {},
      });
    const manager = create();
    await manager.start();
    const seen: number[] = [];
    const renewed = new Promise<void>((resolve) => {
      manager.listen(() => {
        const [first] = manager.certificates;
        if (first !== undefined && !seen.includes(first.notAfter)) seen.push(first.notAfter);
        if (seen.length === 2) resolve();
      });
    });
    manager.setWanted([{ resolver: 'test', domains: ['short.example.com'], routers: ['r@file'] }]);
    expect(manager.status()).toMatchObject([{ state: 'ordering', domains: ['short.example.com'] }]);
    await renewed;
    expect(manager.counts()).toEqual([{ resolver: 'test', issued: 2, failed: 0 }]);
    await manager.stop();
    const next = create();
    await next.start();
    const [stored] = next.certificates;
    expect(stored).toMatchObject({ domains: ['short.example.com'], notAfter: seen[1] });
    await next.stop();
    expect(log.text()).not.toContain('PRIVATE KEY');
  });
});
