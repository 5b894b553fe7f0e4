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
import type { ChallengePresenter } from '../../src/controlplane/acme/challenge.ts';
import { checkPair, issuersOf } from '../../src/controlplane/acme/certificate.ts';
import { createAcmeManager } from '../../src/controlplane/acme/create-manager.ts';
import { AcmeFailure } from '../../src/controlplane/acme/failure.ts';
import { HttpChallengeBoard, HttpChallengePresenter } from '../../src/controlplane/acme/http-challenge.ts';
import { ResolverStorage } from '../../src/controlplane/acme/resolver-storage.ts';
import { AlpnCertificateBoard, TlsAlpnChallengePresenter } from '../../src/controlplane/acme/tls-alpn-challenge.ts';
import type { AcmeResolverConfig } from '../../src/controlplane/config/certificates-resolver-options.ts';
import { decodeInstall } from '../../src/controlplane/config/install-config.ts';
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
  });
});
