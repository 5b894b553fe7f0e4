// Pebble, the test authority of Let's Encrypt, on ports of its own and with a root of its own; names are answered with
// loopback by its companion, or by a name server that is given.

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from './engine.ts';
import { holdPorts, ownAddress, ownPort } from './ports.ts';

export interface PebbleOptions {
  /** Ports it looks at challenges on. */
  readonly httpPort?: number;
  readonly tlsPort?: number;
  /** `host:port`; the companion's when left out. */
  readonly nameServer?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Further members of its configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Ports of an earlier one, to take its place. */
  readonly ports?: readonly [directory: number, management: number];
}

/** Of pebble-challtestsrv: a name server that says 127.0.0.1 of every name, and answers no challenge itself. */
export function nameServerArgs(dns: string, management: string): readonly string[] {
  const off = ['-defaultIPv6', '-http01', '-https01', '-tlsalpn01'].flatMap((flag) => [flag, '']);
  return ['-dns01', dns, '-management', management, '-defaultIPv4', '127.0.0.1', ...off];
}

export class Pebble implements AsyncDisposable {
  readonly directoryUrl: string;
  readonly managementUrl: string;
  readonly ports: readonly [number, number];
  /** PEM file with the root that its own certificate comes from. */
  readonly rootFile: string;
  readonly #engines: readonly Engine[];
  readonly #directory: string;

  private constructor(ports: readonly [number, number], directory: string, engines: readonly Engine[]) {
    this.ports = ports;
    this.directoryUrl = `https://127.0.0.1:${ports[0]}/dir`;
    this.managementUrl = `https://127.0.0.1:${ports[1]}`;
    this.rootFile = join(directory, 'root.pem');
    this.#directory = directory;
    this.#engines = engines;
  }

  static async start(options: PebbleOptions = {}): Promise<Pebble> {
    const directory = await mkdtemp(join(tmpdir(), 'signalbox-pebble-'));
    const [own, management, control] = holdPorts(3);
    const dns = `${ownAddress()}:${ownPort()}`;
    const ports = options.ports ?? ([own!, management!] as const);
    makeCertificates(directory);
    const engines: Engine[] = [];
    if (options.nameServer === undefined) {
      engines.push(
        await Engine.start('pebble-challtestsrv', {
          args: nameServerArgs(dns, `127.0.0.1:${control}`),
          ready: /management server/i,
          opens: [control!],
        }),
      );
    }
    const config = join(directory, 'pebble.json');
    await writeFile(
      config,
      JSON.stringify({
        pebble: {
          listenAddress: `127.0.0.1:${ports[0]}`,
          managementListenAddress: `127.0.0.1:${ports[1]}`,
          certificate: join(directory, 'pebble.pem'),
          privateKey: join(directory, 'pebble.key'),
          httpPort: options.httpPort ?? 1,
          tlsPort: options.tlsPort ?? 1,
          ...options.config,
        },
      }),
    );
    engines.push(
      await Engine.start('pebble', {
        args: ['-config', config, '-strict', '-dnsserver', options.nameServer ?? dns],
        environment: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '5', ...options.environment },
        ready: /ACME directory available/,
        opens: ports,
      }),
    );
    return new Pebble(ports, directory, engines);
  }

  said(): string {
    return this.#engines.map((engine) => engine.said()).join('');
  }

  /** Ends the authority; its files stay. */
  async end(): Promise<void> {
    for (const engine of this.#engines) await engine[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** A root and a certificate for 127.0.0.1 and ca.test. */
function makeCertificates(directory: string): void {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'root.key', '-out', 'root.pem', '-days', '2', '-subj', '/CN=Test root');
  const made = ['-keyout', 'pebble.key', '-out', 'pebble.pem', '-days', '2', '-subj', '/CN=ca.test'];
  const signed = ['-CA', 'root.pem', '-CAkey', 'root.key', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:ca.test'];
  openssl('req', '-x509', ...key, ...made, ...signed, '-addext', 'basicConstraints=critical,CA:FALSE');
}
