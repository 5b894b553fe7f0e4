// dns-01 with real name servers: BIND takes the updates, and Pebble asks it for the records.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SystemClock } from '../../src/core/clock.ts';
import { createAcmeManager } from '../../src/controlplane/acme/create-manager.ts';
import { ProviderEnvironment } from '../../src/controlplane/acme/dns/environment.ts';
import { Lookups } from '../../src/controlplane/acme/dns/lookups.ts';
import type { DnsRecord } from '../../src/controlplane/acme/dns/provider.ts';
import { createRfc2136 } from '../../src/controlplane/acme/dns/rfc2136.ts';
import { decodeInstall } from '../../src/controlplane/config/install/load-install.ts';
import { Bind, type BindKey } from '../support/bind.ts';
import { missingPrograms } from '../support/engine.ts';
import { Pebble } from '../support/pebble.ts';
import { ownAddress, ownPort } from '../support/ports.ts';
import { RecordingLog } from '../support/recording-log.ts';

const missing = missingPrograms('named', 'dig');
const withPebble = missing ?? missingPrograms('pebble', 'openssl');
const NEVER = new AbortController().signal;
const ALGORITHMS = ['hmac-md5', 'hmac-sha1', 'hmac-sha224', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'];

const keys: readonly BindKey[] = ALGORITHMS.map((algorithm) => ({
  name: `key-${algorithm}`,
  algorithm,
  secret: randomBytes(32).toString('base64'),
}));

function record(name: string, value: string): DnsRecord {
  return { name, value, domain: '', token: '', keyAuthorization: '' };
}

function environmentOf(
  bind: { readonly host: string; readonly port: number },
  key: BindKey | null,
): Record<string, string> {
  return {
    RFC2136_NAMESERVER: `${bind.host}:${bind.port}`,
    RFC2136_DNS_TIMEOUT: '600',
    RFC2136_PROPAGATION_TIMEOUT: '600',
    RFC2136_POLLING_INTERVAL: '1',
    ...(key === null
      ? {}
      : { RFC2136_TSIG_KEY: key.name, RFC2136_TSIG_ALGORITHM: `${key.algorithm}.`, RFC2136_TSIG_SECRET: key.secret }),
  };
}

describe.skipIf(missing !== null)(`dynamic updates of BIND${missing === null ? '' : ` (${missing})`}`, () => {
  let disposables: AsyncDisposable[];
  let bind: Bind;

  beforeEach(async () => {
    disposables = [];
    bind = await Bind.start({
      keys,
      fixed: `_acme-challenge.www IN CNAME www.delegated.example.test.\n_acme-challenge.loop IN CNAME _acme-challenge.loop\n`,
    });
    disposables.push(bind);
  });

  afterEach(async () => {
    for (const one of disposables.toReversed()) await one[Symbol.asyncDispose]();
  });

  test.each(keys)('$algorithm: adds a record beside others and takes it away alone', async (key) => {
    const provider = createRfc2136(new ProviderEnvironment(environmentOf(bind, key)));
    const [first, second] = [
      record('_acme-challenge.a.example.test', 'one'),
      record('_acme-challenge.a.example.test', 'two'),
    ];
    await provider.present(first, NEVER);
    await provider.present(second, NEVER);
    expect(bind.txt('_acme-challenge.a.example.test')).toEqual(['one', 'two']);
    await provider.cleanUp(first, NEVER);
    expect(bind.txt('_acme-challenge.a.example.test')).toEqual(['two']);
    await provider.cleanUp(second, NEVER);
    await provider.cleanUp(second, NEVER);
    expect(bind.txt('_acme-challenge.a.example.test')).toEqual([]);
  });

  test('says why the server refused', async () => {
    const key = keys[3]!;
    const attempt = (environment: Record<string, string>, name = '_acme-challenge.a.example.test'): Promise<unknown> =>
      createRfc2136(new ProviderEnvironment(environment))
        .present(record(name, 'x'), NEVER)
        .then(
          () => 'done',
          (error: Error) => error.message,
        );
    const good = environmentOf(bind, key);
    expect(await attempt({ ...good, RFC2136_TSIG_KEY: 'nobody' })).toMatch(/BADKEY/);
    expect(await attempt({ ...good, RFC2136_TSIG_SECRET: 'AAAA' })).toMatch(/BADSIG/);
    expect(await attempt({ ...good, RFC2136_TSIG_ALGORITHM: 'hmac-sha512' })).toMatch(/BADKEY|BADSIG/);
    expect(await attempt(environmentOf(bind, null))).toMatch(/REFUSED/);
    expect(await attempt(good, '_acme-challenge.fixed.test')).toMatch(/REFUSED|NOTAUTH/);
    expect(await attempt(good, '_acme-challenge.elsewhere.org')).toMatch(/zone/);
    const closed = { host: ownAddress(), port: ownPort() };
    expect(await attempt(environmentOf(closed, key))).toMatch(/cannot be asked|ECONNREFUSED/);
    expect(bind.txt('_acme-challenge.a.example.test')).toEqual([]);
  });

  test('takes the key from a file of tsig-keygen', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'signalbox-key-'));
    disposables.push({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) });
    const { name, algorithm, secret } = keys[5]!;
    const file = join(directory, 'key');
    await writeFile(file, `key "${name}" {\n\talgorithm ${algorithm};\n\tsecret "${secret}";\n};\n`);
    const environment = { RFC2136_NAMESERVER: `${bind.host}:${bind.port}`, RFC2136_TSIG_FILE: file };
    await createRfc2136(new ProviderEnvironment(environment)).present(record('f.example.test', 'x'), NEVER);
    expect(bind.txt('f.example.test')).toEqual(['x']);
  });

  test.each(['silent', 'truncated'])('goes over to TCP when UDP is %s', async (kind) => {
    const own = { host: ownAddress(), port: ownPort() };
    const udp = createSocket('udp4');
    // Questions go through, updates do not.
    udp.on('message', (message, from) => {
      if (((message.readUInt16BE(2) >> 11) & 15) === 5) {
        if (kind === 'silent') return;
        const answer = Buffer.from(message.subarray(0, 12));
        answer.writeUInt16BE(0x8000 | (5 << 11) | 0x0200 | 1, 2);
        answer.fill(0, 4);
        udp.send(answer, from.port, from.address);
        return;
      }
      const through = createSocket('udp4');
      through.once('message', (answer) => {
        udp.send(answer, from.port, from.address);
        through.close();
      });
      through.send(message, bind.port, bind.host);
    });
    await new Promise<void>((resolve) => udp.bind(own.port, own.host, resolve));
    const tcp = net.createServer((socket) => {
      const through = net.connect(bind.port, bind.host);
      socket.pipe(through).pipe(socket);
      socket.on('error', () => through.destroy());
      through.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => tcp.listen(own.port, own.host, resolve));
    disposables.push({
      [Symbol.asyncDispose]() {
        udp.close();
        tcp.close();
        return Promise.resolve();
      },
    });
    const provider = createRfc2136(
      new ProviderEnvironment({
        ...environmentOf(own, keys[3]!),
        // Silence is what is waited for; the question over TCP has a wait of its own.
        ...(kind === 'silent' ? { RFC2136_DNS_TIMEOUT: '3' } : {}),
      }),
    );
    await provider.present(record('tcp.example.test', kind), NEVER);
    expect(bind.txt('tcp.example.test')).toEqual([kind]);
  });

  test('finds zones, their servers, CNAMEs, and whether a record is there', async () => {
    const lookups = new Lookups({ resolvers: [{ host: bind.host, port: bind.port }], authoritativePort: bind.port });
    expect(await lookups.findZone('_acme-challenge.a.b.example.test')).toBe('example.test');
    expect(await lookups.followCnames('_acme-challenge.www.fixed.test')).toBe('www.delegated.example.test');
    expect(await lookups.followCnames('_acme-challenge.none.fixed.test')).toBe('_acme-challenge.none.fixed.test');
    await expect(lookups.followCnames('_acme-challenge.loop.fixed.test')).rejects.toThrow();
    const servers = await lookups.serversOf('example.test');
    expect(servers).toEqual([{ name: 'ns1.example.test', addresses: [bind.host] }]);
    const provider = createRfc2136(new ProviderEnvironment(environmentOf(bind, keys[3]!)));
    await provider.present(record('t.example.test', 'x'), NEVER);
    expect(await lookups.zoneServerHas(servers[0]!, 't.example.test', 'x')).toBe(true);
    expect(await lookups.zoneServerHas(servers[0]!, 't.example.test', 'y')).toBe(false);
    expect(await lookups.zoneServerHas(servers[0]!, 'none.example.test', 'x')).toBe(false);
  });

  describe.skipIf(withPebble !== null)(
    `and certificates of Pebble${withPebble === null ? '' : ` (${withPebble})`}`,
    () => {
      async function run(
        dnsChallenge: string,
        domains: readonly string[],
      ): Promise<{ log: RecordingLog; error: string | null; issued: readonly string[] }> {
        const directory = await mkdtemp(join(tmpdir(), 'signalbox-acme-'));
        disposables.push({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) });
        const pebble = await Pebble.start({ nameServer: `${bind.host}:${bind.port}` });
        disposables.push(pebble);
        const { value, diagnostics } = decodeInstall(
          'signalbox.yml',
          `
certificatesResolvers:
  dns:
    acme:
      caServer: ${pebble.directoryUrl}
      caCertificates: [ ${pebble.rootFile} ]
      storage: ${directory}/acme.json
      keyType: EC256
      dnsChallenge:
        provider: rfc2136
        resolvers: [ "${bind.host}:${bind.port}" ]
${dnsChallenge}`,
        );
        expect(diagnostics).toEqual([]);
        const log = new RecordingLog();
        let settle: (error: string | null) => void = () => {};
        const ended = new Promise<string | null>((resolve) => {
          settle = resolve;
        });
        const manager = createAcmeManager({
          resolvers: value!.certificatesResolvers,
          environment: environmentOf(bind, keys[3]!),
          clock: new SystemClock(),
          log,
          version: 'test',
          publishHttpChallenges: () => Promise.resolve(),
          publishAlpnCertificates: () => Promise.resolve(),
          event: ({ error }) => settle(error),
          authoritativePort: bind.port,
        });
        await manager.start();
        manager.setWanted([{ resolver: 'dns', domains, routers: [] }]);
        const error = await ended;
        const issued = manager.certificates.flatMap((one) => one.domains);
        await manager.stop();
        return { log, error, issued };
      }

      test('a wildcard and its apex, whose records stand side by side', async () => {
        const { error, issued, log } = await run('', ['*.example.test', 'example.test']);
        expect([error, issued.toSorted()]).toEqual([null, ['*.example.test', 'example.test']]);
        expect(bind.txt('_acme-challenge.example.test')).toEqual([]);
        expect(log.text()).not.toContain(keys[3]!.secret);
      });

      test('the record is made where a CNAME leads', async () => {
        const { error, issued } = await run('', ['www.fixed.test']);
        expect([error, issued]).toEqual([null, ['www.fixed.test']]);
        expect(bind.said()).toMatch(/www\.delegated\.example\.test/);
      });

      test('the resolvers alone are asked when the zone’s servers are not', async () => {
        const options =
          '        propagation: { requireAllRNS: true, disableANSChecks: true, delayBeforeChecks: 200ms }';
        const { error, issued } = await run(options, ['rns.example.test']);
        expect([error, issued]).toEqual([null, ['rns.example.test']]);
      });

      test('without checks the authority is told at once', async () => {
        const { error, issued } = await run('        propagation: { disableChecks: true }', ['off.example.test']);
        expect([error, issued]).toEqual([null, ['off.example.test']]);
      });

      test('a zone that takes no updates is said to be one', async () => {
        const { error } = await run('', ['other.fixed.test']);
        expect(error).toMatch(/refused the update/);
      });
    },
  );
});
